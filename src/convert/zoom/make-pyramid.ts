// One source's pyramid, in a converter child: libvips cuts and encodes all levels in one pass, a strip of rows at a time, into one
// archive; from that the tiles are put in their order, hashed, and followed by the index.
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import type { Conversion, MadePreview } from '../../kernel/ports/converter.js';
import { areaOf, type Size } from '../../kernel/sizes.js';
import type { SourceInfo, SourceType } from '../../kernel/source.js';
import { TILE_SIDE_PX, type TileType } from '../../kernel/zoom/pyramid.js';
import type { ConversionSteps, WorkTally } from '../convert-source.js';
import { Decoder } from '../decoder.js';
import type { ChildSettings, JobMessage } from '../protocol.js';
import { pipelineFrom, upright, uprightPipeline } from '../raster.js';
import type { ReadBuffer } from '../read-buffer.js';
import { decoderOptions } from '../source-file.js';
import { type OpenedPage, openPage } from './open-page.js';
import { packTiles } from './pack-tiles.js';

/**
 * Strips of one tile's height that all levels hold together, measured: 264 MiB for a JPEG of 32,768 pixels in width are 5.3 of its
 * own rows of tiles.
 */
const STRIPS = 5.5;
const STRIPS_EXTRA_BYTES = 32 * 1024 * 1024;

/** As previews have it. Huffman tables of their own would save 4 % of the bytes for 60 % of the time. */
const JPEG = { quality: 85, optimiseCoding: false } as const;
const WHITE = { r: 255, g: 255, b: 255 };

/** Throws what `convertSource` throws. The conversion has one preview, the pyramid's file, with the digest of its index. */
export async function makePyramid(
  job: Pick<JobMessage, 'sourcePath' | 'outputDir' | 'zoom'>,
  settings: ChildSettings,
  steps: Pick<ConversionSteps, 'admit'>,
  tally: WorkTally,
  buffer: ReadBuffer,
): Promise<Conversion> {
  if (job.zoom?.kind !== 'pyramid') throw new Error('expected the task of a pyramid');
  const { type, page, size: asked } = job.zoom;
  const archive = join(job.outputDir, 'tiles.zip');
  const opened = await openPage(job.sourcePath, page, settings, buffer);
  const info = await cut(opened, page, asked, settings, steps, (image) =>
    encoded(image, type).tile({ size: TILE_SIDE_PX, overlap: 0, layout: 'dz', container: 'zip' }).toFile(archive),
  );
  tally.decodes.sequence++;
  tally.encoded(type);
  const size = { widthPx: info.widthPx, heightPx: info.heightPx };
  const path = join(job.outputDir, '0.pyramid');
  const packed = await packTiles(archive, path, size, type, settings.flush);
  unlinkSync(archive);
  const made: MadePreview = { formats: [], type, ...size, path, ...packed };
  return { info, metadata: {}, previews: [made] };
}

/** Has `write` take the upright picture, once there is memory for it. */
async function cut(
  { kind, source }: OpenedPage,
  page: number,
  asked: Size,
  settings: ChildSettings,
  { admit }: Pick<ConversionSteps, 'admit'>,
  write: (image: Sharp) => Promise<unknown>,
): Promise<SourceInfo> {
  const { info } = source;
  if (kind === 'streamed') {
    await admit(info.type, stripsOf(info) + wholeOf(info));
    const options = decoderOptions(settings, source);
    const ofPage = page > 1 ? { ...options, page: page - 1 } : options;
    await write(uprightPipeline(sharp(source.path, ofPage), info.orientation));
    return info;
  }
  const { bytes, pixels, reading } = source;
  const shown = pixels?.drawn ? { ...info, ...asked } : info;
  const ours =
    (pixels || reading ? areaOf(shown) * 8 : 0) + (pixels?.decoderBytes(pixels.drawn ? asked : pixels.size) ?? 0);
  await admit(info.type, bytes.length + ours + stripsOf(shown) + wholeOf(shown) + codedOf(shown));
  const decoder = new Decoder(source, settings, shown);
  if (pixels === undefined && reading === undefined)
    await decoder.stored((image) => write(uprightPipeline(image, info.orientation)));
  else await write(pipelineFrom(await upright(await decoder.full(1), info.orientation)));
  return shown;
}

function encoded(image: Sharp, type: TileType): Sharp {
  const inSrgb = image.toColourspace('srgb');
  return type === 'jpg' ? inSrgb.flatten({ background: WHITE }).jpeg(JPEG) : inSrgb.png({ compressionLevel: 6 });
}

/** What the levels hold of rows that are not complete yet: bytes. */
function stripsOf({ widthPx, heightPx }: Size): number {
  return STRIPS_EXTRA_BYTES + Math.ceil(STRIPS * widthPx * Math.min(heightPx, TILE_SIDE_PX) * 4);
}

/** A picture that has to be turned is held whole. */
function wholeOf(info: SourceInfo): number {
  return info.orientation === 1 ? 0 : areaOf(info) * 4 * 2;
}

/** What decoders hold of pictures that are not coded row by row. */
function codedOf(info: SourceInfo): number {
  if (info.progressive) return areaOf(info) * info.channels * Math.max(2, info.bitsPerSample / 8);
  return HELD_WHOLE.has(info.type) ? areaOf(info) * 4 * 2 : 0;
}

const HELD_WHOLE: ReadonlySet<SourceType> = new Set(['webp', 'avif', 'svg', 'gif']);
