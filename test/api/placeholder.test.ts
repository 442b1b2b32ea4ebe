// Placeholders are told in the metadata, and in a header of a picture where the query asks for one; nobody else pays for them.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clientOf } from '../support/client-of.js';
import { ENCODED, flat } from '../support/images.js';
import { sourceForm } from '../support/multipart.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const body = sourceForm(await ENCODED.png(flat(300, 200, [200, 60, 20])));
  await fetch(`${server.url}/cacheImage/key`, { method: 'POST', body });
});
afterAll(() => server.close());

const HEADER = 'X-Proofsheet-Placeholder';
const ask = (query: string, method = 'GET') => fetch(`${server.url}/getImage/key/auto:200x150${query}`, { method });

test('metadata tell all of them', async () => {
  const { placeholder = {} } = (await clientOf(server).metadata('key')).Proofsheet;
  expect(placeholder).toEqual({
    thumbhash: expect.stringMatching(/^[A-Za-z0-9+/]{4,50}={0,2}$/),
    blurhash: expect.stringMatching(/^[\x23-\x7e]{6,30}$/),
    dominantColor: '#c83c14',
  });
  for (const [name, value] of Object.entries(placeholder))
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(`?placeholder=${name}`, method);
      expect([answer.status, answer.headers.get(HEADER)]).toEqual([200, value]);
      await answer.arrayBuffer();
    }
});

test('again and again, beside prepared answers, and when the picture is not sent', async () => {
  const plain = await ask('');
  const bytes = Buffer.from(await plain.arrayBuffer());
  for (let round = 0; round < 4; round++) {
    expect((await ask('')).headers.get(HEADER)).toBeNull();
    const answer = await ask('?placeholder=dominantColor');
    expect(answer.headers.get(HEADER)).toBe('#c83c14');
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
  }
  const etag = plain.headers.get('etag') ?? '';
  const unchanged = await fetch(`${server.url}/getImage/key/auto:200x150?placeholder=dominantColor`, {
    headers: { 'If-None-Match': etag },
  });
  expect([unchanged.status, unchanged.headers.get(HEADER)]).toEqual([304, '#c83c14']);
});

test('an upload may ask for one; what is no placeholder is passed over', async () => {
  const body = sourceForm(await ENCODED.png(flat(300, 200, [1, 2, 3])));
  const url = `${server.url}/cacheAndGetImage/other/auto:200x150?placeholder=thumbhash`;
  expect((await fetch(url, { method: 'POST', body })).status).toBe(200);
  expect((await fetch(`${server.url}/getImage/other/auto:200x150?placeholder=thumbhash`)).status).toBe(200);
  for (const query of ['?placeholder=', '?placeholder=colour', '?placeholder=__proto__'])
    expect((await ask(query)).headers.get(HEADER)).toBeNull();
});
