// A contact sheet by a composed server: pictures of one colour, so that it can be seen which stands where.
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { blobOfBytes, clientOf } from '../support/client-of.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const COLOURS = { red: [255, 0, 0], green: [0, 128, 0], blue: [0, 0, 255] } as const;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  for (const [key, [r, g, b]] of Object.entries(COLOURS)) {
    const picture = await sharp({ create: { width: 400, height: 300, channels: 3, background: { r, g, b } } })
      .png()
      .toBuffer();
    expect((await clientOf(server).put(blobOfBytes(picture), { key })).isUploaded).toBe(true);
  }
}, 120_000);
afterAll(() => server.close());

it('shows each picture in its cell, and leaves out what is not there', { timeout: 120_000 }, async () => {
  const answer = await fetch(`${server.url}/sheet?key=red&key=nothing&key=green&key=blue&columns=2&cell=80x60`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
  const { data, info } = await sharp(Buffer.from(await answer.arrayBuffer()))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([184, 144]);
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
  const seen = [at(48, 38), at(136, 38), at(48, 106), at(136, 106), at(4, 4)];
  const expected = [COLOURS.red, [238, 238, 238], COLOURS.green, COLOURS.blue, [255, 255, 255]];
  for (const [n, colour] of expected.entries())
    for (const [channel, value] of colour.entries())
      expect(Math.abs((seen[n]?.[channel] ?? 0) - value), `cell ${n}, got ${seen[n]}`).toBeLessThan(12);
});

it('shows previews of every type, be they WebP or AVIF alone', { timeout: 120_000 }, async () => {
  const formats = 'webp:80x60';
  const other = await startTestServer({ environment: { PROOFSHEET_TARGET_FORMATS: formats } });
  try {
    const { r, g, b } = { r: 0, g: 128, b: 0 };
    const picture = await sharp({ create: { width: 400, height: 300, channels: 3, background: { r, g, b } } })
      .png()
      .toBuffer();
    const client = clientOf(other);
    await client.put(blobOfBytes(picture), { key: 'green' });
    expect((await client.preview('green', '80x60')).type).toBe('image/webp');
    const answer = await fetch(`${other.url}/sheet?key=green&cell=80x60`);
    expect(answer.status).toBe(200);
    const { data, info } = await sharp(Buffer.from(await answer.arrayBuffer()))
      .raw()
      .toBuffer({ resolveWithObject: true });
    const [red = 0, green = 0, blue = 0] = data.subarray((38 * info.width + 48) * 3);
    expect([red < 12, Math.abs(green - 128) < 12, blue < 12]).toEqual([true, true, true]);
  } finally {
    await other.close();
  }
});

it.each([
  ['no key', '', 4001],
  ['101 keys', `?${Array.from({ length: 101 }, (_, n) => `key=${n}`).join('&')}`, 4001],
  ['a cell that is none', '?key=red&cell=9x9', 4002],
  ['no columns', '?key=red&columns=0', 4002],
])('refuses %s', async (_what, query, code) => {
  const answer = await fetch(`${server.url}/sheet${query}`);
  expect([answer.status, (await answer.json()) as object]).toMatchObject([400, { code }]);
});
