// A document app's day with the server: upload as multipart, fetch previews by key and format, revalidate, list, clear, and
// scrape the figures. What the tables of the contract say one by one, here in the order in which a client does it.

import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ProofsheetClient } from '../../src/client/index.js';
import { blobOfBytes, clientOf } from '../support/client-of.js';
import { encodedPhoto } from '../support/encoded-photo.js';
import { sourceForm } from '../support/multipart.js';
import { translucentPng } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
/** As the app's, which is no admin, and as the admin's. */
let app: ProofsheetClient;
let admin: ProofsheetClient;
beforeAll(async () => {
  server = await startTestServer({ maxSourceBytes: 8_000_000 });
  app = new ProofsheetClient({ url: server.url });
  admin = clientOf(server);
});
afterAll(() => server.close());

it('mail: a preview as soon as it is made, the others right behind it', async () => {
  const mail = { context: 'mail' };
  const photo = blobOfBytes(await encodedPhoto(3000, 2000));
  const first = await app.putAndPreview(photo, 'auto:200x150', { key: 'attachment-1', ...mail });
  expect([first.isUploaded, first.preview.type]).toEqual([true, 'image/jpeg']);
  const { width, height } = await sharp(Buffer.from(await first.preview.arrayBuffer())).metadata();
  expect([width, height]).toEqual([200, 133]);
  expect(await app.answerTo('attachment-1', 'auto:800x800', mail)).toEqual({
    status: 200,
    match: 'exact; format="auto:800x800"; size=800x533',
  });
  // What a browser's cache asks.
  const url = app.previewUrl('attachment-1', 'auto:200x150', mail);
  const shown = await fetch(url);
  await shown.arrayBuffer();
  const unchanged = await fetch(url, { headers: { 'If-None-Match': shown.headers.get('etag') ?? '' } });
  expect(unchanged.status).toBe(304);
  expect(await app.has('attachment-1')).toBe(false);
  // The same attachment in another mail is not sent again.
  expect((await app.putAndPreview(photo, 'auto:200x150', { key: 'attachment-1', ...mail })).isUploaded).toBe(false);
});

it('drive: all previews acknowledged at once, the metadata for the details pane', async () => {
  // As a form, which brings the name of the file.
  const body = sourceForm(await translucentPng(640, 480), 'Logo.png');
  const stored = await fetch(`${server.url}/cacheImage/file-7`, { method: 'POST', body });
  // 4:3 as the small box is, and smaller than the large ones: 200x150, and its own size.
  expect([stored.status, await stored.json()]).toEqual([200, { code: 0, message: 'cached 2 previews' }]);
  expect(await app.metadata('file-7')).toMatchObject({
    Header: { 'Header Pixel Width': '640', 'Header Pixel Height': '480', 'Header Format Name': 'png' },
    Proofsheet: { source: { hasAlpha: true } },
    File: { 'File Name': 'Logo.png' },
  });
  expect((await app.preview('file-7', 'auto:800x800')).type).toBe('image/png');
});

it('an admin: counts, lists, clears one tenant, and leaves the other alone', async () => {
  expect(await app.keyCount()).toBe(2);
  await expect(app.keys()).rejects.toMatchObject({ status: 401 });
  expect(await admin.keys()).toEqual(['attachment-1', 'file-7']);
  await admin.clearAll({ context: 'mail' });
  expect(await app.keyCount()).toBe(1);
  expect((await app.preview('file-7', 'auto:200x150')).type).toBe('image/png');
});

it('an operator: the figures of all this', async () => {
  const answer = await fetch(`${server.origin}/metrics`);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
  const text = await answer.text();
  const value = (series: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')
        .at(-1),
    );
  expect(value('proofsheet_http_requests_total{dialect="image-converter",operation="cacheImage",status="200"}')).toBe(
    1,
  );
  expect(value('proofsheet_http_requests_total{dialect="image-converter",operation="getImage",status="304"}')).toBe(1);
  expect(value('proofsheet_conversions_total{source_type="png",result="ok"}')).toBe(1);
  expect(value('proofsheet_keys')).toBe(1);
});
