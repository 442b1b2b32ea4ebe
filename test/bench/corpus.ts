// The sources that conversion is measured on: what phones, cameras, scanners and screens deliver. Made, not taken.
import { cutOut, image, photo, screenshot } from '../support/images.js';

export interface CorpusPicture {
  readonly name: string;
  /** Transparency is used: its previews are PNG. */
  readonly alphaUsed: boolean;
  readonly bytes: Buffer;
}

let made: Promise<readonly CorpusPicture[]> | undefined;

/** Made once per run: it takes some ten seconds. */
export function corpus(): Promise<readonly CorpusPicture[]> {
  made ??= makeCorpus();
  return made;
}

async function makeCorpus(): Promise<readonly CorpusPicture[]> {
  const twelve = await photo(4000, 3000, 3);
  const opaque = { alphaUsed: false };
  return [
    { ...opaque, name: '12 MP JPEG', bytes: await image(twelve).jpeg({ quality: 90 }).toBuffer() },
    { ...opaque, name: '24 MP JPEG', bytes: await largeJpeg() },
    {
      ...opaque,
      name: '4K PNG photo',
      bytes: await image(await photo(3840, 2160, 5))
        .png({ compressionLevel: 6 })
        .toBuffer(),
    },
    { ...opaque, name: '2560x1440 screenshot PNG', bytes: await image(screenshot(2560, 1440)).png().toBuffer() },
    {
      name: 'PNG with alpha',
      alphaUsed: true,
      bytes: await image(cutOut(await photo(2400, 1600, 9)))
        .png()
        .toBuffer(),
    },
    { ...opaque, name: '12 MP WebP', bytes: await image(twelve).webp({ quality: 85, effort: 2 }).toBuffer() },
    { ...opaque, name: '12 MP TIFF', bytes: await image(twelve).tiff({ compression: 'lzw' }).toBuffer() },
  ];
}

let large: Promise<Buffer> | undefined;

/** A 24 MP JPEG; made once per run. */
export function largeJpeg(): Promise<Buffer> {
  large ??= photo(6000, 4000, 1).then((pixels) => image(pixels).jpeg({ quality: 90 }).toBuffer());
  return large;
}

/** A JPEG of `minBytes` to a tenth more. Throws when no quality gives one. */
export async function jpegOfBytes(widthPx: number, heightPx: number, minBytes: number): Promise<Buffer> {
  const pixels = await photo(widthPx, heightPx, 3);
  let [lowest, highest] = [50, 100];
  while (lowest <= highest) {
    const quality = Math.floor((lowest + highest) / 2);
    const bytes = await image(pixels).jpeg({ quality }).toBuffer();
    if (bytes.length < minBytes) lowest = quality + 1;
    else if (bytes.length > minBytes * 1.1) highest = quality - 1;
    else return bytes;
  }
  throw new Error(`expected a ${widthPx}x${heightPx} JPEG of ${minBytes} bytes, got none`);
}

/** The same JPEG picture as other bytes: with `note` in a comment segment (ITU-T T.81, B.2.4.5) behind its start. */
export function newJpeg(jpeg: Buffer, note: string): Buffer {
  const text = Buffer.from(note);
  const segment = Buffer.from([0xff, 0xfe, (text.length + 2) >> 8, (text.length + 2) & 0xff]);
  return Buffer.concat([jpeg.subarray(0, 2), segment, text, jpeg.subarray(2)]);
}
