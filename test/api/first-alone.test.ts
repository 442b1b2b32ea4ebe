// A header tells with every picture, prepared answers too, that a limit has left all but the first page or frame out.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { animation } from '../support/images.js';
import { sourceForm } from '../support/multipart.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ environment: { PROOFSHEET_MAX_PAGES: '3' } });
});
afterAll(() => server.close());

test.each([
  ['many', 4, 'first'],
  ['few', 3, null],
] as const)('an animation of %s frames', async (key, frames, expected) => {
  const body = sourceForm(await animation('gif', { widthPx: 8, heightPx: 8, delaysMs: new Array(frames).fill(50) }));
  const made = await fetch(`${server.url}/cacheAndGetImage/${key}/auto:200x150`, { method: 'POST', body });
  expect(made.headers.get('X-Proofsheet-Shown')).toBe(expected);
  for (let round = 0; round < 3; round++) {
    const { status, headers } = await fetch(`${server.url}/getImage/${key}/auto:200x150`);
    expect([status, headers.get('X-Proofsheet-Shown')]).toEqual([200, expected]);
    const tag = headers.get('ETag') ?? '';
    const unchanged = await fetch(`${server.url}/getImage/${key}/auto:200x150`, { headers: { 'If-None-Match': tag } });
    expect([unchanged.status, unchanged.headers.get('X-Proofsheet-Shown')]).toEqual([304, expected]);
  }
});
