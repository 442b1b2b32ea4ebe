// Which tags of a source tell of a person or a place: rules on groups and labels alone. What is told beside them is about the picture
// and how it was made.
import type { Metadata } from './source.js';

/** Told to whom: `full` is every tag, `safe` none of a place, a person or the serial number of a thing. */
export const METADATA_KINDS = ['full', 'safe'] as const;
export type MetadataKind = (typeof METADATA_KINDS)[number];

/** About places, each whole. */
const PRIVATE_GROUPS: ReadonlySet<string> = new Set(['GPS', 'Place']);

/** Parts of EXIF labels. A host computer is mostly named after who owns it. */
const PRIVATE_LABEL =
  /serial|owner|artist|author|creator|photographer|copyright|rights|host computer|unique (?:image )?id|gps|latitude|longitude|location|raw file name|e-?mail|phone|address|contact|security classification|image history/i;

/** Groups that anybody can put anything into, by any name: of these only what is known to be about the picture. */
const OPEN_GROUPS: ReadonlySet<string> = new Set(['XMP', 'IPTC']);
const PUBLIC_LABELS: ReadonlySet<string> = new Set([
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

/** Of `groups` what may be told to anybody; a group of which nothing is left is left out, but for `File` and `Header`. */
export function safeGroups(groups: Metadata): Metadata {
  const safe: Record<string, Metadata[string]> = {};
  for (const [group, tags] of Object.entries(groups)) {
    if (PRIVATE_GROUPS.has(group)) continue;
    const kept = Object.entries(tags).filter(([label]) =>
      OPEN_GROUPS.has(group) ? PUBLIC_LABELS.has(label) : !PRIVATE_LABEL.test(label),
    );
    if (kept.length > 0 || group === 'File' || group === 'Header') safe[group] = Object.fromEntries(kept);
  }
  return safe;
}
