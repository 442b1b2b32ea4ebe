// What is asked of an SVG before it is rendered. Rendering can take for ever whatever is asked: the deadline ends that.
import { ProofsheetError } from '../../kernel/errors.js';
import { rootAt, SVG_ROOT, xmlText } from '../xml-text.js';
import { embeddedPicturePixels } from './svg-pictures.js';
import { safeSvg } from './svg-safe.js';

/** Rendering time grows with the document, and librsvg reads it whole. */
const MAX_SVG_BYTES = 4 * 1024 * 1024;
/** A root element is not read further for its size. */
const MAX_ROOT_CHARACTERS = 64 * 1024;
/** What libvips renders at most on a side; larger figures wrap around in it and give a 1x1 picture. */
const MAX_SVG_SIDE = 32_767;
/** Decoded, and as the renderer's own pixels: 12.2 were measured of 16 to 64 megapixels. */
const PICTURE_BYTES_PER_PIXEL = 13;
const LENGTH = /^\s*([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)\s*(?:px|pt|pc|in|cm|mm|em|ex|rem|q|%)?\s*$/i;

/** Throws `source-limits-exceeded` for a document that is too long or too large, `source-undecodable` for one without a size. */
export function checkSvg(bytes: Buffer): void {
  if (bytes.length > MAX_SVG_BYTES) {
    throw new ProofsheetError(
      'source-limits-exceeded',
      `expected an SVG of at most ${MAX_SVG_BYTES} bytes, got ${bytes.length}`,
    );
  }
  const root = rootAttributes(xmlText(bytes));
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
  const root = rootAttributes(xmlText(bytes));
  const given = (name: string): number =>
    Number(LENGTH.exec(attribute(root, name) ?? '')?.[1] ?? Number.POSITIVE_INFINITY);
  if (given('width') <= 1 && given('height') <= 1) return;
  throw new ProofsheetError(
    'source-limits-exceeded',
    `expected an SVG width and height of more than 0 and at most ${MAX_SVG_SIDE}, got other ones by its style`,
  );
}

/** Lengths that the renderer does not know, in pixels: of a root element's font of 16, and quarters of a millimetre. */
const OTHER_UNITS: Readonly<Record<string, number>> = { rem: 16, q: 96 / 101.6 };
const OTHER_LENGTH = /^\s*(\+?[0-9]*\.?[0-9]+(?:e[-+]?[0-9]+)?)(rem|q)\s*$/i;

/**
 * The document as the renderer gets it: made safe, in UTF-8, with nothing before its root, and with sides that are given in units it
 * does not know in pixels. Throws `source-limits-exceeded` for one that draws too much.
 */
export function svgForDecoder(bytes: Buffer): Buffer {
  const text = safeSvg(xmlText(bytes));
  SVG_ROOT.lastIndex = 0;
  const root = SVG_ROOT.exec(text)?.[0] ?? '';
  const tag = root.replace(/(\s(?:width|height)=)"([^"]*)"/g, (whole, name: string, side: string) => {
    const [, value, unit] = OTHER_LENGTH.exec(side) ?? [];
    const factor = OTHER_UNITS[unit?.toLowerCase() ?? ''];
    return factor === undefined ? whole : `${name}"${Number(value) * factor}"`;
  });
  // The library looks for these letters near the start of a document, whatever the prefix of its root is.
  return Buffer.from(`<!--<svg-->${tag}${text.slice(root.length)}`);
}

/** What the renderer takes at most beside its canvas, for the pictures that lie in the document (as `svgForDecoder` gives it): bytes. */
export function svgPictureBytes(bytes: Buffer): number {
  let pixels = 0;
  for (const [, reference = ''] of bytes.toString('latin1').matchAll(/href="(\s*data:[^"]*)"/gi))
    pixels += embeddedPicturePixels(reference) ?? 0;
  return pixels * PICTURE_BYTES_PER_PIXEL;
}

function rootAttributes(text: string): string {
  const start = rootAt(text);
  SVG_ROOT.lastIndex = start;
  const attributes = SVG_ROOT.exec(text)?.[1] ?? '';
  // Entities of the document type, one level deep: sides are given by them now and then.
  const entities = new Map(
    [...text.slice(0, start).matchAll(/<!ENTITY\s+([\w.-]+)\s+(?:"([^"]*)"|'([^']*)')\s*>/g)].map(
      ([, name, double, single]) => [name, double ?? single ?? ''] as const,
    ),
  );
  return attributes
    .slice(0, MAX_ROOT_CHARACTERS)
    .replace(/&([\w.-]+);/g, (whole, name: string) => entities.get(name)?.slice(0, 100) ?? whole);
}

function attribute(root: string, name: string): string | undefined {
  const found = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(root);
  return found?.[1] ?? found?.[2];
}

/**
 * The side as it is given, or by the view box when it is not. What is no length ("auto", nothing, an unknown unit) is not given:
 * the renderer takes it so.
 */
function checkSide(name: string, given: string | undefined, ofBox: string | undefined): void {
  const text = [given, ofBox].find((side) => side !== undefined && LENGTH.test(side));
  if (text === undefined) return;
  const value = Number(LENGTH.exec(text)?.[1] ?? Number.NaN);
  const expected = `expected an SVG ${name} of more than 0 and at most ${MAX_SVG_SIDE}, got ${text.slice(0, 20)}`;
  if (!(value > 0)) throw new ProofsheetError('source-undecodable', expected);
  if (value > MAX_SVG_SIDE) throw new ProofsheetError('source-limits-exceeded', expected);
}
