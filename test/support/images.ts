// Test pictures, made here and nowhere else: photographs, screenshots and oddities of every source type. Equal arguments
// give equal pixels. None is anybody's picture.
import sharp, { type Sharp } from 'sharp';

export interface Pixels {
  readonly data: Buffer;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly channels: 3 | 4;
}

/** Numbers in [0, 1) that depend on `seed` alone (the public-domain mulberry32 recurrence). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Pixels as the start of a pipeline: `image(photo(...)).jpeg().toBuffer()`. */
export function image({ data, widthPx, heightPx, channels }: Pixels): Sharp {
  return sharp(data, { raw: { width: widthPx, height: heightPx, channels }, limitInputPixels: false });
}

/** Cells of noise and their amplitude: like in nature, finer detail is fainter. */
const OCTAVES = [
  { cellPx: 512, amplitude: 60 },
  { cellPx: 128, amplitude: 35 },
  { cellPx: 32, amplitude: 18 },
  { cellPx: 8, amplitude: 9 },
  { cellPx: 3, amplitude: 5 },
] as const;

/** Like a photograph: soft structure in all sizes, forty discs with clean edges, film grain of +-3 steps. */
export async function photo(widthPx: number, heightPx: number, seed = 1): Promise<Pixels> {
  const random = randomNumbers(seed);
  const sum = new Float32Array(widthPx * heightPx * 3).fill(128);
  for (const { cellPx, amplitude } of OCTAVES) {
    const width = Math.ceil(widthPx / cellPx) + 2;
    const height = Math.ceil(heightPx / cellPx) + 2;
    const lattice = Buffer.from(Array.from({ length: width * height * 3 }, () => random() * 256));
    const noise = await sharp(lattice, { raw: { width, height, channels: 3 }, limitInputPixels: false })
      .resize(width * cellPx, height * cellPx, { fit: 'fill', kernel: 'cubic' })
      .extract({ left: 0, top: 0, width: widthPx, height: heightPx })
      .raw()
      .toBuffer();
    const factor = amplitude / 128;
    for (let at = 0; at < sum.length; at++) sum[at] = (sum[at] ?? 0) + ((noise[at] ?? 0) - 128) * factor;
  }
  for (let disc = 0; disc < 40; disc++) addDisc(sum, widthPx, heightPx, random);
  const data = Buffer.alloc(sum.length);
  for (let at = 0; at < data.length; at++) {
    data[at] = Math.max(0, Math.min(255, (sum[at] ?? 0) + (random() - 0.5) * 7));
  }
  return { data, widthPx, heightPx, channels: 3 };
}

/** The same in a quarter of the time: one quarter of it, and its mirror images beside and below it, so that there are no seams. */
export async function mirroredPhoto(widthPx: number, heightPx: number, seed = 1): Promise<Pixels> {
  const quarter = await photo(Math.ceil(widthPx / 2), Math.ceil(heightPx / 2), seed);
  const [right, bottom] = [widthPx - quarter.widthPx, heightPx - quarter.heightPx];
  const data = await image(quarter).extend({ right, bottom, extendWith: 'mirror' }).raw().toBuffer();
  return { data, widthPx, heightPx, channels: 3 };
}

function addDisc(sum: Float32Array, widthPx: number, heightPx: number, random: () => number): void {
  const centre = { x: random() * widthPx, y: random() * heightPx };
  const radius = (0.01 + random() * 0.06) * widthPx;
  const change = [random() * 120 - 60, random() * 120 - 60, random() * 120 - 60];
  for (let y = Math.max(0, Math.floor(centre.y - radius)); y < Math.min(heightPx, centre.y + radius); y++) {
    for (let x = Math.max(0, Math.floor(centre.x - radius)); x < Math.min(widthPx, centre.x + radius); x++) {
      const inside = radius - Math.hypot(x - centre.x, y - centre.y);
      if (inside <= 0) continue;
      const at = (y * widthPx + x) * 3;
      for (let channel = 0; channel < 3; channel++) {
        sum[at + channel] = (sum[at + channel] ?? 0) + (change[channel] ?? 0) * Math.min(1, inside);
      }
    }
  }
}

/** Like a screenshot of text: light panels, and lines of letters made of dark strokes one pixel wide. */
export function screenshot(widthPx: number, heightPx: number, seed = 2): Pixels {
  const random = randomNumbers(seed);
  const data = Buffer.alloc(widthPx * heightPx * 3, 245);
  const fill = (left: number, top: number, width: number, height: number, colour: readonly number[]): void => {
    const [red = 0, green = 0, blue = 0] = colour;
    for (let y = top; y < Math.min(heightPx, top + height); y++) {
      for (let x = left; x < Math.min(widthPx, left + width); x++) {
        const at = (y * widthPx + x) * 3;
        data[at] = red;
        data[at + 1] = green;
        data[at + 2] = blue;
      }
    }
  };
  const upTo = (limit: number): number => Math.floor(random() * limit);
  for (let panel = 0; panel < 12; panel++) {
    const colour = [200 + upTo(55), 200 + upTo(55), 200 + upTo(55)];
    fill(
      upTo(widthPx),
      upTo(heightPx),
      Math.ceil((0.1 + random() * 0.3) * widthPx),
      Math.ceil((0.05 + random() * 0.3) * heightPx),
      colour,
    );
  }
  for (let top = 20; top < heightPx - 20; top += 18) {
    const end = widthPx * (0.3 + random() * 0.68);
    for (let left = 20; left < end; left += 8) {
      if (random() < 0.17) continue;
      for (let stroke = 0; stroke < 3; stroke++) {
        if (random() < 0.5) fill(left + upTo(5), top, 1, 10, [40, 40, 45]);
        else fill(left, top + upTo(8), 6, 1, [60, 60, 70]);
      }
    }
  }
  return { data, widthPx, heightPx, channels: 3 };
}

/** `pixels` with an alpha channel: opaque in a centred disc, soft at its edge, transparent outside. */
export function cutOut({ data, widthPx, heightPx, channels }: Pixels): Pixels {
  const out = Buffer.alloc(widthPx * heightPx * 4);
  const radius = Math.min(widthPx, heightPx) * 0.45;
  for (let at = 0; at < widthPx * heightPx; at++) {
    const distance = Math.hypot((at % widthPx) - widthPx / 2, Math.floor(at / widthPx) - heightPx / 2);
    for (let channel = 0; channel < 3; channel++) out[at * 4 + channel] = data[at * channels + channel] as number;
    out[at * 4 + 3] = Math.max(0, Math.min(255, ((radius - distance) / (radius * 0.1)) * 255));
  }
  return { data: out, widthPx, heightPx, channels: 4 };
}

/** `pixels` with an alpha channel that every pixel leaves at opaque. */
export function opaqueAlpha({ data, widthPx, heightPx }: Pixels): Pixels {
  const out = Buffer.alloc(widthPx * heightPx * 4, 255);
  for (let at = 0; at < widthPx * heightPx; at++)
    for (let channel = 0; channel < 3; channel++) out[at * 4 + channel] = data[at * 3 + channel] as number;
  return { data: out, widthPx, heightPx, channels: 4 };
}

/** One colour all over. */
export function flat(widthPx: number, heightPx: number, colour: readonly [number, number, number]): Pixels {
  const data = Buffer.alloc(widthPx * heightPx * 3);
  for (let at = 0; at < data.length; at += 3) data.set(colour, at);
  return { data, widthPx, heightPx, channels: 3 };
}

/** The colours of `quadrants`: top left, top right, bottom left, bottom right. */
export const QUADRANT_COLOURS = {
  topLeft: [220, 30, 30],
  topRight: [30, 200, 40],
  bottomLeft: [40, 50, 220],
  bottomRight: [230, 220, 40],
} as const;

/** Four quarters of different colours: every turn and mirroring of it looks different. */
export function quadrants(widthPx: number, heightPx: number): Pixels {
  const { topLeft, topRight, bottomLeft, bottomRight } = QUADRANT_COLOURS;
  const data = Buffer.alloc(widthPx * heightPx * 3);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const top = y < heightPx / 2;
      const left = x < widthPx / 2;
      data.set(top ? (left ? topLeft : topRight) : left ? bottomLeft : bottomRight, (y * widthPx + x) * 3);
    }
  }
  return { data, widthPx, heightPx, channels: 3 };
}

/**
 * `upright` as a camera held in another way stores it: with the pixels turned, and the EXIF orientation that undoes it.
 * Written out pixel by pixel from the definition (CIPA DC-008, tag 0x0112), not by the library that is tested.
 */
export async function jpegInOrientation(upright: Pixels, orientation: number): Promise<Buffer> {
  return image(stored(upright, orientation))
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
    .withMetadata({ orientation })
    .toBuffer();
}

function stored({ data, widthPx, heightPx, channels }: Pixels, orientation: number): Pixels {
  const swapped = orientation >= 5;
  const width = swapped ? heightPx : widthPx;
  const height = swapped ? widthPx : heightPx;
  const out = Buffer.alloc(data.length);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      const [row, column] = storedAt(orientation, x, y, widthPx - 1, heightPx - 1);
      const from = (y * widthPx + x) * channels;
      out.set(data.subarray(from, from + channels), (row * width + column) * channels);
    }
  }
  return { data: out, widthPx: width, heightPx: height, channels };
}

/** Where the upright pixel x/y lies in the stored picture, as row and column; `right` and `bottom` are the largest x and y. */
function storedAt(orientation: number, x: number, y: number, right: number, bottom: number): readonly [number, number] {
  switch (orientation) {
    case 2: // row 0 is the top, column 0 the right
      return [y, right - x];
    case 3: // row 0 is the bottom, column 0 the right
      return [bottom - y, right - x];
    case 4: // row 0 is the bottom, column 0 the left
      return [bottom - y, x];
    case 5: // row 0 is the left, column 0 the top
      return [x, y];
    case 6: // row 0 is the right, column 0 the top
      return [right - x, y];
    case 7: // row 0 is the right, column 0 the bottom
      return [right - x, bottom - y];
    case 8: // row 0 is the left, column 0 the bottom
      return [x, bottom - y];
    default:
      return [y, x];
  }
}

export interface AnimationOptions {
  readonly widthPx?: number;
  readonly heightPx?: number;
  /** Milliseconds of each frame; as many frames as delays. */
  readonly delaysMs?: readonly number[];
  /** 0 is for ever. */
  readonly loop?: number;
}

/** The grey of frame `index` of `animation`: 20 for the first, 30 more for each after it. */
export function frameGrey(index: number): number {
  return (20 + index * 30) % 256;
}

/** An animation whose frames are of one grey each, `frameGrey`. */
export async function animation(type: 'gif' | 'webp', options: AnimationOptions = {}): Promise<Buffer> {
  const { widthPx = 320, heightPx = 240, delaysMs = [100, 50, 200, 70], loop = 0 } = options;
  const frames = delaysMs.map((_, index) => Buffer.alloc(widthPx * heightPx * 3, frameGrey(index)));
  const roll = sharp(Buffer.concat(frames), {
    raw: { width: widthPx, height: heightPx * frames.length, channels: 3, pageHeight: heightPx },
    animated: true,
    limitInputPixels: false,
  });
  const timing = { delay: [...delaysMs], loop };
  return type === 'gif'
    ? roll.gif({ ...timing, keepDuplicateFrames: true }).toBuffer()
    : roll.webp({ ...timing, lossless: true }).toBuffer();
}

/** A source of every enabled-by-default type from the same pixels. */
export const ENCODED = {
  jpeg: (pixels: Pixels) => image(pixels).jpeg({ quality: 92 }).toBuffer(),
  png: (pixels: Pixels) => image(pixels).png({ compressionLevel: 3 }).toBuffer(),
  gif: (pixels: Pixels) => image(pixels).gif({ effort: 1 }).toBuffer(),
  webp: (pixels: Pixels) => image(pixels).webp({ quality: 90, effort: 0 }).toBuffer(),
  tiff: (pixels: Pixels) => image(pixels).tiff({ compression: 'lzw' }).toBuffer(),
  avif: (pixels: Pixels) => image(pixels).avif({ quality: 80, effort: 0 }).toBuffer(),
} as const;

/** The same pixels in the colour spaces and depths that cameras, scanners and print shops deliver. */
export const COLOURED = {
  cmykJpeg: (pixels: Pixels) => image(pixels).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer(),
  sixteenBitPng: (pixels: Pixels) => image(pixels).toColourspace('rgb16').png().toBuffer(),
  sixteenBitTiff: (pixels: Pixels) => image(pixels).toColourspace('rgb16').tiff({ compression: 'lzw' }).toBuffer(),
  greyJpeg: (pixels: Pixels) => image(pixels).greyscale().toColourspace('b-w').jpeg({ quality: 95 }).toBuffer(),
  greyPng: (pixels: Pixels) => image(pixels).greyscale().toColourspace('b-w').png().toBuffer(),
  palettePng: (pixels: Pixels) => image(pixels).png({ palette: true }).toBuffer(),
  displayP3Jpeg: (pixels: Pixels) =>
    image(pixels).withIccProfile('p3').jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer(),
  displayP3Png: (pixels: Pixels) => image(pixels).withIccProfile('p3').png().toBuffer(),
} as const;

/** An SVG whose text holds the renderer for many seconds. */
export function slowSvg(characters = 20_000): Buffer {
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="400" height="300"><text x="1" y="20">${'x'.repeat(characters)}</text></svg>`,
  );
}
