// The typed client against a composed server: an app stores a picture once, shows it, and forgets it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ProofsheetClient } from '../../src/client/index.js';
import { scrape } from '../support/server-process.js';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const TOKEN = 'token-of-the-app-000001';
const KEY = { id: 'k1', secret: 'a-secret-of-16-characters' };

let server: TestServer;
let client: ProofsheetClient;
beforeAll(async () => {
  server = await startTestServer({
    environment: { PROOFSHEET_API_TOKENS: TOKEN, PROOFSHEET_URL_KEYS: `${KEY.id}:${KEY.secret}` },
  });
  const [user = '', password = ''] = Buffer.from(server.adminAuth.slice('Basic '.length), 'base64')
    .toString()
    .split(/:(.*)/s);
  client = new ProofsheetClient({ url: server.url, token: TOKEN, admin: { user, password }, retries: 10 });
});
afterAll(() => server.close());

it('stores a picture once, shows it by blob and by signed URL, and forgets it', { timeout: 120_000 }, async () => {
  const source = new Blob([new Uint8Array(await jpegOf(640, 480))], { type: 'image/jpeg' });
  const first = await client.put(source);
  expect(first.isUploaded).toBe(true);
  const received = await scrape(server.origin, 'proofsheet_upload_bytes_total');
  expect(await client.put(source)).toEqual({ key: first.key, isUploaded: false });
  expect(await scrape(server.origin, 'proofsheet_upload_bytes_total')).toBe(received);

  const preview = await client.preview(first.key, 'auto:200x150');
  expect([preview.type, preview.size > 0]).toEqual(['image/jpeg', true]);
  const { Proofsheet } = await client.metadata(first.key);
  expect(Proofsheet.digest).toBe(`sha256:${first.key}`);
  expect(Proofsheet.previews.map(({ width, height }) => `${width}x${height}`)).toContain('200x150');

  expect((await fetch(client.previewUrl(first.key, 'auto:200x150'))).status).toBe(401);
  const signed = await fetch(await client.signedPreviewUrl(first.key, 'auto:200x150', KEY));
  expect([signed.status, (await signed.arrayBuffer()).byteLength]).toEqual([200, preview.size]);

  expect([await client.keyCount(), await client.keys()]).toEqual([1, [first.key]]);
  expect(await client.clear(first.key)).toBe('removed 1 image group');
  expect(await client.has(first.key)).toBe(false);
  await expect(client.preview(first.key, 'auto:200x150')).rejects.toMatchObject({ status: 404, code: 4040 });
});

it('tells what the server says of what is no picture', { timeout: 120_000 }, async () => {
  await expect(client.put(new Blob(['no picture']))).rejects.toMatchObject({ status: 415, code: 4150 });
});

it('tells how an upload goes, ends it with its signal, and fetches a list in one go', {
  timeout: 120_000,
}, async () => {
  const bytes = new Uint8Array(await jpegOf(640, 480));
  const source = new Blob([bytes, new Uint8Array(400_000)], { type: 'image/jpeg' });
  const told: number[] = [];
  const { key } = await client.put(source, { onProgress: ({ sentBytes }) => told.push(sentBytes) });
  expect([told[0], told.at(-1)]).toEqual([0, source.size]);
  expect(told.length).toBeGreaterThan(2);
  // Under another name the digest is enough.
  expect(await client.put(source, { key: 'again' })).toEqual({ key: 'again', isUploaded: false });

  const controller = new AbortController();
  const other = new Blob([source, new Uint8Array(1)]);
  const ended = client.put(other, {
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  });
  await expect(ended).rejects.toThrow('enough');

  const found = new Map<string, number | undefined>();
  const wanted = [key, 'again', 'nothing'].map((name) => ({ key: name, format: 'auto:200x150' }));
  for await (const { wanted: one, preview, error } of client.previews(wanted))
    found.set(one.key, error?.code ?? preview?.size);
  const alone = await client.preview(key, 'auto:200x150');
  expect(Object.fromEntries(found)).toEqual({ [key]: alone.size, again: alone.size, nothing: 4040 });
});
