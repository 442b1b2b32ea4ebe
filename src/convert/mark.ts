// What is laid over a picture when it is done: a text or an image of the operator, in the middle, as large as its scale says. Nothing of
// it comes from a source; where it cannot be laid, no picture is made, since one without it is not to be had.
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { digestOf } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import type { Mark } from '../kernel/recipe/recipe.js';
import type { Size } from '../kernel/sizes.js';
import { pipelineFrom, type Raster, rasterOfSize } from './raster.js';

/** Of a side of the picture, at scale 1. */
const SHARE = 0.9;
const MAX_MARK_PIXELS = 16_000_000;
/** What makes a white text be seen on white: the share of black behind it, and how far it reaches, in parts of the text's height. */
const SHADE = 0.7;
const SHADE_REACH = 1 / 40;

/** One byte a pixel. */
type Letters = Awaited<ReturnType<typeof written>>;

/** RGBA. */
interface Overlay extends Size {
  readonly pixels: Buffer;
}

/** Throws `internal` where the mark cannot be drawn: its file has changed, its type is not enabled, there are no fonts. */
export async function marked(raster: Raster, mark: Mark): Promise<Raster> {
  const box = {
    widthPx: Math.max(1, Math.round(raster.widthPx * SHARE * mark.scale)),
    heightPx: Math.max(1, Math.round(raster.heightPx * SHARE * mark.scale)),
  };
  const overlay = mark.kind === 'text' ? await textOverlay(mark.text, box) : await imageOverlay(mark, box);
  const { pixels, widthPx: width, heightPx: height } = overlay;
  for (let at = 3; at < pixels.length; at += 4) pixels[at] = Math.round((pixels[at] ?? 0) * mark.opacity);
  const laid = pipelineFrom(raster).composite([
    {
      input: pixels,
      raw: { width, height, channels: 4 },
      left: Math.floor((raster.widthPx - width) / 2),
      top: Math.floor((raster.heightPx - height) / 2),
    },
  ]);
  return rasterOfSize(raster.channels === 3 ? laid.removeAlpha() : laid, raster);
}

async function imageOverlay({ path, digest }: Mark & { kind: 'image' }, box: Size): Promise<Overlay> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw unmarkable('its file cannot be read', error);
  });
  if (digestOf(bytes) !== digest)
    throw unmarkable('its file has changed since it was read; have the tenants read again');
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: MAX_MARK_PIXELS })
      .resize(box.widthPx, box.heightPx, { fit: 'inside' })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { pixels: data, widthPx: info.width, heightPx: info.height };
  } catch (error) {
    throw unmarkable('it cannot be decoded; it is a PNG, and png has to be among the source types', error);
  }
}

/** White, with a soft black shade behind it. */
async function textOverlay(text: string, box: Size): Promise<Overlay> {
  if (!(await hasFonts())) throw unmarkable('this machine has no fonts');
  const { data: letters, info } = await fitted(await written(text, box), box);
  const size = { widthPx: info.width, heightPx: info.height };
  const shade = await sharp(letters, { raw: { width: info.width, height: info.height, channels: 1 } })
    .blur(Math.max(0.5, info.height * SHADE_REACH))
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  const pixels = Buffer.alloc(letters.length * 4);
  for (let at = 0; at < letters.length; at++) {
    const white = (letters[at] ?? 0) / 255;
    const behind = (1 - white) * SHADE * ((shade[at] ?? 0) / 255);
    const alpha = white + behind;
    const grey = alpha === 0 ? 0 : Math.round((255 * white) / alpha);
    pixels.fill(grey, at * 4, at * 4 + 3);
    pixels[at * 4 + 3] = Math.round(alpha * 255);
  }
  return { pixels, ...size };
}

/** The text as large as fits, one byte a pixel. */
function written(text: string, { widthPx: width, heightPx: height }: Size) {
  const escaped = text.replace(/[&<>]/g, (character) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[character] ?? '');
  // `none`: words stay in their line, or a large text would be one word above the other.
  return sharp({ text: { text: escaped, font: 'sans bold', width, height, align: 'centre', wrap: 'none' } })
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
}

/** Letters have a least size, which a small box has no room for. */
async function fitted(letters: Letters, { widthPx, heightPx }: Size): Promise<Letters> {
  const { width, height } = letters.info;
  if (width <= widthPx && height <= heightPx) return letters;
  return sharp(letters.data, { raw: { width, height, channels: 1 } })
    .resize(widthPx, heightPx, { fit: 'inside' })
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
}

/** Without fonts every letter is the same box. */
async function hasFonts(): Promise<boolean> {
  const box = { widthPx: 40, heightPx: 40 };
  const [one, other] = await Promise.all(['H', 'g'].map((letter) => written(letter, box)));
  return one !== undefined && other !== undefined && !one.data.equals(other.data);
}

function unmarkable(why: string, cause?: unknown): ProofsheetError {
  return new ProofsheetError('internal', `the watermark cannot be laid over the picture: ${why}`, { cause });
}
