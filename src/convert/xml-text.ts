// The characters of an XML document: which coding it is in, and what stands before its root element.

/** A mark, or the zeros of its first character, tell UTF-16; otherwise the declaration tells (XML 1.0, appendix F). */
export function xmlText(bytes: Uint8Array): string {
  const [a, b] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0x3c && b === 0)) return decoded(bytes, 'utf-16le');
  if ((a === 0xfe && b === 0xff) || (a === 0 && b === 0x3c)) return decoded(bytes, 'utf-16be');
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 200)).toString('latin1');
  const declared = /^(?:\xef\xbb\xbf)?<\?xml[^>]*?\bencoding\s*=\s*["']([\w.:-]+)["']/.exec(head)?.[1] ?? 'utf-8';
  // Who says UTF-16 in bytes that are none means something else.
  return decoded(bytes, /^utf-?16/i.test(declared) ? 'utf-8' : declared);
}

/** Without its mark. */
function decoded(bytes: Uint8Array, coding: string): string {
  try {
    return new TextDecoder(coding).decode(bytes);
  } catch {
    // Nobody knows that coding: its ASCII is read, which is all of most documents.
    return new TextDecoder('latin1').decode(bytes);
  }
}

/** Where the root element of `text` begins: behind white space, instructions, comments and a document type. */
export function rootAt(text: string): number {
  PROLOG.lastIndex = 0;
  PROLOG.exec(text);
  return PROLOG.lastIndex;
}

const PROLOG = /(?:\s+|<\?[\s\S]*?\?>|<!--[\s\S]*?-->|<!DOCTYPE\s(?:[^[>"']|"[^"]*"|'[^']*')*(?:\[[\s\S]*?\]\s*)?>)*/iy;
/** The start tag of an SVG's root, with any prefix; its attributes. */
export const SVG_ROOT = /<(?:[\w.-]+:)?svg(?=[\s>/])((?:[^>"']|"[^"]*"|'[^']*')*)>/iy;
