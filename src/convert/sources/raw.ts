// Camera raw: the largest picture for screens that the camera has put into the file. It is looked for by its bytes, since some
// makers keep it in notes of their own; turns and tags come from the file's directories.
import type { OpenedSource } from '../opened-source.js';
import { refusedKind } from '../refused-kind.js';
import { asOrientation } from '../source-facts.js';
import { boxesOf } from './isobmff.js';
import { tiffDirectory, tiffNumber } from './tiff-directory.js';
import { exifOfTiff } from './tiff-exif.js';

/** Starts that are looked at; a raw file has some ten, and one that is made of them shall not cost more. */
const MAX_STARTS = 2_000;
const MAX_SEGMENTS = 200;
const START = Buffer.from('ffd8ff', 'hex');
/** Frames that are decoded: baseline, extended, progressive. The others are the raw data themselves. */
const FRAMES: readonly number[] = [0xc0, 0xc1, 0xc2];
const [SOS, EOI] = [0xda, 0xd9];
const ORIENTATION = 274;

export function openRaw(file: Buffer): OpenedSource {
  const bytes = largestJpeg(file);
  if (bytes === undefined) throw refusedKind('camera raw without a picture for screens inside');
  const tags = tagsOf(file);
  const directory = tags && tiffDirectory(tags);
  const turned = directory && tiffNumber(directory, ORIENTATION);
  return {
    kind: 'embedded',
    type: 'jpeg',
    bytes,
    ...(turned !== undefined && { orientation: asOrientation(turned) }),
    exif: tags && exifOfTiff(tags),
  };
}

function largestJpeg(file: Buffer): Buffer | undefined {
  let best: { readonly at: number; readonly pixels: number } | undefined;
  let starts = 0;
  for (let at = file.indexOf(START); at >= 0 && starts < MAX_STARTS; at = file.indexOf(START, at + 1), starts++) {
    const pixels = pixelsOf(file, at);
    if (pixels > (best?.pixels ?? 0)) best = { at, pixels };
  }
  return best && file.subarray(best.at);
}

/** Of the JPEG that begins at `from`; 0 where none does that can be decoded. */
function pixelsOf(file: Buffer, from: number): number {
  let pixels = 0;
  for (let at = from + 2, segments = 0; at + 4 <= file.length && segments < MAX_SEGMENTS; segments++) {
    const marker = file[at + 1] as number;
    if (file[at] !== 0xff || marker < 0xc0 || marker === EOI) return 0;
    if (marker === SOS) return pixels;
    if (FRAMES.includes(marker)) {
      if (at + 10 > file.length || file[at + 4] !== 8) return 0;
      pixels = file.readUInt16BE(at + 5) * file.readUInt16BE(at + 7);
    } else if (marker >= 0xc3 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return 0;
    }
    at += 2 + file.readUInt16BE(at + 2);
  }
  return 0;
}

/** The TIFF structure with the file's own tags. */
function tagsOf(file: Buffer): Buffer | undefined {
  if (file.toString('latin1', 4, 8) === 'ftyp') return canonTags(file);
  const order = file.toString('latin1', 0, 2);
  if (order !== 'II' && order !== 'MM') return undefined;
  // Olympus and Panasonic have numbers of their own where others have 42.
  const tiff = Buffer.from(file);
  tiff[order === 'II' ? 2 : 3] = 42;
  tiff[order === 'II' ? 3 : 2] = 0;
  return tiff;
}

/** CR3: boxes of the movie's header, one of which is a TIFF with the tags of the picture. */
function canonTags(file: Buffer): Buffer | undefined {
  const moov = boxesOf(file).find(({ type }) => type === 'moov');
  const uuids = moov ? boxesOf(moov.body).filter(({ type }) => type === 'uuid') : [];
  const boxes = uuids.flatMap(({ body }) => boxesOf(body.subarray(16)));
  return boxes.find(({ type }) => type === 'CMT1')?.body;
}
