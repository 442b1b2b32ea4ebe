// Types by Accept: the JPEG first, and then the smallest of what the client takes, from the slow way and hot; Vary where answers differ.
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptedTypes } from '../../src/kernel/negotiation.js';
import { image, photo } from '../support/images.js';
import { sourceForm } from '../support/multipart.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const CHROME = 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8';
const OLD_SAFARI = 'image/webp, image/*;q=0.8';
const ANYTHING = '*/*';

describe('what a client takes', () => {
  it.each([
    [CHROME, 'avif,webp'],
    [OLD_SAFARI, 'webp'],
    ['IMAGE/WebP ; q=0.3', 'webp'],
    ['image/avif;q=0, image/webp;q=0.000', ''],
    ['image/*,*/*', ''],
    ['', ''],
    ['image/avifs, xx/webp', ''],
  ])('%s is %s', (accept, expected) => {
    expect(acceptedTypes(accept, ['avif', 'webp']).join(',')).toBe(expected);
  });

  it('is of the types that are negotiated, in their order', () => {
    expect(acceptedTypes(CHROME, ['webp', 'avif'])).toEqual(['webp', 'avif']);
    expect(acceptedTypes(CHROME, ['webp'])).toEqual(['webp']);
    expect(acceptedTypes(CHROME, [])).toEqual([]);
    expect(acceptedTypes(undefined, ['webp'])).toEqual([]);
  });
});

describe('a server that negotiates', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      environment: { PROOFSHEET_NEGOTIATE: 'avif,webp' },
    });
    const source = await image(await photo(640, 480, 3))
      .jpeg({ quality: 95 })
      .toBuffer();
    const colour = { r: 200, g: 60, b: 20, alpha: 0.5 };
    const glass = sharp({ create: { width: 640, height: 480, channels: 4, background: colour } });
    for (const [key, body] of [
      ['photo', source],
      ['drawing', await glass.png().toBuffer()],
    ] as const) {
      const stored = await fetch(`${server.url}/cacheImage/${key}`, { method: 'POST', body: sourceForm(body) });
      expect(await stored.json()).toMatchObject({ code: 0 });
    }
  });
  afterAll(() => server.close());

  interface Answer {
    readonly status: number;
    readonly type: string | null;
    readonly vary: string | null;
    readonly etag: string;
    readonly bytes: Buffer;
    readonly id: string | null;
  }
  async function ask(path: string, accept: string, more: Record<string, string> = {}): Promise<Answer> {
    const answer = await fetch(`${server.url}/getImage/${path}`, { headers: { Accept: accept, ...more } });
    const { headers, status } = answer;
    const bytes = Buffer.from(await answer.arrayBuffer());
    return {
      status,
      type: headers.get('content-type'),
      vary: headers.get('vary'),
      etag: headers.get('etag') ?? '',
      bytes,
      id: headers.get('x-request-id'),
    };
  }

  it('answers first with the JPEG, then with the smallest that the client takes, each class of clients with its own', async () => {
    const first = await ask('photo/auto:200x150', CHROME);
    expect(first).toMatchObject({ status: 200, type: 'image/jpeg', vary: 'Accept' });
    await expect
      .poll(async () => (await ask('photo/auto:200x150', CHROME)).type, { timeout: 60_000 })
      .not.toBe('image/jpeg');
    await expect
      .poll(async () => (await ask('photo/auto:200x150', OLD_SAFARI)).type, { timeout: 60_000 })
      .toBe('image/webp');
    // Several rounds: the slow way, then prepared, which has no id of a request.
    for (let round = 0; round < 4; round++) {
      const [modern, older, plain] = await Promise.all(
        [CHROME, OLD_SAFARI, ANYTHING].map((accept) => ask('photo/auto:200x150', accept)),
      );
      expect(older).toMatchObject({ status: 200, type: 'image/webp', vary: 'Accept' });
      expect(plain).toMatchObject({ status: 200, type: 'image/jpeg', vary: 'Accept' });
      expect(plain?.bytes).toEqual(first.bytes);
      expect(modern?.bytes.length).toBeLessThanOrEqual(older?.bytes.length ?? 0);
      expect(older?.bytes.length).toBeLessThan(first.bytes.length);
      const unchanged = await ask('photo/auto:200x150', OLD_SAFARI, { 'If-None-Match': older?.etag ?? '' });
      expect(unchanged).toMatchObject({ status: 304, vary: 'Accept' });
      // The tag of one type is not that of another.
      const other = await ask('photo/auto:200x150', ANYTHING, { 'If-None-Match': older?.etag ?? '' });
      expect(other).toMatchObject({ status: 200, type: 'image/jpeg' });
    }
    // What was prepared goes when another type comes to it, which is when nobody waits.
    for (const accept of [CHROME, OLD_SAFARI, ANYTHING, `${OLD_SAFARI}, text/html`])
      await expect.poll(async () => (await ask('photo/auto:200x150', accept)).id, { timeout: 60_000 }).toBeNull();
  });

  it.each([
    ['a type that is asked for', 'photo/jpg:200x150', 'image/jpeg'],
    ['a picture that is no JPEG', 'drawing/auto:200x150', 'image/png'],
  ])('does not look at Accept for %s, and says so', async (_, path, type) => {
    for (let round = 0; round < 3; round++)
      expect(await ask(path, CHROME)).toMatchObject({ status: 200, type, vary: null });
  });

  it('forgets them with their key', async () => {
    const headers = { Authorization: server.adminAuth };
    await fetch(`${server.url}/clearImagesByKey/photo`, { method: 'DELETE', headers });
    for (const accept of [CHROME, OLD_SAFARI, ANYTHING])
      expect((await ask('photo/auto:200x150', accept)).status).toBe(404);
  });
});

it('with CORS an answer varies by both', async () => {
  const server = await startTestServer({
    environment: { PROOFSHEET_NEGOTIATE: 'webp', PROOFSHEET_CORS_ORIGINS: 'https://page.example' },
  });
  const body = sourceForm(
    await image(await photo(300, 200, 3))
      .jpeg()
      .toBuffer(),
  );
  await fetch(`${server.url}/cacheImage/photo`, { method: 'POST', body });
  const answer = await fetch(`${server.url}/getImage/photo/auto:200x150`);
  expect(answer.headers.get('vary')).toBe('Origin, Accept');
  await answer.arrayBuffer();
  await server.close();
});
