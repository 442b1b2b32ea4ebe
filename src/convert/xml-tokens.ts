// An XML document as its tags and texts, with what it says of itself alone: entities are its own, bounded, and nothing outside is
// ever read. Comments, instructions and the document type are passed over.
import { rootAt } from './xml-text.js';

export type XmlToken =
  | {
      readonly kind: 'start';
      /** With its prefix. */
      readonly name: string;
      /** Values as they are meant: references are resolved. */
      readonly attributes: readonly (readonly [name: string, value: string])[];
      /** It has no content, and no end follows. */
      readonly empty: boolean;
    }
  | { readonly kind: 'end'; readonly name: string }
  | { readonly kind: 'text'; readonly text: string };

/** What is no XML, or says more than is read. */
export class XmlFault extends Error {}

/** Characters that entities stand for in the whole document; each counts for one more, so that empty ones end too. */
const MAX_EXPANDED = 128 * 1024;
/** Entities inside entities. */
const MAX_ENTITY_DEPTH = 16;
const PREDEFINED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const NAME = /[^\s/>=<"'&!?]+/y;
const SPACE = /\s*/y;

/** The tokens of `text` from its root element on, in order; throws `XmlFault` where it is none, at the latest at its end. */
export function xmlTokens(text: string): Generator<XmlToken> {
  return new XmlReader(text).tokens();
}

class XmlReader {
  private readonly entities: ReadonlyMap<string, string>;
  private expanded = 0;

  constructor(private readonly text: string) {
    const declared = text.slice(0, rootAt(text)).matchAll(/<!ENTITY\s+([\w.-]+)\s+(?:"([^"]*)"|'([^']*)')\s*>/g);
    // The first declaration counts. Those of files and servers are not read: nothing is known of such an entity.
    const entities = new Map<string, string>();
    for (const [, name = '', double, single] of declared)
      if (!entities.has(name)) entities.set(name, double ?? single ?? '');
    this.entities = entities;
  }

  tokens(): Generator<XmlToken> {
    return this.content(this.text, rootAt(this.text), 0);
  }

  private *content(text: string, from: number, depth: number): Generator<XmlToken> {
    let at = from;
    while (at < text.length) {
      if (text[at] !== '<') {
        const next = text.indexOf('<', at);
        const end = next < 0 ? text.length : next;
        yield* this.characters(text.slice(at, end), depth);
        at = end;
      } else if (text.startsWith('<!--', at)) at = behind(text, '-->', at + 4);
      else if (text.startsWith('<?', at)) at = behind(text, '?>', at + 2);
      else if (text.startsWith('<![CDATA[', at)) {
        const end = behind(text, ']]>', at + 9);
        yield { kind: 'text', text: text.slice(at + 9, end - 3) };
        at = end;
      } else if (text[at + 1] === '/') {
        const end = behind(text, '>', at + 2);
        yield { kind: 'end', name: text.slice(at + 2, end - 1).trimEnd() };
        at = end;
      } else {
        const { token, end } = this.startTag(text, at + 1);
        yield token;
        at = end;
      }
    }
  }

  private startTag(text: string, from: number): { readonly token: XmlToken; readonly end: number } {
    const name = matched(NAME, text, from);
    if (name === '') throw new XmlFault('expected a name of an element');
    const attributes: [string, string][] = [];
    let at = from + name.length;
    for (;;) {
      at += matched(SPACE, text, at).length;
      if (text[at] === '>') return { token: { kind: 'start', name, attributes, empty: false }, end: at + 1 };
      if (text.startsWith('/>', at)) return { token: { kind: 'start', name, attributes, empty: true }, end: at + 2 };
      const key = matched(NAME, text, at);
      at += key.length;
      at += matched(SPACE, text, at).length;
      if (key === '' || text[at] !== '=') throw new XmlFault('expected an attribute');
      at += 1 + matched(SPACE, text, at + 1).length;
      const quote = text[at];
      if (quote !== '"' && quote !== "'") throw new XmlFault('expected a value in quotes');
      const end = behind(text, quote, at + 1);
      attributes.push([key, this.value(text.slice(at + 1, end - 1).replace(/[\t\r\n]/g, ' '), 0)]);
      at = end;
    }
  }

  /** Text of content: an entity may hold tags of its own. */
  private *characters(text: string, depth: number): Generator<XmlToken> {
    let plain = '';
    for (const [piece, name] of pieces(text)) {
      plain += piece;
      if (name === undefined) continue;
      const known = characterOf(name);
      if (known !== undefined) {
        plain += known;
        continue;
      }
      const value = this.entity(name, depth);
      if (plain !== '') yield { kind: 'text', text: plain };
      plain = '';
      yield* this.content(value, 0, depth + 1);
    }
    if (plain !== '') yield { kind: 'text', text: plain };
  }

  private value(text: string, depth: number): string {
    if (!text.includes('&')) return text;
    let whole = '';
    for (const [piece, name] of pieces(text)) {
      whole += piece;
      if (name !== undefined) whole += characterOf(name) ?? this.value(this.entity(name, depth), depth + 1);
    }
    return whole;
  }

  private entity(name: string, depth: number): string {
    const value = this.entities.get(name);
    if (value === undefined) throw new XmlFault('expected an entity that the document declares');
    this.expanded += value.length + 1;
    if (depth >= MAX_ENTITY_DEPTH || this.expanded > MAX_EXPANDED) throw new XmlFault('expected fewer entities');
    return value;
  }
}

/** The text between references, each with the name of the reference behind it. */
function* pieces(text: string): Generator<readonly [piece: string, name: string | undefined]> {
  let at = 0;
  for (;;) {
    const start = text.indexOf('&', at);
    if (start < 0) {
      yield [text.slice(at), undefined];
      return;
    }
    const end = behind(text, ';', start + 1);
    yield [text.slice(at, start), text.slice(start + 1, end - 1)];
    at = end;
  }
}

/** Of a reference that needs no declaration. */
function characterOf(name: string): string | undefined {
  if (!name.startsWith('#')) return Object.hasOwn(PREDEFINED, name) ? PREDEFINED[name] : undefined;
  const code = /^#x[0-9a-f]{1,6}$/i.test(name)
    ? Number.parseInt(name.slice(2), 16)
    : /^#[0-9]{1,7}$/.test(name)
      ? Number(name.slice(1))
      : Number.NaN;
  if (!(code >= 1 && code <= 0x10ffff)) throw new XmlFault('expected a character that there is');
  return String.fromCodePoint(code);
}

function behind(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  if (at < 0) throw new XmlFault(`expected ${mark}`);
  return at + mark.length;
}

function matched(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}
