// Every type, cut at every 1/64 of its length: refused each time with the reason, and nothing stays.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HostileServer } from '../../support/hostile/hostile-server.js';
import { animation, COLOURED, cutOut, ENCODED, image, photo } from '../../support/images.js';
import { sourceForm } from '../../support/multipart.js';

const PARTS = 64;
let hostile: HostileServer;
beforeAll(async () => {
  hostile = await HostileServer.start({
    PROOFSHEET_SOURCE_TYPES: 'jpeg,png,gif,webp,tiff,avif,svg',
    PROOFSHEET_CONVERTERS: '2',
  });
});
afterAll(() => hostile.close());

const pixels = () => photo(120, 90);
const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="120" height="90">${'<rect x="9" width="20" height="20"/>'.repeat(20)}</svg>`;

test.each<[string, () => Buffer | Promise<Buffer>]>([
  ['JPEG', async () => ENCODED.jpeg(await pixels())],
  [
    'progressive JPEG',
    async () =>
      image(await pixels())
        .jpeg({ progressive: true })
        .toBuffer(),
  ],
  ['CMYK JPEG', async () => COLOURED.cmykJpeg(await pixels())],
  ['JPEG that is decoded to a smaller scale', async () => ENCODED.jpeg(await photo(1600, 1200))],
  ['PNG', async () => ENCODED.png(await pixels())],
  [
    'interlaced PNG with alpha',
    async () =>
      image(cutOut(await pixels()))
        .png({ progressive: true })
        .toBuffer(),
  ],
  ['GIF', async () => ENCODED.gif(await pixels())],
  ['animated GIF', () => animation('gif', { widthPx: 60, heightPx: 45 })],
  ['WebP', async () => ENCODED.webp(await pixels())],
  [
    'lossless WebP',
    async () =>
      image(await pixels())
        .webp({ lossless: true })
        .toBuffer(),
  ],
  ['animated WebP', () => animation('webp', { widthPx: 60, heightPx: 45 })],
  ['TIFF', async () => ENCODED.tiff(await pixels())],
  ['AVIF', async () => ENCODED.avif(await pixels())],
  ['AVIF with alpha', async () => ENCODED.avif(cutOut(await pixels()))],
  ['SVG', () => Buffer.from(SVG)],
])('%s', { timeout: 300_000 }, async (type, make) => {
  const whole = await make();
  const keys = await hostile.keyCount();
  const answers = await Promise.all(
    Array.from({ length: PARTS - 1 }, async (_, index) => {
      const cut = whole.subarray(0, Math.floor((whole.length * (index + 1)) / PARTS));
      const url = `${hostile.server.url}/cacheAndGetImage/${encodeURIComponent(type)}-${index}/auto:100x100`;
      const answer = await fetch(url, { method: 'POST', body: sourceForm(cut), signal: AbortSignal.timeout(60_000) });
      const { code, message } = (await answer.json()) as { readonly code: number; readonly message: string };
      return { length: cut.length, status: answer.status, code, message };
    }),
  );
  for (const { length, ...answer } of answers) {
    // Where not even the type can be told, it is the type that is refused.
    const expected =
      length < 32 && answer.status === 415
        ? { status: 415, code: 4150, message: expect.stringContaining('expected an image of type') }
        : { status: 422, code: 4220, message: expect.stringContaining('expected') };
    expect({ length, ...answer }).toEqual({ length, ...expected });
  }
  expect(await hostile.keyCount()).toBe(keys);
  await hostile.expectUnharmed();
});
