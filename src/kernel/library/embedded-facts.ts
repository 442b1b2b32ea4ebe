// What a picture says of itself, from its EXIF, IPTC and XMP: the few facts that people look for, under one name each, whatever the
// standard that they were written by. Pure; bounded in number and length.
import type { Metadata } from '../source.js';
import type { EmbeddedFacts } from './asset.js';

const MAX_CHARACTERS = 2_000;

/** Where a fact is looked for, in this order: group and label. */
const SOURCES: Readonly<Record<string, readonly (readonly [group: string, label: string])[]>> = {
  title: [
    ['XMP', 'title'],
    ['IPTC', 'Object Name'],
  ],
  headline: [
    ['XMP', 'Headline'],
    ['IPTC', 'Headline'],
  ],
  description: [
    ['XMP', 'description'],
    ['IPTC', 'Caption/Abstract'],
    ['Exif', 'Image Description'],
  ],
  creator: [
    ['XMP', 'creator'],
    ['IPTC', 'By-line'],
    ['Exif', 'Artist'],
  ],
  credit: [
    ['XMP', 'Credit'],
    ['IPTC', 'Credit'],
  ],
  copyright: [
    ['XMP', 'rights'],
    ['IPTC', 'Copyright Notice'],
    ['Exif', 'Copyright'],
  ],
  altText: [['XMP', 'AltTextAccessibility']],
  city: [
    ['XMP', 'City'],
    ['IPTC', 'City'],
  ],
  state: [
    ['XMP', 'State'],
    ['IPTC', 'Province/State'],
  ],
  country: [
    ['XMP', 'Country'],
    ['IPTC', 'Country/Primary Location Name'],
  ],
  instructions: [
    ['XMP', 'Instructions'],
    ['IPTC', 'Special Instructions'],
  ],
};

const CAPTURED: readonly (readonly [group: string, label: string])[] = [
  ['Exif', 'Date/Time Original'],
  ['XMP', 'DateTimeOriginal'],
  ['XMP', 'DateCreated'],
  ['XMP', 'CreateDate'],
];

/** `capturedAt` is an ISO 8601 date, UTC where the picture names no other offset; `latitude` and `longitude` are decimal degrees. */
export function embeddedFactsOf(metadata: Metadata): EmbeddedFacts {
  const facts: Record<string, string | number> = {};
  for (const [name, places] of Object.entries(SOURCES)) {
    const text = firstOf(metadata, places);
    if (text !== undefined) facts[name] = text.slice(0, MAX_CHARACTERS);
  }
  const captured = firstOf(metadata, CAPTURED);
  const date = captured === undefined ? undefined : isoDate(captured);
  if (date !== undefined) facts.capturedAt = date;
  for (const [name, most] of [
    ['latitude', 90],
    ['longitude', 180],
  ] as const) {
    const degrees = Number(placeOf(metadata, name) ?? Number.NaN);
    if (Number.isFinite(degrees) && Math.abs(degrees) <= most) facts[name] = degrees;
  }
  const ppi = resolutionOf(metadata);
  if (ppi !== undefined) facts.ppi = ppi;
  return facts;
}

function firstOf(metadata: Metadata, places: readonly (readonly [string, string])[]): string | undefined {
  for (const [group, label] of places) {
    const text = metadata[group]?.[label]?.trim();
    if (text) return text;
  }
  return undefined;
}

function placeOf({ Place = {} }: Metadata, name: string): string | undefined {
  return Object.entries(Place).find(([label]) => label.toLowerCase() === name)?.[1];
}

/** `2024:04:28 10:11:12`, or ISO 8601; `undefined` for what is no date. */
function isoDate(text: string): string | undefined {
  const [, year, month, day, time = '00:00:00', zone = 'Z'] =
    /^(\d{4})[:-](\d\d)[:-](\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?)?\s*(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  const date = new Date(`${year}-${month}-${day}T${time}${zone}`);
  return year === undefined || Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** Pixels per inch, whole. */
function resolutionOf({ Exif = {} }: Metadata): number | undefined {
  const value = Number.parseFloat(Exif['X Resolution'] ?? '');
  if (!(value > 0 && value < 100_000)) return undefined;
  return Math.round(/cm|centim/i.test(Exif['Resolution Unit'] ?? '') ? value * 2.54 : value);
}
