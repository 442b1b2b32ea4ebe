// One picture made of the tiles of a level, in a converter child: laid side by side, cut, scaled, turned and encoded as an image
// request says.
import { closeSync, fsyncSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { digestOf } from '../../kernel/digest.js';
import type { Conversion, LaidTile, MadePreview, RegionTask } from '../../kernel/ports/converter.js';
import { areaOf } from '../../kernel/sizes.js';
import type { SourceInfo } from '../../kernel/source.js';
import type { ImageFormat } from '../../kernel/zoom/image-request.js';
import type { Rect } from '../../kernel/zoom/pyramid.js';
import type { WorkTally } from '../convert-source.js';
import { withoutDensity } from '../encoded.js';
import { type ChildSettings, type JobMessage, MAX_CONTENT_BYTES } from '../protocol.js';
import type { DecodedTiles, TilePixels } from './decoded-tiles.js';
import { CHANNELS } from './region-job.js';

const WHITE = { r: 255, g: 255, b: 255 };
/** Half of white: what bitonal parts at. */
const THRESHOLD = 128;

// Efforts as previews have them, and JPEG's tables as tiles have them: tables of its own would take as long again as the rest of it.
const ENCODERS = {
  jpg: (image) => image.flatten({ background: WHITE }).jpeg({ quality: 85, optimiseCoding: false }),
  png: (image) => image.png({ compressionLevel: 6, palette: false }),
  webp: (image) => image.webp({ quality: 85, effort: 2 }),
  avif: (image) => image.avif({ quality: 60, effort: 1 }),
  gif: (image) => image.gif({ effort: 4 }),
} satisfies Record<ImageFormat, (image: Sharp) => Sharp>;

/** The conversion has one preview, the picture; `undefined` where neither the bytes nor the pixels of some tile are there. */
export async function drawRegion(
  { sourcePath, content, outputDir, zoom }: Pick<JobMessage, 'sourcePath' | 'content' | 'outputDir' | 'zoom'>,
  settings: Pick<ChildSettings, 'flush'>,
  tally: WorkTally,
  decoded: DecodedTiles,
): Promise<Conversion | undefined> {
  if (zoom?.kind !== 'region') throw new Error('expected the task of a region');
  const { region, size, mirrored, rotation, quality, format } = zoom.drawn;
  if (shownOf(zoom).some((tile) => tile.bytes === 0 && !decoded.has(tile))) return undefined;
  const cut = pictureOf(await (content ? laidOf(content, zoom, decoded) : fromFile(sourcePath, zoom, decoded)));
  const { widthPx, heightPx } = size;
  const isScaled = widthPx !== region.widthPx || heightPx !== region.heightPx;
  const scaled = isScaled ? cut.resize(widthPx, heightPx, { fit: 'fill', kernel: 'lanczos3' }) : cut;
  // In the order of the specification: mirrored, then turned. Each step is a pipeline of its own, because one has an order of its own.
  const shown = mirrored ? await pixels(scaled.flop()) : scaled;
  const turned = rotation === 0 ? shown : (await pixels(shown)).rotate(rotation);
  const coloured = quality === 'default' ? turned : (await pixels(turned)).flatten({ background: WHITE }).greyscale();
  const drawn = quality === 'bitonal' ? coloured.threshold(THRESHOLD) : coloured;
  const encoded = await ENCODERS[format](quality === 'default' ? drawn : drawn.toColourspace('b-w')).toBuffer();
  const bytes = format === 'png' ? withoutDensity(encoded) : encoded;
  tally.encoded(format);
  const isSent = content !== undefined && bytes.length <= MAX_CONTENT_BYTES;
  const path = isSent ? '' : join(outputDir, `0.${format}`);
  if (!isSent) {
    mkdirSync(outputDir, { recursive: true });
    writeNew(path, bytes, settings.flush);
  }
  const isTurned = rotation === 90 || rotation === 270;
  const preview: MadePreview = {
    formats: [],
    type: format,
    widthPx: isTurned ? size.heightPx : size.widthPx,
    heightPx: isTurned ? size.widthPx : size.heightPx,
    bytes: bytes.length,
    digest: digestOf(bytes),
    path,
    ...(isSent && { content: bytes }),
  };
  return { info: infoOf(zoom), metadata: {}, previews: [preview] };
}

/** Tiles one after the other: in memory, or in an open file. */
type Tiles = Buffer | number;

async function fromFile(path: string, task: RegionTask, decoded: DecodedTiles): Promise<TilePixels> {
  const file = openSync(path, 'r');
  try {
    return await laidOf(file, task, decoded);
  } finally {
    closeSync(file);
  }
}

/** The region as the tiles have it. */
async function laidOf(all: Tiles, task: RegionTask, decoded: DecodedTiles): Promise<TilePixels> {
  const { region } = task.drawn;
  const { widthPx, heightPx } = region;
  // All tiles of a picture have as many channels as the first; where one has more, it shows.
  let laid: TilePixels | undefined;
  const given = (tile: LaidTile): Buffer => bytesOf(all, tile);
  await decoded.each(shownOf(task), given, (pixels, tile) => {
    const { channels } = pixels;
    laid ??= { data: Buffer.alloc(areaOf(region) * channels), widthPx, heightPx, channels };
    if (channels > laid.channels) laid = withAlpha(laid);
    lay(laid.channels === pixels.channels ? pixels : withAlpha(pixels), tile, region, laid);
  });
  if (laid === undefined) throw new Error('expected tiles that show the region');
  return laid;
}

function shownOf({ tiles, drawn }: RegionTask): readonly LaidTile[] {
  return tiles.filter((tile) => overlapOf(tile, drawn.region) !== undefined);
}

/** `undefined` where they have no pixel in common. */
function overlapOf(tile: Rect, region: Rect): Rect | undefined {
  const leftPx = Math.max(tile.leftPx, region.leftPx);
  const topPx = Math.max(tile.topPx, region.topPx);
  const widthPx = Math.min(tile.leftPx + tile.widthPx, region.leftPx + region.widthPx) - leftPx;
  const heightPx = Math.min(tile.topPx + tile.heightPx, region.topPx + region.heightPx) - topPx;
  return widthPx > 0 && heightPx > 0 ? { leftPx, topPx, widthPx, heightPx } : undefined;
}

/** Copies what of a tile lies in the region. Its digest was that of the tile that lies there, so its size is. */
function lay(tile: TilePixels, at: Rect, region: Rect, onto: TilePixels): void {
  const overlap = overlapOf(at, region);
  if (overlap === undefined) return;
  const { channels } = onto;
  for (let row = overlap.topPx; row < overlap.topPx + overlap.heightPx; row++) {
    const from = ((row - at.topPx) * tile.widthPx + overlap.leftPx - at.leftPx) * channels;
    const to = ((row - region.topPx) * onto.widthPx + overlap.leftPx - region.leftPx) * channels;
    tile.data.copy(onto.data, to, from, from + overlap.widthPx * channels);
  }
}

function withAlpha({ data, widthPx, heightPx }: TilePixels): TilePixels {
  const all = Buffer.alloc(widthPx * heightPx * CHANNELS, 255);
  for (let from = 0, to = 0; from < data.length; to++) if (to % CHANNELS < 3) all[to] = data[from++] ?? 0;
  return { data: all, widthPx, heightPx, channels: CHANNELS };
}

function bytesOf(file: Tiles, { start, bytes }: LaidTile): Buffer {
  if (Buffer.isBuffer(file)) return file.subarray(start, start + bytes);
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

function pictureOf({ data, widthPx, heightPx, channels }: TilePixels): Sharp {
  return sharp(data, { raw: { width: widthPx, height: heightPx, channels }, limitInputPixels: false });
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
