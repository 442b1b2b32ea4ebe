// JPEG files that are intact but not by the letter are shown as if they were; with damage beside the oddity they are refused.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ErrorName } from '../../../src/kernel/errors.js';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { Converting } from '../../support/converting.js';
import { jpegPartsOf, jpegSegment, withSegments } from '../../support/hostile/jpeg.js';
import { COLOURED, image, mirroredPhoto, photo } from '../../support/images.js';

let converting: Converting;
let plain: Buffer;
let progressive: Buffer;
let cmyk: Buffer;
beforeAll(async () => {
  converting = await Converting.start();
  const pixels = await photo(160, 120);
  plain = await image(pixels).jpeg({ quality: 90 }).toBuffer();
  progressive = await image(pixels).jpeg({ quality: 90, progressive: true }).toBuffer();
  cmyk = await COLOURED.cmykJpeg(pixels);
});
afterAll(() => converting.close());

/** The marker codes of the segments before the first scan, as `jpegPartsOf` cuts them. */
const [SOI, EOI] = [Buffer.from([0xff, 0xd8]), Buffer.from([0xff, 0xd9])];
const SCAN = 0xda;

function rebuilt(jpeg: Buffer, change: (part: Buffer) => Buffer): Buffer {
  return Buffer.concat([SOI, ...jpegPartsOf(jpeg).map((part) => change(Buffer.from(part)))]);
}

/** With `padding` behind every segment but the scan. */
const padded = (jpeg: Buffer, padding: Buffer): Buffer =>
  rebuilt(jpeg, (part) => (part[1] === SCAN ? part : Buffer.concat([part, padding])));

/** With other parameters in the header of the first scan. */
function withScan(jpeg: Buffer, first: number, last: number, approximation: number): Buffer {
  return rebuilt(jpeg, (part) => {
    if (part[1] === SCAN) part.set([first, last, approximation], 2 + part.readUInt16BE(2) - 3);
    return part;
  });
}

const adobe = (transform: number): Buffer =>
  jpegSegment(0xee, Buffer.concat([Buffer.from('Adobe\0\x64\0\0\0\0', 'latin1'), Buffer.from([transform])]));

function withTransform(jpeg: Buffer, transform: number): Buffer {
  const at = jpeg.indexOf('Adobe');
  if (at < 0) return withSegments(jpeg, adobe(transform));
  const changed = Buffer.from(jpeg);
  changed[at + 11] = transform;
  return changed;
}

const jfif = (major: number): Buffer =>
  jpegSegment(0xe0, Buffer.concat([Buffer.from('JFIF\0', 'latin1'), Buffer.from([major, 1, 0, 0, 1, 0, 1, 0, 0])]));

const withoutEnd = (jpeg: Buffer): Buffer => jpeg.subarray(0, -2);
/** With `padding` between the last coded data and the end marker. */
const endPadded = (jpeg: Buffer, padding: Buffer): Buffer => Buffer.concat([withoutEnd(jpeg), padding, EOI]);

async function refusal(source: Buffer): Promise<ErrorName> {
  const error: unknown = await converting.convert(source, ['png:80x80']).catch((reason: unknown) => reason);
  if (error instanceof ProofsheetError) return error.code;
  throw new Error('expected a refusal');
}

describe('shown as the file without the oddity', () => {
  const cases: readonly (readonly [string, () => readonly [odd: Buffer, straight: Buffer]])[] = [
    ['scan parameters of zero', () => [withScan(plain, 0, 0, 0), plain]],
    ['scan parameters of a progressive picture', () => [withScan(plain, 1, 5, 0x10), plain]],
    ['an end of scan beyond the last coefficient', () => [withScan(plain, 0, 64, 0), plain]],
    ['scan parameters of zero in four components', () => [withScan(cmyk, 0, 0, 0), cmyk]],
    ['zeros between segments', () => [padded(plain, Buffer.alloc(16)), plain]],
    ['one stray byte between segments', () => [padded(plain, Buffer.from([0x0a])), plain]],
    ['stuffed bytes between segments', () => [padded(plain, Buffer.from([0xff, 0, 0xff, 0])), plain]],
    ['restarts between segments', () => [padded(plain, Buffer.from('ffd0ff01ffd7', 'hex')), plain]],
    ['fill bytes between segments', () => [padded(plain, Buffer.from([0xff, 0xff, 0xff])), plain]],
    [
      'junk between the segments of a progressive picture',
      () => [padded(progressive, Buffer.from('junk')), progressive],
    ],
    ['an unknown transform in three components', () => [withTransform(plain, 2), plain]],
    ['another unknown transform in three components', () => [withTransform(plain, 9), plain]],
    [
      'an unknown transform in four components',
      () => [withTransform(withTransform(cmyk, 2), 7), withTransform(cmyk, 2)],
    ],
    ['an unknown version of JFIF', () => [withSegments(plain, jfif(2)), plain]],
    ['no end marker', () => [withoutEnd(plain), plain]],
    ['no end marker in a progressive picture', () => [withoutEnd(progressive), progressive]],
    ['no end marker but zeros', () => [Buffer.concat([withoutEnd(plain), Buffer.alloc(700)]), plain]],
    ['zeros before the end marker', () => [endPadded(plain, Buffer.alloc(9)), plain]],
    [
      'zeros before the end marker of a progressive picture',
      () => [endPadded(progressive, Buffer.alloc(9)), progressive],
    ],
    [
      'stuffed ones before the end marker of a progressive picture',
      () => [endPadded(progressive, Buffer.from('ff00ff00', 'hex')), progressive],
    ],
    [
      'all of it at once',
      () => [endPadded(padded(withScan(withTransform(plain, 2), 0, 0, 0), Buffer.alloc(3)), Buffer.alloc(5)), plain],
    ],
  ];
  test.each(cases)('%s', async (_name, make) => {
    const [odd, straight] = make();
    for (const format of ['png:-1x-1', 'png:40x40']) {
      const [shown, expected] = [await converting.preview(odd, format), await converting.preview(straight, format)];
      expect(shown.equals(expected), format).toBe(true);
    }
  });

  test('also when it is wanted at once, and decoded again in full', async () => {
    const odd = padded(
      await image(await mirroredPhoto(3600, 2400))
        .jpeg()
        .toBuffer(),
      Buffer.alloc(4),
    );
    const { previews } = await converting.convert(odd, ['auto:100x100', 'auto:1200x1200'], { wanted: 'auto:100x100' });
    expect(previews.length).toBeGreaterThan(0);
  });
});

describe('refused, since damage stands beside it', () => {
  /** Some coded bytes in the middle overwritten. */
  const corrupt = (jpeg: Buffer): Buffer => {
    const damaged = Buffer.from(jpeg);
    // All ones are no code of any table.
    damaged.fill(Buffer.from([0xff, 0]), jpeg.length >> 1, (jpeg.length >> 1) + 40);
    return damaged;
  };
  /** The start of each scan but the first. */
  const scansOf = (jpeg: Buffer): number[] => {
    const starts: number[] = [];
    for (
      let at = jpeg.indexOf(Buffer.from([0xff, SCAN]));
      at >= 0;
      at = jpeg.indexOf(Buffer.from([0xff, SCAN]), at + 2)
    )
      starts.push(at);
    return starts.slice(1);
  };
  const half = (jpeg: Buffer): Buffer => jpeg.subarray(0, jpeg.length >> 1);

  test.each<[string, () => Buffer]>([
    ['padding and a cut', () => half(padded(plain, Buffer.alloc(16)))],
    ['padding, a cut and an end marker', () => Buffer.concat([half(padded(plain, Buffer.alloc(16))), EOI])],
    ['padding and damaged data', () => corrupt(padded(plain, Buffer.alloc(16)))],
    ['scan parameters and damaged data', () => corrupt(withScan(plain, 0, 0, 0))],
    ['an unknown transform and a cut', () => half(withTransform(plain, 2))],
    ['no end marker and the last bytes missing', () => plain.subarray(0, -12)],
    ['a cut filled up with zeros', () => Buffer.concat([half(plain), Buffer.alloc(plain.length >> 1)])],
    ['rests of data before the end marker', () => endPadded(progressive, Buffer.from('5b3e9a77c1d204', 'hex'))],
  ])('%s', async (_name, make) => {
    expect(await refusal(make())).toBe('source-undecodable');
  });

  test('every cut of the last rows', async () => {
    const pixels = await photo(33, 25);
    for (const jpeg of [
      await image(pixels).jpeg().toBuffer(),
      await image(pixels).jpeg({ chromaSubsampling: '4:4:4' }).toBuffer(),
      await COLOURED.greyJpeg(pixels),
      await COLOURED.cmykJpeg(pixels),
    ]) {
      // The last byte may hold nothing but the filling of a code that ended in the one before.
      for (let missing = 4; missing < 60; missing += 7) {
        expect(await refusal(jpeg.subarray(0, -missing)), `${missing} bytes`).toBe('source-undecodable');
      }
      const { previews } = await converting.convert(withoutEnd(jpeg), ['png:-1x-1']);
      expect(previews).toHaveLength(1);
    }
  });

  test('a progressive picture that ends between two scans', async () => {
    const starts = scansOf(progressive);
    expect(starts.length).toBeGreaterThan(3);
    for (const start of starts)
      expect(await refusal(progressive.subarray(0, start)), String(start)).toBe('source-undecodable');
  });

  test('a progressive picture whose scans contradict each other', async () => {
    const [first = 0, second = 0] = scansOf(progressive);
    const twice = [progressive.subarray(0, second), progressive.subarray(first, second), progressive.subarray(second)];
    expect(await refusal(Buffer.concat(twice))).toBe('source-undecodable');
  });
});
