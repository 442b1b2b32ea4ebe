// Thirty sources as document apps get them, by class: photographs, screenshots, scans, logos, animations, new types, pages.
import sharp, { type Sharp } from 'sharp';
import { cutOut, image, type Pixels, photo, randomNumbers, screenshot } from '../support/images.js';
import { pdfOf } from '../support/sources/pdfs.js';
import { heicOf } from '../support/sources/tool-made.js';

export interface ClassedSource {
  readonly class: string;
  readonly name: string;
  readonly bytes: Buffer;
}

type Maker = () => Promise<Buffer>;

const CLASSES: Readonly<Record<string, Readonly<Record<string, Maker>>>> = {
  photos: {
    '12 MP JPEG': async () => jpegOf(await photo(4000, 3000, 11), 90),
    '8 MP progressive JPEG': async () =>
      image(await photo(3264, 2448, 12))
        .jpeg({ quality: 80, progressive: true })
        .toBuffer(),
    '2 MP JPEG': async () => jpegOf(await photo(1600, 1200, 13), 85),
    '1280x960 JPEG': async () => jpegOf(await photo(1280, 960, 14), 85),
    '640x480 JPEG': async () => jpegOf(await photo(640, 480, 15), 80),
    '5 MP WebP': async () =>
      image(await photo(2592, 1944, 16))
        .webp({ quality: 82, effort: 2 })
        .toBuffer(),
  },
  screenshots: {
    '2560x1440 PNG': () => pngOf(screenshot(2560, 1440, 21)),
    '1920x1080 PNG': () => pngOf(screenshot(1920, 1080, 22)),
    '1170x2532 PNG': () => pngOf(screenshot(1170, 2532, 23)),
    '1280x720 PNG': () => pngOf(screenshot(1280, 720, 24)),
    '1366x768 JPEG': () => jpegOf(screenshot(1366, 768, 25), 90),
  },
  scans: {
    'A4, 300 dpi, grey TIFF': () => scan(2480, 3508).tiff({ compression: 'lzw' }).toBuffer(),
    'A4, 300 dpi, bilevel TIFF': () =>
      scan(2480, 3508).threshold(160).toColourspace('b-w').tiff({ compression: 'ccittfax4', bitdepth: 1 }).toBuffer(),
    'A4, 200 dpi, grey JPEG': () => scan(1654, 2339).jpeg({ quality: 80 }).toBuffer(),
    'A4, 150 dpi, grey PNG': () => scan(1240, 1754).png().toBuffer(),
  },
  'logos with alpha': {
    '2400x1600 PNG': async () => pngOf(cutOut(await photo(2400, 1600, 31))),
    '1024x1024 PNG': () => pngOf(cutOut(screenshot(1024, 1024, 32))),
    '512x512 PNG': () => pngOf(cutOut(screenshot(512, 512, 33))),
    '1200x400 palette PNG': () =>
      image(cutOut(screenshot(1200, 400, 34)))
        .png({ palette: true })
        .toBuffer(),
  },
  GIF: {
    '800x600 GIF': () =>
      image(screenshot(800, 600, 41))
        .gif()
        .toBuffer(),
    '320x240 GIF of 8 frames': async () => (await moving(320, 240, 8)).gif({ delay: 80 }).toBuffer(),
    '240x135 GIF of 20 frames': async () => (await moving(240, 135, 20)).gif({ delay: 80 }).toBuffer(),
  },
  'animated WebP': {
    '400x300 WebP of 10 frames': async () => (await moving(400, 300, 10)).webp({ delay: 80, effort: 2 }).toBuffer(),
    '640x360 lossless WebP of 8 frames': async () =>
      (await moving(640, 360, 8)).webp({ delay: 80, lossless: true, effort: 1 }).toBuffer(),
  },
  AVIF: {
    '6 MP AVIF': async () =>
      image(await photo(3000, 2000, 51))
        .avif({ quality: 60, effort: 1 })
        .toBuffer(),
    '1600x1200 AVIF': async () =>
      image(await photo(1600, 1200, 52))
        .avif({ quality: 60, effort: 1 })
        .toBuffer(),
  },
  HEIC: {
    '3 MP HEIC': async () => heicOf(await pngOf(await photo(2048, 1536, 61))),
    '1280x960 HEIC': async () => heicOf(await pngOf(await photo(1280, 960, 62))),
  },
  'PDF page': {
    'A4 text': async () => pdfOf([{ width: 595, height: 842, content: lines(64) }]),
    'A4 drawing': async () => pdfOf([{ width: 595, height: 842, content: `${curves(400)} ${lines(20)}` }]),
  },
};

/** Each made when it is its turn, since all together take a gigabyte while they are made. */
export async function* sourcesByClass(): AsyncGenerator<ClassedSource> {
  for (const [name, sources] of Object.entries(CLASSES))
    for (const [of, make] of Object.entries(sources)) yield { class: name, name: of, bytes: await make() };
}

function jpegOf(pixels: Pixels, quality: number): Promise<Buffer> {
  return image(pixels).jpeg({ quality }).toBuffer();
}

function pngOf(pixels: Pixels): Promise<Buffer> {
  return image(pixels).png({ compressionLevel: 6 }).toBuffer();
}

/** A typed page, a little soft and with the noise of a scanner, in grey. */
function scan(widthPx: number, heightPx: number): Sharp {
  const random = randomNumbers(widthPx);
  const { data, ...size } = screenshot(widthPx, heightPx, 71);
  for (let at = 0; at < data.length; at++) data[at] = Math.max(0, Math.min(255, (data[at] ?? 0) + random() * 8 - 4));
  return image({ ...size, data })
    .blur(0.6)
    .greyscale();
}

/** A camera that passes over a photograph. */
async function moving(widthPx: number, heightPx: number, frames: number): Promise<Sharp> {
  const whole = image(await photo(widthPx + frames * 6, heightPx, 81));
  const seen = await Promise.all(
    Array.from({ length: frames }, (_, frame) =>
      whole
        .clone()
        .extract({ left: frame * 6, top: 0, width: widthPx, height: heightPx })
        .raw()
        .toBuffer(),
    ),
  );
  const raw = { width: widthPx, height: heightPx * frames, channels: 3, pageHeight: heightPx } as const;
  return sharp(Buffer.concat(seen), { raw, animated: true });
}

/** Lines of a text in a standard font. */
function lines(count: number): string {
  const line = (index: number): string =>
    `(${`line ${index} of a page as an office prints it, `.repeat(2)}) Tj 0 -12 Td`;
  return `BT /F1 10 Tf 50 800 Td ${Array.from({ length: count }, (_, index) => line(index)).join(' ')} ET`;
}

/** Coloured curves all over the page. */
function curves(count: number): string {
  const random = randomNumbers(91);
  const number = (below: number): string => (random() * below).toFixed(1);
  const curve = (): string => {
    const points = Array.from({ length: 3 }, () => `${number(595)} ${number(842)}`).join(' ');
    return `${number(1)} ${number(1)} ${number(1)} RG ${number(595)} ${number(842)} m ${points} c S`;
  };
  return Array.from({ length: count }, curve).join(' ');
}
