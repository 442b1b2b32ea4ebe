// A photo-like JPEG of any size, for tests that upload one and look at the answer, not at the pixels.
import { image, photo } from './images.js';

export async function encodedPhoto(widthPx: number, heightPx: number, quality = 85): Promise<Buffer> {
  return image(await photo(widthPx, heightPx))
    .jpeg({ quality })
    .toBuffer();
}
