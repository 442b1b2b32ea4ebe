// A picture that a document brings of itself: of a type that is decoded here, whatever it is called.
import type { EmbeddedPicture } from '../opened-source.js';
import { sniff } from '../sniff.js';

/** Longer ones are left alone. */
export const MAX_PICTURE_BYTES = 64 * 1024 * 1024;
/** The same of the lists in which documents tell what they hold. */
export const MAX_LIST_BYTES = 2 * 1024 * 1024;
const TYPES = ['jpeg', 'png', 'gif', 'webp'] as const;

/** `undefined` for what is none of them: metafiles, drawings. */
export function embeddedPicture(bytes: Buffer | undefined): EmbeddedPicture | undefined {
  const type = TYPES.find((known) => bytes !== undefined && sniff(bytes)?.type === known);
  return type && bytes && { kind: 'embedded', type, bytes };
}

/**
 * Attributes of each element `name` of an XML text, whatever its prefix; references are left as they are. No value holds a "<", so
 * that the look takes as long as the text is.
 */
export function elementsOf(xml: string, name: string): Readonly<Record<string, string>>[] {
  const elements: Record<string, string>[] = [];
  const tags = new RegExp(`<(?:[\\w.-]+:)?${name}\\s((?:[^<>"']|"[^"<]*"|'[^'<]*')*)>`, 'g');
  for (const [, attributes = ''] of xml.matchAll(tags)) {
    const element: Record<string, string> = {};
    for (const [, key = '', double, single] of attributes.matchAll(/([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) {
      element[key] = double ?? single ?? '';
    }
    elements.push(element);
    if (elements.length >= 10_000) break;
  }
  return elements;
}
