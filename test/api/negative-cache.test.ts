// A source that failed is not decoded again and again: the same answer without a conversion, until it is forgotten.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { clientOf } from '../support/client-of.js';
import { sourceForm } from '../support/multipart.js';
import { scrape } from '../support/server-process.js';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
let photo: Buffer;
beforeAll(async () => {
  server = await startTestServer();
  photo = await jpegOf(640, 480);
});
afterAll(() => server.close());
beforeEach(async () => {
  await clientOf(server).clearRefusals();
});

/** Without a byte that begins a marker: random bytes may say that they are another kind of JPEG. */
const NOISE = Buffer.from(Array.from({ length: 400 }, (_, n) => (n * 89 + 13) % 255));

const admin = (method: string, path: string) =>
  fetch(`${server.url}${path}`, { method, headers: { Authorization: server.adminAuth } });
const upload = (path: string, source: Buffer) =>
  fetch(`${server.url}${path}`, { method: 'POST', body: sourceForm(source) });
const conversions = () => scrape(server.origin, 'proofsheet_conversions_total');
const refused = () => scrape(server.origin, 'proofsheet_refusals_total');
const listed = () => clientOf(server).refusals();

/** A JPEG whose pixels end half-way; every one is another file. */
function truncated(): Buffer {
  return Buffer.concat([photo.subarray(0, photo.length >> 1), randomBytes(8)]).subarray(0, (photo.length >> 1) + 8);
}
const noImage = () => Buffer.concat([Buffer.from('%PDF-1.7\n'), randomBytes(40)]);

describe('the negative cache', () => {
  it.each([
    ['not an image', noImage, 415, 4150],
    ['an image that cannot be decoded', () => Buffer.concat([photo.subarray(0, 60), NOISE]), 422, 4220],
  ])('answers %s the same again, with one conversion in all', async (_what, make, status, code) => {
    const poison = make();
    const [before, refusedBefore] = [await conversions(), await refused()];
    const first = await upload('/cacheImage/poison', poison);
    expect(first.status).toBe(status);
    const body = await first.json();
    expect(body).toMatchObject({ code });
    for (const path of ['/cacheImage/poison', '/cacheAndGetImage/other/80x80', '/cacheImage/poison?context=b']) {
      const again = await upload(path, poison);
      expect(again.status).toBe(status);
      expect(await again.json()).toEqual(body);
    }
    expect((await conversions()) - before).toBe(1);
    expect((await refused()) - refusedBefore).toBe(3);
    expect((await fetch(`${server.url}/getMetadata/poison`)).status).toBe(404);
    expect((await upload('/cacheImage/good', photo)).status).toBe(200);
  });

  it('lists what it remembers, and forgets one or all', async () => {
    const poisons = [noImage(), noImage(), noImage()];
    for (const poison of poisons) await upload('/cacheImage/poison', poison);
    const refusals = await listed();
    expect(refusals).toHaveLength(3);
    for (const refusal of refusals) {
      expect(refusal).toEqual({
        source: expect.stringMatching(/^[0-9a-f]{64}$/),
        code: 4150,
        message: expect.stringContaining('expected'),
        strikes: 1,
        until: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      });
      const leftMs = Date.parse(String(refusal.until)) - Date.now();
      expect(leftMs).toBeGreaterThan(500_000);
      expect(leftMs).toBeLessThanOrEqual(600_000);
    }
    expect(await clientOf(server).clearRefusals(refusals[1]?.source)).toBe('forgot 1 refusal');
    expect((await listed()).map(({ source }) => source)).toEqual([refusals[0]?.source, refusals[2]?.source]);
    expect(await (await admin('POST', '/clearRefusals')).json()).toEqual({ code: 0, message: 'forgot 2 refusals' });
    expect(await listed()).toEqual([]);
    const before = await conversions();
    await upload('/cacheImage/poison', poisons[0] ?? Buffer.alloc(0));
    expect((await conversions()) - before).toBe(1);
  });

  it('tells and forgets nothing without the admin password', async () => {
    for (const [method, path] of [
      ['GET', '/getRefusals'],
      ['DELETE', '/clearRefusals'],
      ['POST', `/clearRefusals/${'0'.repeat(64)}`],
    ] as const) {
      expect((await fetch(`${server.url}${path}`, { method })).status).toBe(401);
      const wrong = { Authorization: `Basic ${Buffer.from('admin:wrong').toString('base64')}` };
      expect((await fetch(`${server.url}${path}`, { method, headers: wrong })).status).toBe(401);
      expect((await admin(method, path)).status).toBe(200);
    }
    expect((await admin('DELETE', '/clearRefusals/nonsense')).status).toBe(400);
    expect((await admin('GET', '/clearRefusals')).status).toBe(405);
  });

  it('is off with 0 seconds', async () => {
    const off = await startTestServer({ environment: { PROOFSHEET_NEGATIVE_CACHE_SECONDS: '0' } });
    try {
      const poison = noImage();
      for (let time = 0; time < 3; time++)
        await fetch(`${off.url}/cacheImage/k`, { method: 'POST', body: sourceForm(poison) });
      expect(await scrape(off.origin, 'proofsheet_conversions_total')).toBe(3);
    } finally {
      await off.close();
    }
  });

  it('does not take a source that was cut for one that is whole', async () => {
    expect((await upload('/cacheImage/cut', truncated())).status).toBe(422);
    expect((await upload('/cacheImage/cut', photo)).status).toBe(200);
  });
});
