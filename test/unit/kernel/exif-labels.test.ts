// The labels that clients of the original look up, against the numbers of EXIF 2.32 (CIPA DC-008) and TIFF 6.0.
import { describe, expect, test } from 'vitest';
import { EXIF_LABELS, GPS_LABELS, labelOf, THUMBNAIL_LABELS } from '../../../src/kernel/exif-labels.js';

describe('labels', () => {
  test.each([
    [0x010f, 'Make'],
    [0x0110, 'Model'],
    [0x0112, 'Orientation'],
    [0x011a, 'X Resolution'],
    [0x011b, 'Y Resolution'],
    [0x0128, 'Resolution Unit'],
    [0x0132, 'Date/Time'],
    [0x0213, 'YCbCr Positioning'],
    [0x8298, 'Copyright'],
    [0x829a, 'Exposure Time'],
    [0x829d, 'F-Number'],
    [0x8827, 'ISO Speed Ratings'],
    [0x9000, 'Exif Version'],
    [0x9003, 'Date/Time Original'],
    [0x9004, 'Date/Time Digitized'],
    [0x9209, 'Flash'],
    [0x920a, 'Focal Length'],
    [0x9286, 'User Comment'],
    [0x9291, 'Sub-Sec Time Original'],
    [0xa000, 'FlashPix Version'],
    [0xa001, 'Color Space'],
    [0xa002, 'Exif Image Width'],
    [0xa003, 'Exif Image Height'],
    [0xa403, 'White Balance Mode'],
    [0xa405, 'Focal Length 35'],
    [0xa420, 'Unique Image ID'],
    [0xa434, 'Lens Model'],
  ])('of the EXIF tag 0x%s', (id, label) => {
    expect(labelOf(EXIF_LABELS, id, 'whatever')).toBe(label);
  });

  test.each([
    [0x00, 'GPS Version ID'],
    [0x01, 'GPS Latitude Ref'],
    [0x02, 'GPS Latitude'],
    [0x03, 'GPS Longitude Ref'],
    [0x04, 'GPS Longitude'],
    [0x06, 'GPS Altitude'],
    [0x07, 'GPS Time-Stamp'],
    [0x1d, 'GPS Date Stamp'],
  ])('of the GPS tag 0x%s', (id, label) => {
    expect(labelOf(GPS_LABELS, id, 'whatever')).toBe(label);
  });

  test('of a thumbnail: where it lies, and else as of an image', () => {
    expect([0x0201, 0x0202, 0x0103].map((id) => labelOf(THUMBNAIL_LABELS, id, 'x'))).toEqual([
      'Thumbnail Offset',
      'Thumbnail Length',
      'Compression',
    ]);
  });

  test.each([
    ['OffsetTimeOriginal', 'Offset Time Original'],
    ['GPSHPositioningError', 'GPSH Positioning Error'],
    ['JPEGTables', 'JPEG Tables'],
    ['Make', 'Make'],
    ['Tag0x', 'Tag0x'],
  ])('a tag without one is called by the words of its name: %s', (name, label) => {
    expect(labelOf(EXIF_LABELS, 0xffff, name)).toBe(label);
    expect(labelOf(EXIF_LABELS, undefined, name)).toBe(label);
  });

  test('no two tags of a directory share one', () => {
    for (const labels of [EXIF_LABELS, GPS_LABELS, THUMBNAIL_LABELS])
      expect(new Set(Object.values(labels)).size).toBe(Object.keys(labels).length);
  });
});
