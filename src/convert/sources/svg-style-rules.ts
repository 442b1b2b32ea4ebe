// What the rules of a style sheet refer to, and which elements they are for: by the last part of their selectors alone, so that a
// rule is for no fewer elements than it truly is.

/** Parts of the document, by id. */
export interface References {
  readonly once: readonly string[];
  readonly atCorners: readonly string[];
}

export interface StyleRule {
  readonly selectors: readonly Simple[];
  readonly references: References;
}

/** What has to be so of an element; `undefined` for no matter. */
interface Simple {
  readonly name: string | undefined;
  readonly id: string | undefined;
  readonly classes: readonly string[];
}

/** An element as selectors know it. */
export interface Named {
  /** In lower case, without a prefix. */
  readonly name: string;
  readonly id: string | undefined;
  readonly classes: readonly string[];
}

/** The rules of `css` that refer to parts of the document; those in blocks for media are for all. */
export function styleRulesOf(css: string): StyleRule[] {
  const rules: StyleRule[] = [];
  for (const [, selectors = '', body = ''] of css.matchAll(/([^{}]*)\{([^{}]*)\}/g)) {
    if (!body.includes('#')) continue;
    const found = body.split(';').map((declaration) => {
      const colon = declaration.indexOf(':');
      return colon < 0 ? NONE : referencesIn(declaration.slice(0, colon).trim(), declaration.slice(colon + 1));
    });
    const references: References = {
      once: found.flatMap(({ once }) => once),
      atCorners: found.flatMap(({ atCorners }) => atCorners),
    };
    if (references.once.length + references.atCorners.length > 0)
      rules.push({ selectors: selectors.split(',').map(lastPart), references });
  }
  return rules;
}

const NONE: References = { once: [], atCorners: [] };

/** Of a property, or of a `style` attribute that holds several. */
export function referencesIn(property: string, value: string): References {
  if (property === 'style') {
    const [rule] = styleRulesOf(`*{${value.replace(/[{}]/g, ' ')}}`);
    return rule?.references ?? NONE;
  }
  const ids = [...value.matchAll(/url\s*\(\s*["']?\s*#([^"')\s]+)/gi)].map(([, id = '']) => id);
  return /^marker\b/i.test(property) ? { once: [], atCorners: ids } : { once: ids, atCorners: [] };
}

export function appliesTo({ selectors }: StyleRule, element: Named): boolean {
  return selectors.some(
    ({ name, id, classes }) =>
      (name === undefined || name === element.name) &&
      (id === undefined || id === element.id) &&
      classes.every((one) => element.classes.includes(one)),
  );
}

/** Of `g > .a path.b:hover`: a path of class b. What stands before it, and what else is asked of it, is taken for true. */
function lastPart(selector: string): Simple {
  const last =
    selector
      .replace(/\[[^\]]*\]|::?[\w-]+(?:\([^)]*\)?)?/g, '')
      .trim()
      .split(/[\s>+~]+/)
      .at(-1) ?? '';
  const name = /^(?:[\w-]*\|)?([a-z_][\w-]*)/i.exec(last)?.[1]?.toLowerCase();
  const partsBy = (sign: string) => last.split(/(?=[.#])/).flatMap((part) => (part[0] === sign ? [part.slice(1)] : []));
  return { name, id: partsBy('#')[0], classes: partsBy('.') };
}
