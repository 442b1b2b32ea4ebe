// An SVG written anew from its tags and texts, with nothing in it that leads out of the document or runs: what the renderer gets
// has no reference but to its own parts and to pictures that lie in it. The renderer follows none either; this is the first of two doors.
import { XmlFault, type XmlToken, xmlTokens } from '../xml-tokens.js';
import { plainPicture } from './svg-pictures.js';
import { SvgWeight } from './svg-weight.js';

/** Left out with all that is in them: what runs, what is HTML, and what stands for another document. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  'script',
  'handler',
  'foreignobject',
  'iframe',
  'object',
  'embed',
  'audio',
  'video',
  'canvas',
  'include',
  'fallback',
]);
/** The renderer's own reader goes no deeper. */
const MAX_DEPTH = 256;
/** Of the elements of which a picture can be a part of the drawing. */
const PICTURES: ReadonlySet<string> = new Set(['image', 'feimage']);

/**
 * `document` as the renderer may have it, without anything before its root. What is no XML comes back up to the fault, so that the
 * renderer finds it too. Throws `source-limits-exceeded` for a document that draws too many elements.
 */
export function safeSvg(document: string): string {
  const writer = new SafeWriter();
  try {
    for (const token of xmlTokens(document)) writer.add(token);
    writer.end();
  } catch (error) {
    if (!(error instanceof XmlFault)) throw error;
    return `${writer.text}<`;
  }
  return writer.text;
}

class SafeWriter {
  private readonly written: string[] = [];
  private readonly open: string[] = [];
  /** How many elements deep it is in what is left out. */
  private leftOut = 0;
  private css = '';
  private readonly weight = new SvgWeight();

  get text(): string {
    return this.written.join('');
  }

  add(token: XmlToken): void {
    if (token.kind === 'text') this.characters(token.text);
    else if (token.kind === 'end') this.close(token.name);
    else {
      this.start(token);
      if (token.empty) this.close(token.name);
    }
  }

  end(): void {
    if (this.open.length > 0 || this.written.length === 0) throw new XmlFault('expected the end of every element');
    this.weight.check();
  }

  private start({ name, attributes }: Extract<XmlToken, { kind: 'start' }>): void {
    if (this.open.length === 0 && this.written.length > 0) throw new XmlFault('expected one root');
    if (this.open.length >= MAX_DEPTH) throw new XmlFault(`expected elements at most ${MAX_DEPTH} deep`);
    this.open.push(name);
    const local = localName(name);
    if (this.leftOut > 0 || LEFT_OUT.has(local)) {
      this.leftOut++;
      return;
    }
    const kept = attributes.flatMap(([key, value]) => {
      const safe = safeAttribute(local, key, value);
      return safe === undefined ? [] : [[key, safe] as const];
    });
    this.weight.begin(local, kept);
    this.written.push(`<${name}`, ...kept.map(([key, value]) => ` ${key}="${escaped(value, /[&<>"\t\r\n]/g)}"`), '>');
  }

  private close(name: string): void {
    if (this.open.pop() !== name) throw new XmlFault('expected the end of the element that is open');
    if (this.leftOut > 0) {
      this.leftOut--;
      return;
    }
    if (localName(name) === 'style') {
      const css = safeCss(this.css);
      this.weight.style(css);
      this.written.push(escaped(css));
      this.css = '';
    }
    this.weight.end();
    this.written.push(`</${name}>`);
  }

  private characters(text: string): void {
    if (this.open.length === 0 && text.trim() !== '') throw new XmlFault('expected nothing beside the root');
    if (this.open.length === 0 || this.leftOut > 0) return;
    // A style sheet is looked at as a whole: comments and CDATA may stand in it.
    if (localName(this.open.at(-1) ?? '') === 'style') this.css += text;
    else {
      this.weight.text(text.length);
      this.written.push(escaped(text));
    }
  }
}

/** The value as it may stand; `undefined` where it may not. */
function safeAttribute(element: string, name: string, value: string): string | undefined {
  if (name === 'xmlns' || name.startsWith('xmlns:')) return value;
  const local = localName(name);
  if (local.startsWith('on') || name === 'xml:base' || local === 'src') return undefined;
  if (local !== 'href') return local === 'style' ? safeCss(value) : withoutUrls(value);
  if (/^\s*#/.test(value)) return value;
  return PICTURES.has(element) ? plainPicture(value) : undefined;
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1).toLowerCase();
}

/** Without imports, and without addresses but those of the document's own parts. */
function safeCss(css: string): string {
  const plain = unescaped(css.replace(/\/\*[\s\S]*?(?:\*\/|$)/g, ' '));
  return withoutUrls(plain).replace(/@\s*import[^;{}]*;?/gi, ' ');
}

/** Letters that were hidden behind escapes (CSS Syntax 3, 4.3.7); what would end a string or begin a tag becomes a space. */
function unescaped(css: string): string {
  return css.replace(/\\(?:([0-9a-f]{1,6})\s?|([\s\S]?))/gi, (_, hex: string | undefined, letter: string) => {
    const code = hex === undefined ? letter.codePointAt(0) : Number.parseInt(hex, 16);
    const character = code === undefined || code > 0x10ffff ? ' ' : String.fromCodePoint(code);
    return /[\w@(:/.#-]|[^\0-\x9f]/.test(character) ? character : ' ';
  });
}

function withoutUrls(value: string): string {
  if (!/(?:url|image-set)\s*\(/i.test(value)) return value;
  return value
    .replace(/image-set\s*\([^)]*\)?/gi, 'none')
    .replace(/url\s*\(([^)]*)\)?/gi, (whole, address: string) => (/^\s*["']?\s*#/.test(address) ? whole : 'none'));
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** White space of values that was meant, having come as references, would else be read as spaces. */
function escaped(text: string, special = /[&<>"\r]/g): string {
  return text.replace(special, (character) => ESCAPES[character] ?? `&#${character.charCodeAt(0)};`);
}
