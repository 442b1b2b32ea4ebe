// One picture made of the tiles of a level, in a converter child: laid side by side, cut, scaled, turned and encoded as an image
// request says.
import { closeSync, fsyncSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { digestOf } from '../../kernel/digest.js';
import type { Conversion, LaidTile, MadePreview, RegionTask } from '../../kernel/ports/converter.js';
import { areaOf } from '../../kernel/sizes.js';
import type { SourceInfo } from '../../kernel/source.js';
import type { ImageFormat } from '../../kernel/zoom/image-request.js';
import type { ConversionSteps, WorkTally } from '../convert-source.js';
import { withoutDensity } from '../encoded.js';
import type { ChildSettings, JobMessage } from '../protocol.js';

/** Red, green, blue and what is seen through. */
const CHANNELS = 4;
const WHITE = { r: 255, g: 255, b: 255 };
/** Half of white: what bitonal parts at. */
const THRESHOLD = 128;

// Efforts as previews have them.
const ENCODERS = {
  jpg: (image) => image.flatten({ background: WHITE }).jpeg({ quality: 85 }),
  png: (image) => image.png({ compressionLevel: 6, palette: false }),
  webp: (image) => image.webp({ quality: 85, effort: 2 }),
  avif: (image) => image.avif({ quality: 60, effort: 1 }),
  gif: (image) => image.gif({ effort: 4 }),
} satisfies Record<ImageFormat, (image: Sharp) => Sharp>;

/** The conversion has one preview, the picture. */
export async function drawRegion(
  { sourcePath, outputDir, zoom }: Pick<JobMessage, 'sourcePath' | 'outputDir' | 'zoom'>,
  settings: ChildSettings,
  steps: Pick<ConversionSteps, 'admit'>,
  tally: WorkTally,
): Promise<Conversion> {
  if (zoom?.kind !== 'region') throw new Error('expected the task of a region');
  const { region, size, mirrored, rotation, quality, format } = zoom.drawn;
  await steps.admit('jpeg', CHANNELS * (2 * areaOf(zoom.canvas) + 2 * areaOf(size)));
  const raw = { width: zoom.canvas.widthPx, height: zoom.canvas.heightPx, channels: CHANNELS } as const;
  const cut = sharp(await canvasOf(sourcePath, zoom), { raw, limitInputPixels: false })
    .extract({ left: region.leftPx, top: region.topPx, width: region.widthPx, height: region.heightPx })
    .resize(size.widthPx, size.heightPx, { fit: 'fill', kernel: 'lanczos3' });
  // In the order of the specification: mirrored, then turned. Each step is a pipeline of its own, because one has an order of its own.
  const shown = await pixels(mirrored ? cut.flop() : cut);
  const turned = await pixels(rotation === 0 ? shown : shown.rotate(rotation));
  const coloured = quality === 'default' ? turned : turned.flatten({ background: WHITE }).greyscale();
  const drawn = quality === 'bitonal' ? coloured.threshold(THRESHOLD) : coloured;
  const encoded = await ENCODERS[format](quality === 'default' ? drawn : drawn.toColourspace('b-w')).toBuffer();
  const bytes = format === 'png' ? withoutDensity(encoded) : encoded;
  tally.encoded(format);
  const path = join(outputDir, `0.${format}`);
  writeNew(path, bytes, settings.flush);
  const isTurned = rotation === 90 || rotation === 270;
  const preview: MadePreview = {
    formats: [],
    type: format,
    widthPx: isTurned ? size.heightPx : size.widthPx,
    heightPx: isTurned ? size.widthPx : size.heightPx,
    bytes: bytes.length,
    digest: digestOf(bytes),
    path,
  };
  return { info: infoOf(zoom), metadata: {}, previews: [preview] };
}

/** The tiles as one picture. */
async function canvasOf(path: string, { canvas, tiles }: RegionTask): Promise<Buffer> {
  const whole = Buffer.alloc(areaOf(canvas) * CHANNELS);
  const file = openSync(path, 'r');
  try {
    for (const tile of tiles) {
      const { data, info } = await sharp(bytesOf(file, tile), { failOn: 'warning' })
        .ensureAlpha()
        .toColourspace('srgb')
        .raw()
        .toBuffer({ resolveWithObject: true });
      if (info.width !== tile.widthPx || info.height !== tile.heightPx)
        throw new Error('expected a tile of its own size');
      lay(data, tile, whole, canvas.widthPx);
    }
  } finally {
    closeSync(file);
  }
  return whole;
}

function lay(
  tile: Buffer,
  { leftPx, topPx, widthPx, heightPx }: LaidTile,
  canvas: Buffer,
  canvasWidthPx: number,
): void {
  const rowBytes = widthPx * CHANNELS;
  for (let row = 0; row < heightPx; row++)
    tile.copy(canvas, ((topPx + row) * canvasWidthPx + leftPx) * CHANNELS, row * rowBytes, (row + 1) * rowBytes);
}

function bytesOf(file: number, { start, bytes }: LaidTile): Buffer {
  const buffer = Buffer.alloc(bytes);
  let read = 0;
  while (read < bytes) {
    const more = readSync(file, buffer, read, bytes - read, start + read);
    if (more === 0) throw new Error('expected a file with all tiles');
    read += more;
  }
  return buffer;
}

async function pixels(image: Sharp): Promise<Sharp> {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return sharp(data, {
    raw: { width: info.width, height: info.height, channels: info.channels },
    limitInputPixels: false,
  });
}

function writeNew(path: string, bytes: Buffer, flush: boolean): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(file, bytes);
    if (flush) fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** There is no source: what is told of one is the canvas. */
function infoOf({ canvas }: RegionTask): SourceInfo {
  return {
    type: 'jpeg',
    ...canvas,
    orientation: 1,
    pages: 1,
    animated: false,
    delaysMs: [],
    loop: 0,
    hasAlpha: true,
    channels: CHANNELS,
    bitsPerSample: 8,
    colorSpace: 'srgb',
    progressive: false,
  };
}
