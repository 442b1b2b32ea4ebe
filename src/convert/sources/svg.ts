// What is asked of an SVG before it is rendered. Rendering can take for ever whatever is asked: the deadline ends that.
import { ProofsheetError } from '../../kernel/errors.js';

/** Rendering time grows with the document, and librsvg reads it whole. */
const MAX_SVG_BYTES = 4 * 1024 * 1024;
/** What libvips renders at most on a side; larger figures wrap around in it and give a 1x1 picture. */
const MAX_SVG_SIDE = 32_767;

/** Throws `source-limits-exceeded` for a document that is too long or claims a size out of range. */
export function checkSvg(bytes: Buffer): void {
  if (bytes.length > MAX_SVG_BYTES) {
    throw new ProofsheetError(
      'source-limits-exceeded',
      `expected an SVG of at most ${MAX_SVG_BYTES} bytes, got ${bytes.length}`,
    );
  }
  const root = /<(?:[a-z]+:)?svg\b[^>]*>/i.exec(bytes.toString('latin1'))?.[0] ?? '';
  for (const side of ['width', 'height']) {
    const text = new RegExp(`\\s${side}\\s*=\\s*["']\\s*([-+0-9.eE]+)`).exec(root)?.[1];
    if (text === undefined) continue;
    const value = Number(text);
    if (!(value > 0 && value <= MAX_SVG_SIDE)) {
      throw new ProofsheetError(
        'source-limits-exceeded',
        `expected an SVG ${side} of more than 0 and at most ${MAX_SVG_SIDE}, got ${text.slice(0, 20)}`,
      );
    }
  }
}
