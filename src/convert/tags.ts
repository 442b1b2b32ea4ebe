// What the file says about itself, as text by tag name: the header's facts and the EXIF tags. Bad tags are no tags; nothing here throws.
import ExifReader from 'exifreader';
import type { Metadata } from '../kernel/source.js';
import { profileName } from './colour/icc.js';
import { codedText } from './exif-text.js';
import type { SourceFile } from './source-file.js';
import { exifOfTiff } from './sources/tiff-exif.js';

/** A larger EXIF block than this is not looked at; real ones have 64 kB at most. */
const MAX_EXIF_BYTES = 1024 * 1024;
const MAX_TAG_CHARACTERS = 1000;
const MAX_TAGS = 500;
/** Tags that are data for programs, not text for people. */
const HIDDEN = /^(?:MakerNote|Thumbnail|base64|image|type|Images|PrintImageMatching|Padding|undefined-\d+)$/;

const COLOR_SPACES: Readonly<Record<string, string>> = {
  srgb: 'sRGB',
  rgb16: 'RGB 16',
  'b-w': 'Grey',
  grey16: 'Grey 16',
  cmyk: 'CMYK',
  lab: 'Lab',
};

/** The tag groups `Header`, `File`, `Exif`, `GPS` and `Thumbnail`; one without tags is left out, the first two never are. */
export function tagsOf(source: SourceFile): Metadata {
  const { info, file, header, reading } = source;
  const profile = header.icc && !reading?.ignoreIcc ? cleanText(profileName(header.icc) ?? '') : '';
  const groups: Record<string, Readonly<Record<string, string>>> = {
    Header: {
      Width: String(info.widthPx),
      Height: String(info.heightPx),
      Format: info.type.toUpperCase(),
      Orientation: String(info.orientation),
      'Has Alpha': String(info.hasAlpha),
      Pages: source.onlyFirst ? 'more than are taken, the first is shown' : String(info.pages),
      'Color Space': COLOR_SPACES[info.colorSpace] ?? info.colorSpace,
      'Bits Per Sample': String(info.bitsPerSample),
      Channels: String(info.channels),
      ...(profile ? { 'Color Profile': profile } : {}),
      ...(reading?.dynamic ? { 'Dynamic Range': reading.dynamic.toUpperCase() } : {}),
      ...(info.animated ? { 'Loop Count': String(info.loop), Duration: `${sumOf(info.delaysMs)} ms` } : {}),
    },
    File: { 'File Size': String(file.length) },
  };
  for (const [name, tags] of Object.entries(exifGroups(exifBlock(source)))) {
    if (Object.keys(tags).length > 0) groups[name] = tags;
  }
  return groups;
}

/** The TIFF structure with the tags, without the marker that JPEG puts before it. */
function exifBlock({ header, file, info }: SourceFile): Buffer | undefined {
  const block = header.exif ?? (info.type === 'tiff' ? exifOfTiff(file) : undefined);
  if (block === undefined || block.length > MAX_EXIF_BYTES) return undefined;
  return block.toString('latin1', 0, 6) === 'Exif\0\0' ? block.subarray(6) : block;
}

function exifGroups(block: Buffer | undefined): Record<string, Record<string, string>> {
  if (block === undefined) return {};
  try {
    const tags = ExifReader.load(block, { expanded: true, includeUnknown: false });
    const bigEndian = block.toString('latin1', 0, 2) === 'MM';
    const exif = textsOf(tags.exif, bigEndian);
    const [gps, rest] = partition(exif, (name) => name.startsWith('GPS') && name !== 'GPS Info IFD Pointer');
    return { Exif: rest, GPS: { ...gps, ...textsOf(tags.gps) }, Thumbnail: textsOf(tags.Thumbnail) };
  } catch {
    // The block is damaged or holds nothing: the picture may still be good, and metadata of it is then its header.
    return {};
  }
}

/** Names and descriptions, bounded in number and length, without control characters. */
function textsOf(tags: object | undefined, bigEndian = false): Record<string, string> {
  const texts: Record<string, string> = {};
  let count = 0;
  for (const [name, tag] of Object.entries(tags ?? {})) {
    if (HIDDEN.test(name)) continue;
    const text = asText(name, tag, bigEndian);
    if (text === undefined || text === '') continue;
    if (++count > MAX_TAGS) break;
    texts[name.slice(0, 100)] = text;
  }
  return texts;
}

/** Tags that the library does not put into words, or not all of them. */
const CODED: readonly string[] = ['UserComment', 'GPSProcessingMethod', 'GPSAreaInformation'];

function asText(name: string, tag: unknown, bigEndian: boolean): string | undefined {
  const value = typeof tag === 'object' && tag !== null && 'value' in tag ? tag.value : undefined;
  const numbers =
    Array.isArray(value) && value.every((one) => typeof one === 'number') ? (value as number[]) : undefined;
  if (numbers && name === 'GPSVersionID') return numbers.slice(0, 4).join('.');
  const coded = numbers && CODED.includes(name) ? codedText(numbers, bigEndian) : undefined;
  return textOf(coded === undefined ? tag : { description: coded });
}

function textOf(tag: unknown): string | undefined {
  if (typeof tag === 'number') return Number.isFinite(tag) ? String(tag) : undefined;
  if (typeof tag !== 'object' || tag === null || !('description' in tag)) return undefined;
  const { description } = tag;
  if (typeof description === 'number') return Number.isFinite(description) ? String(description) : undefined;
  if (typeof description !== 'string') return undefined;
  const clean = cleanText(description);
  return /\b(?:NaN|Infinity)\b/.test(clean) ? undefined : clean;
}

function cleanText(text: string): string {
  return text
    .slice(0, MAX_TAG_CHARACTERS)
    .replace(/[\p{Cc}\p{Cs}]+/gu, ' ')
    .trim();
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function partition(
  tags: Readonly<Record<string, string>>,
  belongs: (name: string) => boolean,
): [Record<string, string>, Record<string, string>] {
  const inside: Record<string, string> = {};
  const outside: Record<string, string> = {};
  for (const [name, text] of Object.entries(tags)) (belongs(name) ? inside : outside)[name] = text;
  return [inside, outside];
}
