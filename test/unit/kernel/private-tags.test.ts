// What metadata tell everybody: nothing of places, people and serial numbers, whatever stands beside them.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EXIF_LABELS, GPS_LABELS } from '../../../src/kernel/exif-labels.js';
import { safeGroups } from '../../../src/kernel/private-tags.js';

const HELD_BACK = [
  ['Exif', 'Artist'],
  ['Exif', 'Copyright'],
  ['Exif', 'Camera Owner Name'],
  ['Exif', 'Body Serial Number'],
  ['Exif', 'Lens Serial Number'],
  ['Exif', 'Host Computer'],
  ['Exif', 'Windows XP Author'],
  ['Exif', 'Unique Image ID'],
  ['Exif', 'Image History'],
  ['Exif', 'Photographer'],
  ['Exif', 'Original Raw File Name'],
  ['Exif', 'a tag that nobody knows yet'],
  ['Thumbnail', 'Artist'],
  ['Maker', 'Model'],
  ['XMP', 'creator'],
  ['XMP', 'SerialNumber'],
  ['XMP', 'OwnerName'],
  ['XMP', 'GPSLatitude'],
  ['XMP', 'City'],
  ['XMP', 'PersonInImage'],
  ['XMP', 'anything at all'],
  ['IPTC', 'By-line'],
  ['IPTC', 'City'],
  ['IPTC', 'Contact'],
  ['GPS', 'GPS Latitude'],
  ['Place', 'Latitude'],
] as const;

const TOLD = [
  ['Exif', 'Make'],
  ['Exif', 'Model'],
  ['Exif', 'F-Number'],
  ['Exif', 'Date/Time Original'],
  ['Exif', 'Offset Time Original'],
  ['XMP', 'Rating'],
  ['XMP', 'CreatorTool'],
  ['IPTC', 'Keywords'],
  ['Thumbnail', 'Compression'],
  ['File', 'File Size'],
] as const;

test.each(HELD_BACK)('%s: %s is held back', (group, label) => {
  expect(safeGroups({ [group]: { [label]: 'x' } })).toEqual({});
});

test.each(TOLD)('%s: %s is told', (group, label) => {
  expect(safeGroups({ [group]: { [label]: 'x' } })).toEqual({ [group]: { [label]: 'x' } });
});

test('no label of EXIF that names a person, a place or a number of a thing is told', () => {
  const labels = [...Object.values(EXIF_LABELS), ...Object.values(GPS_LABELS)];
  const told = Object.keys(safeGroups({ Exif: Object.fromEntries(labels.map((label) => [label, 'x'])) }).Exif ?? {});
  expect(told.filter((label) => /serial|owner|artist|author|copyright|gps|computer|unique/i.test(label))).toEqual([]);
  expect(told.length).toBeGreaterThan(100);
});

describe('whatever the groups are', () => {
  const tags = fc.dictionary(
    fc.oneof(fc.string(), fc.constantFrom(...[...HELD_BACK, ...TOLD].map(([, label]) => label))),
    fc.string(),
  );
  const names = fc.constantFrom('Header', 'File', 'Exif', 'GPS', 'Place', 'XMP', 'IPTC', 'Thumbnail', 'Other');
  const groups = fc.dictionary(names, tags);

  test('nothing is added or changed, nothing held back is told, and twice is once', () => {
    fc.assert(
      fc.property(groups, (all) => {
        const safe = safeGroups(all);
        expect(safeGroups(safe)).toEqual(safe);
        for (const [name, kept] of Object.entries(safe)) expect(all[name]).toMatchObject(kept);
        for (const [group, label] of HELD_BACK) expect(safe[group]?.[label]).toBeUndefined();
        for (const [group, label] of TOLD) expect(safe[group]?.[label]).toBe(all[group]?.[label]);
      }),
    );
  });
});
