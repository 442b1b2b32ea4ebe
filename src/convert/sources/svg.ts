// What is asked of an SVG before it is rendered. Rendering can take for ever whatever is asked: the deadline ends that.
import { ProofsheetError } from '../../kernel/errors.js';

/** Rendering time grows with the document, and librsvg reads it whole. */
const MAX_SVG_BYTES = 4 * 1024 * 1024;
/** What libvips renders at most on a side; larger figures wrap around in it and give a 1x1 picture. */
const MAX_SVG_SIDE = 32_767;
/** What may stand before the root element. */
const PROLOG = /(?:\s+|<\?[^>]*>|<!--[\s\S]*?-->|<!DOCTYPE[^[>]*(?:\[[\s\S]*?\]\s*)?>)*/iy;
const ROOT = /<(?:[a-z]+:)?svg\b((?:[^>"']|"[^"]*"|'[^']*')*)>/iy;
const LENGTH = /^\s*([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)\s*(?:px|pt|pc|in|cm|mm|em|ex|%)?\s*$/i;

/** Throws `source-limits-exceeded` for a document that is too long or too large, `source-undecodable` for one without a size. */
export function checkSvg(bytes: Buffer): void {
  if (bytes.length > MAX_SVG_BYTES) {
    throw new ProofsheetError(
      'source-limits-exceeded',
      `expected an SVG of at most ${MAX_SVG_BYTES} bytes, got ${bytes.length}`,
    );
  }
  const root = rootAttributes(bytes.toString('latin1').replace(/^\xef\xbb\xbf/, ''));
  const [, , boxWidth, boxHeight] = (attribute(root, 'viewBox') ?? '').trim().split(/[\s,]+/);
  checkSide('width', attribute(root, 'width'), boxWidth);
  checkSide('height', attribute(root, 'height'), boxHeight);
}

/**
 * Style sheets can size a document too, and win over its attributes; what is larger than libvips renders comes out of it
 * as 1x1 then. Throws `source-limits-exceeded` for that, unless the document says itself that it is so small.
 */
export function checkRenderedSvg(
  bytes: Buffer,
  { width, height }: { readonly width: number; readonly height: number },
): void {
  if (width !== 1 || height !== 1) return;
  const root = rootAttributes(bytes.toString('latin1').replace(/^\xef\xbb\xbf/, ''));
  const given = (name: string): number =>
    Number(LENGTH.exec(attribute(root, name) ?? '')?.[1] ?? Number.POSITIVE_INFINITY);
  if (given('width') <= 1 && given('height') <= 1) return;
  throw new ProofsheetError(
    'source-limits-exceeded',
    `expected an SVG width and height of more than 0 and at most ${MAX_SVG_SIDE}, got other ones by its style`,
  );
}

function rootAttributes(text: string): string {
  PROLOG.lastIndex = 0;
  PROLOG.exec(text);
  ROOT.lastIndex = PROLOG.lastIndex;
  return ROOT.exec(text)?.[1] ?? '';
}

function attribute(root: string, name: string): string | undefined {
  const found = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(root);
  return found?.[1] ?? found?.[2];
}

/** The side as it is given, or by the view box when it is not. */
function checkSide(name: string, given: string | undefined, ofBox: string | undefined): void {
  const text = given ?? ofBox;
  if (text === undefined) return;
  const value = Number(LENGTH.exec(text)?.[1] ?? Number.NaN);
  const expected = `expected an SVG ${name} of more than 0 and at most ${MAX_SVG_SIDE}, got ${text.slice(0, 20)}`;
  if (!(value > 0)) throw new ProofsheetError('source-undecodable', expected);
  if (value > MAX_SVG_SIDE) throw new ProofsheetError('source-limits-exceeded', expected);
}
