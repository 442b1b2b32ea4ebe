// Which tags of a source tell of a person or a place: rules on groups and labels alone. What is told beside them is about the picture
// and how it was made.
import { THUMBNAIL_LABELS } from './exif-labels.js';
import type { Metadata } from './source.js';

/** Told to whom: `full` is every tag, `safe` none of a place, a person or the serial number of a thing. */
export const METADATA_KINDS = ['full', 'safe'] as const;
export type MetadataKind = (typeof METADATA_KINDS)[number];

/** Parts of labels of EXIF that are not told. A host computer is mostly named after who owns it. */
const PRIVATE_LABEL =
  /serial|owner|artist|author|copyright|host computer|unique image id|location|security classification|image history/i;

/** What is told of EXIF: labels that are known, and say nothing of anybody. What a later edition adds waits to be looked at. */
const PUBLIC_EXIF: ReadonlySet<string> = new Set([
  ...Object.values(THUMBNAIL_LABELS).filter((label) => !PRIVATE_LABEL.test(label)),
  ...['Offset Time', 'Offset Time Original', 'Offset Time Digitized', 'Composite Image', 'ISO Speed'],
]);

/** Of groups that anybody can put anything into, by any name: what is known to be about the picture. */
const PUBLIC_PACKETS: ReadonlySet<string> = new Set([
  ...['CreatorTool', 'CreateDate', 'ModifyDate', 'MetadataDate', 'DateCreated', 'Rating', 'Label', 'format', 'Format'],
  ...['title', 'description', 'subject', 'Headline', 'Keywords', 'Category', 'Urgency', 'Instructions', 'language'],
  ...['ColorMode', 'ColorSpace', 'ICCProfile', 'ICCProfileName', 'PixelXDimension', 'PixelYDimension', 'Orientation'],
  ...[
    'ImageWidth',
    'ImageLength',
    'XResolution',
    'YResolution',
    'ResolutionUnit',
    'Make',
    'Model',
    'Lens',
    'LensModel',
  ],
  ...['FNumber', 'ExposureTime', 'FocalLength', 'ISOSpeedRatings', 'DateTimeOriginal', 'DigitalSourceType'],
  ...['Object Name', 'Caption/Abstract', 'Date Created', 'Time Created', 'Originating Program', 'Program Version'],
  ...['Image Orientation', 'Image Type', 'Edit Status', 'Language Identifier', 'Supplemental Category'],
]);

/** What is told of each group; of one that is not here, nothing: those of places are not. */
const PUBLIC: Readonly<Record<string, 'all' | ReadonlySet<string>>> = {
  Header: 'all',
  File: 'all',
  Exif: PUBLIC_EXIF,
  Thumbnail: PUBLIC_EXIF,
  XMP: PUBLIC_PACKETS,
  IPTC: PUBLIC_PACKETS,
};

/** Of `groups` what may be told to anybody; a group of which nothing is left is left out, but for `File` and `Header`. */
export function safeGroups(groups: Metadata): Metadata {
  const safe: Record<string, Metadata[string]> = {};
  for (const [group, tags] of Object.entries(groups)) {
    const told = Object.hasOwn(PUBLIC, group) ? PUBLIC[group] : undefined;
    if (told === undefined) continue;
    const kept = Object.entries(tags).filter(([label]) => told === 'all' || told.has(label));
    if (kept.length > 0 || told === 'all') safe[group] = Object.fromEntries(kept);
  }
  return safe;
}
