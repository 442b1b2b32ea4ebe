// Sources that are shown by a picture inside them: camera raw, Office documents, books.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { withClaimedSize } from '../../support/hostile/jpeg.js';
import { closeUnharmed, expectCuts, refusalOf } from '../../support/hostile/refusing.js';
import { ENCODED, flat, photo, quadrants } from '../../support/images.js';
import { colourDistance, meanColour, quarterColours } from '../../support/pixels.js';
import { type RawKind, rawOf } from '../../support/sources/raws.js';
import { epubOf, ooxml, openDocument, zipOf } from '../../support/sources/zips.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({
    sourceTypes: ['tiff', 'raw', 'office', 'epub'],
    maxSourcePixels: 4_000_000,
    recycleAfterJobs: 100_000,
  });
});
afterAll(() => closeUnharmed(converting));

const refusal = (source: Buffer) => refusalOf(converting, source);

describe('camera raw', () => {
  const KINDS: readonly RawKind[] = ['dng', 'cr2', 'nef', 'orf', 'rw2', 'raf', 'cr3'];

  test.each(KINDS)('%s: the largest picture, turned as the file says, with its tags', async (kind) => {
    const [small, large] = [await ENCODED.jpeg(flat(160, 120, [9, 9, 9])), await ENCODED.jpeg(quadrants(320, 240))];
    const source = rawOf(kind, [small, large, small], 6);
    const { info, metadata } = await converting.convert(source, ['auto:64x64']);
    // Fuji keeps the turn in the picture's own tags.
    const isTurned = kind !== 'raf';
    expect(info).toMatchObject({
      type: 'raw',
      widthPx: isTurned ? 240 : 320,
      heightPx: isTurned ? 320 : 240,
      orientation: isTurned ? 6 : 1,
    });
    if (isTurned) expect(metadata.Exif).toMatchObject({ Make: 'Maker' });
    const [first] = await quarterColours(await converting.preview(source, 'png:-1x-1'));
    const upright = await quarterColours(large);
    // A quarter turn with the clock: what was at the lower left is at the upper left.
    expect(colourDistance(first ?? [], upright[isTurned ? 2 : 0] ?? [])).toBeLessThan(12);
  });

  test('a lossless JPEG is the sensor’s data, however large', async () => {
    const small = await ENCODED.jpeg(flat(40, 30, [200, 10, 10]));
    const lossless = Buffer.from(await ENCODED.jpeg(flat(400, 300, [9, 9, 9])));
    const frame = lossless.indexOf(Buffer.from('ffc0', 'hex'));
    lossless[frame + 1] = 0xc3;
    const { info } = await converting.convert(rawOf('dng', [lossless, small]), ['auto:64x64']);
    expect([info.widthPx, info.heightPx]).toEqual([40, 30]);
  });

  test('none inside', async () => {
    expect(await refusal(rawOf('nef', []))).toEqual({
      code: 'source-type-refused',
      message: expect.stringContaining('camera raw without a picture for screens inside'),
    });
  });

  test.each(KINDS)('%s, cut at every 1/64', { timeout: 60_000 }, async (kind) => {
    // What is whole inside is shown: the sensor's data behind it are not read.
    const whole = rawOf(kind, [await ENCODED.jpeg(await photo(60, 40))]);
    await expectCuts(converting, whole, ['source-type-refused', 'source-undecodable', 'shown']);
  });

  test('one picture that claims more pixels than the limit, and one of nothing but beginnings', async () => {
    const jpeg = withClaimedSize(await ENCODED.jpeg(await photo(60, 40)), 60_000, 60_000);
    expect((await refusal(rawOf('dng', [jpeg]))).code).toBe('source-limits-exceeded');
    const begins = Buffer.alloc(3_000_000, Buffer.from('ffd8ffe00004', 'hex'));
    expect((await refusal(rawOf('dng', [begins]))).code).toBe('source-type-refused');
  });
});

describe('Office documents', () => {
  const thumbnail = () => ENCODED.jpeg(flat(64, 48, [200, 100, 50]));

  test.each(['docProps/thumbnail.jpeg', 'media/other-name.bin'])('OOXML with %s', async (name) => {
    const source = ooxml({ name, bytes: await thumbnail() });
    const { info } = await converting.convert(source, ['auto:64x64']);
    expect([info.type, info.widthPx, info.heightPx]).toEqual(['office', 64, 48]);
    expect(colourDistance(await meanColour(await converting.preview(source, 'png:8x8')), [200, 100, 50])).toBeLessThan(
      5,
    );
  });

  test('OpenDocument', async () => {
    const { info } = await converting.convert(openDocument(await ENCODED.png(flat(30, 40, [1, 2, 3]))), ['auto:64x64']);
    expect([info.type, info.heightPx]).toEqual(['office', 40]);
  });

  test.each([
    ['OOXML', ooxml(), 'no thumbnail inside'],
    ['OpenDocument', openDocument(), 'no thumbnail inside'],
    [
      'a metafile',
      ooxml({ name: 'docProps/thumbnail.emf', bytes: Buffer.from('010000006c000000', 'hex') }),
      'whose thumbnail is of no known type',
    ],
  ])('%s without a picture says so', async (_what, source, says) => {
    expect(await refusal(source)).toEqual({ code: 'source-type-refused', message: expect.stringContaining(says) });
  });

  test('cut at every 1/64 it is damaged', { timeout: 60_000 }, async () => {
    await expectCuts(converting, ooxml({ name: 'docProps/thumbnail.jpeg', bytes: await thumbnail() }), [
      'source-undecodable',
      'source-type-refused',
    ]);
  });

  test('bombs: an entry that unpacks to more than it says, one that says a gigabyte, a hundred thousand entries', async () => {
    const name = 'docProps/thumbnail.jpeg';
    const types = { name: '[Content_Types].xml', body: '<Types/>' };
    const zeros = Buffer.alloc(30_000_000);
    expect((await refusal(zipOf([types, { name, body: zeros, length: 100 }]))).code).toBe('source-undecodable');
    expect((await refusal(zipOf([types, { name, body: zeros, length: 1_000_000_000 }]))).code).toBe(
      'source-type-refused',
    );
    const many = Array.from({ length: 100_000 }, (_, n) => ({ name: `${n}`, body: '', deflate: false }));
    expect((await refusal(zipOf([types, ...many.slice(0, 65_000), { name, body: await thumbnail() }]))).code).toBe(
      'source-type-refused',
    );
  });

  test('another archive is none, and is named', async () => {
    expect((await refusal(zipOf([{ name: 'a.txt', body: 'a' }]))).message).toContain('got ZIP');
  });
});

describe('EPUB', () => {
  test.each(['property', 'meta', 'id'] as const)('the cover that is named by its %s', async (way) => {
    const { info } = await converting.convert(epubOf(await ENCODED.jpeg(flat(60, 90, [9, 99, 9])), way), [
      'auto:64x64',
    ]);
    expect([info.type, info.widthPx, info.heightPx]).toEqual(['epub', 60, 90]);
  });

  test('none inside', async () => {
    expect((await refusal(epubOf(undefined))).message).toContain('an EPUB with no cover inside');
  });

  test('a name that leads out of the archive finds nothing', async () => {
    const source = zipOf([
      { name: 'mimetype', body: 'application/epub+zip', deflate: false },
      { name: 'META-INF/container.xml', body: '<rootfile full-path="../../../etc/passwd"/>' },
    ]);
    expect((await refusal(source)).code).toMatch(/^source-/);
  });

  test('cut at every 1/64 it is damaged', { timeout: 60_000 }, async () => {
    await expectCuts(converting, epubOf(await ENCODED.jpeg(await photo(60, 90))), [
      'source-undecodable',
      'source-type-refused',
    ]);
  });
});
