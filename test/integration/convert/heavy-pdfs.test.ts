// Pages of PDFs that ask for more than can be drawn: refused with the limit that they pass, by a converter that lives on; and honest
// ones that draw much, which are shown.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Converting } from '../../support/converting.js';
import { closeUnharmed, refusalOf } from '../../support/hostile/refusing.js';
import { colourDistance, meanColour } from '../../support/pixels.js';
import {
  formObject,
  formsInAnnotation,
  formsInForms,
  heavyMesh,
  heavyPage,
  heavyPattern,
  manyAnnotations,
  picturePdf,
} from '../../support/sources/heavy-pdfs.js';
import { pdfOf, quartersPage } from '../../support/sources/pdfs.js';

const TOO_MUCH_TO_DRAW =
  'expected a page that is drawn in the memory that its pictures and its size tell of, got one that takes more';

describe('memory', () => {
  let converting: Converting;
  beforeAll(async () => {
    // However busy the machine is, the bound comes before the deadline.
    converting = await Converting.start({ sourceTypes: ['pdf'], timeoutMs: 180_000, recycleAfterJobs: 100_000 });
  });
  afterAll(() => closeUnharmed(converting));

  test.each([
    ['ten to the power of 5', () => formsInForms(5)],
    ['ten to the power of 8', () => formsInForms(8)],
    ['two to the power of 28', () => formsInForms(28, 2)],
    [
      'operators without end',
      () =>
        heavyPage('/F Do', '/Resources << /XObject << /F 6 0 R >> >>', formObject('0 0 1 1 re f '.repeat(2_000_000))),
    ],
  ])(
    'forms that unfold to more than a page may hold are refused with that limit: %s',
    { timeout: 240_000 },
    async (_what, source) => {
      expect(await refusalOf(converting, source())).toEqual({
        code: 'source-limits-exceeded',
        message:
          'expected a page of which all that it draws, forms inside forms counted each time, takes at most 160 MiB of memory, got one that takes more',
      });
    },
  );

  test('what unfolds while it is drawn takes no more than was granted for drawing', { timeout: 240_000 }, async () => {
    expect(await refusalOf(converting, formsInAnnotation(8))).toEqual({
      code: 'source-limits-exceeded',
      message: TOO_MUCH_TO_DRAW,
    });
  });

  test('honest pages are shown: ten thousand forms, and a picture of a megapixel that is drawn 400 times', {
    timeout: 240_000,
  }, async () => {
    const preview = await converting.preview(formsInForms(4), 'png:60x80');
    const corner = await meanColour(preview);
    expect(colourDistance(corner, [255, 255, 255])).toBeGreaterThan(0);
    expect((await refusalOf(converting, picturePdf(1000, 400, 4))).code).toBe('shown');
  });

  test('a file that is large for what lies beside its pages is shown', { timeout: 240_000 }, async () => {
    const attached = `<< /Length 150000000 >>\nstream\n${'x'.repeat(150_000_000)}\nendstream`;
    expect((await refusalOf(converting, pdfOf([quartersPage(600, 800)], '', [attached]))).code).toBe('shown');
  });
});

test('what takes longer than two thirds of the deadline to draw is refused with that limit, and its converter lives on', {
  timeout: 120_000,
}, async () => {
  const converting = await Converting.start({ sourceTypes: ['pdf'], timeoutMs: 9000, recycleAfterJobs: 100_000 });
  const cpuSeconds = (): number => converting.metrics.total('conversion_cpu_seconds_total');
  const honest = pdfOf([quartersPage(600, 800)]);
  // The first one pays for the decoder.
  expect((await refusalOf(converting, honest)).code).toBe('shown');
  for (const [what, source] of [
    ['a pattern', heavyPattern()],
    ['a mesh', heavyMesh(20_000)],
    ['annotations', manyAnnotations(50_000)],
  ] as const) {
    const before = cpuSeconds();
    const { code, message } = await refusalOf(converting, source);
    // Half of its time at least, or it was the machine that had none.
    const [least, beside] = [3, 0.5];
    const used = cpuSeconds() - before;
    // On a fast machine so many annotations pass the other limit first.
    if (what === 'annotations' && message === TOO_MUCH_TO_DRAW) continue;
    const isItsFault = code === 'source-limits-exceeded';
    expect([what, message]).toEqual([
      what,
      isItsFault
        ? 'expected a page that can be drawn in 6 s, got one that takes longer'
        : 'the page took longer than 6 s and was ended',
    ]);
    expect([what, used, isItsFault ? used >= least : code === 'conversion-timeout' && used < least + beside]).toEqual([
      what,
      used,
      true,
    ]);
  }
  expect((await refusalOf(converting, honest)).code).toBe('shown');
  await closeUnharmed(converting);
});
