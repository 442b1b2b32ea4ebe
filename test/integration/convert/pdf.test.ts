// Pages of PDFs: drawn at the size that is asked for, counted, and refused with a word where they cannot be opened.
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { closeUnharmed } from '../../support/hostile/refusing.js';
import { colourDistance, meanColour, quarterColours } from '../../support/pixels.js';
import { formPage, pdfOf, picturesPdf, quartersPage, wordPage } from '../../support/sources/pdfs.js';
import { encryptedPdf } from '../../support/sources/tool-made.js';

let converting: Converting;
beforeAll(async () => {
  converting = await Converting.start({ sourceTypes: ['pdf'], recycleAfterJobs: 100_000 });
});
afterAll(() => closeUnharmed(converting));

const COLOURS = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 0],
];

test('the first page, upright, opaque, in its colours', async () => {
  const { info, previews } = await converting.convert(pdfOf([quartersPage(612, 792)]), ['jpg:200x150', 'png:300x300']);
  expect(info).toMatchObject({
    type: 'pdf',
    pages: 1,
    widthPx: 2550,
    heightPx: 3300,
    hasAlpha: false,
    animated: false,
  });
  expect(previews.map(({ type, widthPx, heightPx }) => [type, widthPx, heightPx])).toEqual([
    ['jpg', 116, 150],
    ['png', 232, 300],
  ]);
  const colours = await quarterColours(await converting.preview(pdfOf([quartersPage(612, 792)]), 'png:300x300'));
  for (const [index, colour] of colours.entries()) expect(colourDistance(colour, COLOURS[index] ?? [])).toBeLessThan(2);
});

test('a page that is turned by its dictionary is shown turned', async () => {
  const { info } = await converting.convert(pdfOf([quartersPage(300, 200, '/Rotate 90')]), ['auto:100x100']);
  expect([info.widthPx < info.heightPx, info.orientation]).toEqual([true, 1]);
});

/** Neighbours in a middle row that are neither nearly black nor nearly white. */
async function greys(format: string): Promise<number> {
  const { data, info } = await sharp(await converting.preview(pdfOf([wordPage('IIIIIIII')]), format))
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const row = data.subarray(Math.floor(info.height / 2) * info.width, (Math.floor(info.height / 2) + 1) * info.width);
  expect(Math.min(...row)).toBeLessThan(20);
  return row.filter((value) => value > 30 && value < 225).length;
}

test('text in a font that the document does not bring is drawn, as sharp at 2000 pixels as at 250', async () => {
  // A page that were scaled up from 72 dpi would have ten grey pixels at each of the edges, not one or two.
  expect(await greys('png:250x250')).toBeLessThanOrEqual(32);
  expect(await greys('png:2000x2000')).toBeLessThanOrEqual(32);
});

test.each([true, false])('what stands in the fields of a form is shown, drawn by the document: %s', async (drawn) => {
  const preview = await converting.preview(formPage(drawn), 'png:200x100');
  const middle = await sharp(preview).extract({ left: 60, top: 40, width: 80, height: 20 }).toBuffer();
  expect(colourDistance(await meanColour(middle), [0, 0, 255])).toBeLessThan(20);
  const corner = await sharp(preview).extract({ left: 0, top: 0, width: 15, height: 15 }).toBuffer();
  expect(colourDistance(await meanColour(corner), [255, 255, 255])).toBeLessThan(2);
});

test('pages, each at its own size', async () => {
  const source = pdfOf([quartersPage(612, 792), quartersPage(400, 100), wordPage('x')]);
  const { info, previews } = await converting.convert(source, [
    'auto:200x200',
    'auto:200x200~page=2',
    'auto:200x200~page=9',
  ]);
  expect(info.pages).toBe(3);
  expect(previews.map(({ widthPx, heightPx }) => [widthPx, heightPx])).toEqual([
    [155, 200],
    [200, 50],
    [200, 100],
  ]);
});

test('a small page is drawn larger, a huge one smaller', async () => {
  const sizeOf = async (width: number, height: number) => {
    const { info } = await converting.convert(pdfOf([quartersPage(width, height)]), ['auto:64x64']);
    return [info.widthPx, info.heightPx];
  };
  expect(await sizeOf(20, 10)).toEqual([2048, 1024]);
  expect(await sizeOf(14_400, 14_400)).toEqual([8000, 8000]);
  expect((await sizeOf(14_400, 3)).every((side) => side >= 1 && side <= 16_384)).toBe(true);
});

describe('refused', () => {
  test('a password', async () => {
    const source = await encryptedPdf(pdfOf([quartersPage(100, 100)]), 'secret');
    await expect(converting.convert(source, ['auto:64x64'])).rejects.toMatchObject({
      code: 'source-type-refused',
      message: expect.stringContaining('a PDF that only opens with a password'),
    });
  });

  test('one that opens without a password is shown, whatever it forbids', async () => {
    const source = await encryptedPdf(pdfOf([quartersPage(100, 100)]), '');
    expect((await converting.convert(source, ['auto:64x64'])).previews).toHaveLength(1);
  });

  test.each([
    ['no more than a header', Buffer.from('%PDF-1.7\n')],
    ['no pages', pdfOf([])],
    [
      'a page that is its own parent',
      Buffer.from(
        pdfOf([quartersPage(9, 9)])
          .toString('latin1')
          .replace('[4 0 R]', '[2 0 R]'),
        'latin1',
      ),
    ],
    ['pages without a size', pdfOf([quartersPage(0, 0)])],
  ])('%s', async (_what, source) => {
    const result = await converting.convert(source, ['auto:64x64']).then(
      ({ info }) => `shown ${info.widthPx > 0}`,
      (error: { readonly code: string }) => error.code,
    );
    // PDFium takes letter paper for a page without a size.
    expect(['source-undecodable', 'shown true']).toContain(result);
  });
});

test('cut at every 1/64 it is damaged, or repaired as readers of documents do', { timeout: 120_000 }, async () => {
  const whole = pdfOf([quartersPage(612, 792), wordPage('two')]);
  const results = new Set<string>();
  for (let part = 1; part < 64; part++) {
    const cut = whole.subarray(0, Math.floor((whole.length * part) / 64));
    results.add(
      await converting.convert(cut, ['auto:10x10']).then(
        () => 'shown',
        (error: { readonly code: string }) => error.code,
      ),
    );
  }
  expect(
    [...results].filter((result) => !['shown', 'source-undecodable', 'source-type-refused'].includes(result)),
  ).toEqual([]);
  expect(results.has('source-undecodable')).toBe(true);
});

test.each([
  ['on the page', false],
  ['in a form on the page', true],
])('a picture that is decoded as a whole counts for the memory before it is drawn: %s', async (_where, inForm) => {
  const whole = { widthPx: 10_000, heightPx: 8000, filter: 'JPXDecode', body: Buffer.from('no picture') };
  await expect(converting.convert(picturesPdf([whole], inForm), ['auto:50x50'])).rejects.toMatchObject({
    code: 'source-limits-exceeded',
  });
  // Others of that size are drawn row by row.
  const rows = { ...whole, filter: 'FlateDecode', body: deflateSync(Buffer.alloc(1000)) };
  const { info } = await converting.convert(picturesPdf([rows], inForm), ['auto:50x50']);
  expect(info.type).toBe('pdf');
});
