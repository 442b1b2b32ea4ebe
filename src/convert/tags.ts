// What the file says about itself beside its header, as text by tag label. Bad tags are no tags; nothing here throws.
import ExifReader from 'exifreader';
import { EXIF_LABELS, GPS_LABELS, labelOf, THUMBNAIL_LABELS } from '../kernel/exif-labels.js';
import type { Metadata } from '../kernel/source.js';
import { profileName } from './colour/icc.js';
import { codedText } from './exif-text.js';
import { MAX_EXIF_BYTES } from './source-facts.js';
import type { SourceFile } from './source-file.js';
import { exifOfTiff } from './sources/tiff-exif.js';
import { xmpAndIptc } from './xmp-iptc.js';

const MAX_TAG_CHARACTERS = 1000;
const MAX_TAGS = 500;
/** Tags that are data for programs, not text for people. */
const HIDDEN =
  /^(?:MakerNote|.* IFD Pointer|Thumbnail|base64|image|type|Images|PrintImageMatching|Padding|ApplicationNotes|IPTC-NAA|PhotoshopSettings|undefined-\d+)$/;

/**
 * The tag groups `File`, `Exif`, `GPS` and `Thumbnail`, by the labels of exif-labels.ts; `XMP` and `IPTC` by their own names; and two of ours: `Place`, where the
 * picture was taken in decimal degrees and metres, and `Source`, what is known of the source beside its `info`. One without
 * tags is left out, `File` never is.
 */
export function tagsOf(source: SourceFile): Metadata {
  const groups: Record<string, Readonly<Record<string, string>>> = {
    File: { 'File Size': String(source.file.length) },
  };
  const facts = factsOf(source);
  if (Object.keys(facts).length > 0) groups.Source = facts;
  const { xmp, iptc } = xmpAndIptc(source);
  const found = { ...exifGroups(exifBlock(source)), XMP: textsOf(xmp), IPTC: textsOf(iptc) };
  for (const [name, tags] of Object.entries(found)) {
    if (Object.keys(tags).length > 0) groups[name] = tags;
  }
  return groups;
}

/** By the names of `SourceFacts`. */
function factsOf({ info, header, reading, onlyFirst }: SourceFile): Record<string, string> {
  const profile = header.icc && !reading?.ignoreIcc ? cleanText(profileName(header.icc) ?? '') : '';
  return {
    ...(profile && { colorProfile: profile }),
    ...(reading?.dynamic && { dynamicRange: reading.dynamic.toUpperCase() }),
    ...(info.animated && { durationMs: String(sumOf(info.delaysMs)) }),
    ...(onlyFirst && { shown: 'the first of more pages than are taken' }),
  };
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
    // The reader puts the tags of the GPS directory among the others; their numbers are their own.
    const bigEndian = block.toString('latin1', 0, 2) === 'MM';
    const [gps, exif] = partition(tags.exif ?? {}, (name) => name.startsWith('GPS'));
    return {
      Exif: textsOf(exif, EXIF_LABELS, bigEndian),
      GPS: textsOf(gps, GPS_LABELS, bigEndian),
      Thumbnail: textsOf(tags.Thumbnail, THUMBNAIL_LABELS),
      Place: textsOf(tags.gps, {}),
    };
  } catch {
    // The block is damaged or holds nothing: the picture may still be good, and metadata of it is then its header.
    return {};
  }
}

/** Labels, or without them the names as they are, and descriptions: bounded in number and length, without control characters. */
function textsOf(
  tags: object | undefined,
  labels?: Readonly<Record<number, string>>,
  bigEndian = false,
): Record<string, string> {
  const texts: Record<string, string> = {};
  let count = 0;
  for (const [name, tag] of Object.entries(tags ?? {})) {
    if (HIDDEN.test(name)) continue;
    const text = asText(name, tag, bigEndian);
    if (text === undefined || text === '') continue;
    if (++count > MAX_TAGS) break;
    texts[(labels ? labelOf(labels, idOf(tag), name) : name).slice(0, 100)] = text;
  }
  return texts;
}

function idOf(tag: unknown): unknown {
  return typeof tag === 'object' && tag !== null && 'id' in tag ? tag.id : undefined;
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

function partition(tags: object, belongs: (name: string) => boolean): [inside: object, outside: object] {
  const entries = Object.entries(tags);
  return [
    Object.fromEntries(entries.filter(([name]) => belongs(name))),
    Object.fromEntries(entries.filter(([name]) => !belongs(name))),
  ];
}
