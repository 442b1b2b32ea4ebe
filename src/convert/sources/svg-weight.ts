// How much there is to draw in an SVG: elements, those that others refer to counted each time. A document of a few hundred bytes
// can say "ten of that" twelve times over.
import { ProofsheetError } from '../../kernel/errors.js';

/** Some seconds of the renderer's time. A map of a country has a tenth of it. */
const MAX_ELEMENTS = 200_000;
/** References to what refers to others: the renderer goes down into each on its stack. */
const MAX_HEIGHT = 512;

interface Element {
  readonly parts: Element[];
  readonly references: readonly string[];
  total: number | undefined;
  isOpen: boolean;
}

export class SvgWeight {
  private readonly byId = new Map<string, Element>();
  private readonly path: Element[] = [];
  private root: Element | undefined;
  private count = 0;

  begin(attributes: readonly (readonly [name: string, value: string])[]): void {
    if (++this.count > MAX_ELEMENTS) throw tooMany();
    const references: string[] = [];
    for (const [name, value] of attributes) {
      if (/(?:^|:)href$/i.test(name) && value.trimStart().startsWith('#')) references.push(value.trim().slice(1));
      else if (value.includes('#') && !name.startsWith('xmlns'))
        for (const [, id] of value.matchAll(/url\s*\(\s*["']?\s*#([^"')\s]+)/gi)) references.push(id ?? '');
    }
    const element: Element = { parts: [], references, total: undefined, isOpen: false };
    this.path.at(-1)?.parts.push(element);
    this.root ??= element;
    const id = attributes.find(([name]) => name === 'id')?.[1];
    if (id !== undefined && !this.byId.has(id)) this.byId.set(id, element);
    this.path.push(element);
  }

  end(): void {
    this.path.pop();
  }

  /** Throws `source-limits-exceeded`. */
  check(): void {
    if (this.root && this.totalOf(this.root, 0) > MAX_ELEMENTS) throw tooMany();
  }

  private totalOf(element: Element, height: number): number {
    if (element.total !== undefined) return element.total;
    // A circle: the renderer ends there.
    if (element.isOpen) return 0;
    if (height > MAX_HEIGHT)
      throw new ProofsheetError(
        'source-limits-exceeded',
        `expected an SVG whose references are at most ${MAX_HEIGHT} deep`,
      );
    element.isOpen = true;
    let total = 1;
    for (const part of element.parts) total += this.totalOf(part, height + 1);
    for (const id of element.references) {
      const target = this.byId.get(id);
      if (target) total += this.totalOf(target, height + 1);
    }
    element.isOpen = false;
    element.total = total;
    return total;
  }
}

function tooMany(): ProofsheetError {
  return new ProofsheetError(
    'source-limits-exceeded',
    `expected an SVG that draws at most ${MAX_ELEMENTS} elements, those it uses counted each time`,
  );
}
