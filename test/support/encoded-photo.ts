// A photo-like JPEG of any size, for tests that upload one and look at the answer, not at the pixels.
import { image, photo } from './images.js';

/** Longest side that is drawn; from there on each pixel is repeated, which decodes and encodes as slowly and takes a tenth to make. */
const DRAWN_PX = 1_200;

/** Made once in a process, for all its files; each a tenth of a second of the processor and more. */
const made = new Map<string, Promise<Buffer>>();

/** Equal arguments give equal bytes, in a buffer that is the caller's own. */
export async function encodedPhoto(widthPx: number, heightPx: number, quality = 85): Promise<Buffer> {
  const name = [widthPx, heightPx, quality].join();
  const photo = made.get(name) ?? make(widthPx, heightPx, quality);
  made.set(name, photo);
  return Buffer.from(await photo);
}

async function make(widthPx: number, heightPx: number, quality: number): Promise<Buffer> {
  const times = Math.ceil(Math.max(widthPx, heightPx) / DRAWN_PX);
  const drawn = image(await photo(Math.ceil(widthPx / times), Math.ceil(heightPx / times)));
  const whole = times === 1 ? drawn : drawn.resize(widthPx, heightPx, { fit: 'fill', kernel: 'nearest' });
  return whole.jpeg({ quality }).toBuffer();
}
