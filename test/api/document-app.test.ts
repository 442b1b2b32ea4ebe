// A document app's day with the server: upload as multipart, fetch previews by key and format, revalidate, list, clear, and
// scrape the figures. What the tables of the contract say one by one, here in the order in which a client does it.
import request from 'supertest';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodedPhoto } from '../support/encoded-photo.js';
import { translucentPng } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ maxSourceBytes: 8_000_000 });
});
afterAll(() => server.close());

const api = () => request(server.url);

it('mail: a preview as soon as it is made, the others right behind it', async () => {
  const photo = await encodedPhoto(3000, 2000);
  const first = await api()
    .post('/cacheAndGetImage/attachment-1/auto:200x150')
    .query({ context: 'mail' })
    .attach('sourceImage', photo, 'IMG_0001.JPG')
    .expect(200)
    .expect('Content-Type', 'image/jpeg')
    .expect('X-Proofsheet-Match', 'exact; format="auto:200x150"; size=200x133');
  await api()
    .get('/getImage/attachment-1/auto:800x800')
    .query({ context: 'mail' })
    .expect(200)
    .expect('X-Proofsheet-Match', 'exact; format="auto:800x800"; size=800x533');
  await api()
    .get('/getImage/attachment-1/auto:200x150')
    .query({ context: 'mail' })
    .set('If-None-Match', first.headers.etag ?? '')
    .expect(304);
  await api().get('/getImage/attachment-1/auto:200x150').expect(404);
});

it('drive: all previews acknowledged at once, the metadata for the details pane', async () => {
  await api()
    .post('/cacheImage/file-7')
    .attach('sourceImage', await translucentPng(640, 480), 'Logo.png')
    // 4:3 as the small box is, and smaller than the large ones: 200x150, and its own size.
    .expect(200, { code: 0, message: 'cached 2 previews' });
  const { body } = await api().get('/getMetadata/file-7').expect(200).expect('Content-Type', /json/);
  expect(body).toMatchObject({
    Header: { 'Header Pixel Width': '640', 'Header Pixel Height': '480', 'Header Format Name': 'png' },
    Proofsheet: { source: { hasAlpha: true } },
    File: { 'File Name': 'Logo.png' },
  });
  await api().get('/getImage/file-7/auto:800x800').expect(200).expect('Content-Type', 'image/png');
});

it('an admin: counts, lists, clears one tenant, and leaves the other alone', async () => {
  await api().get('/getKeyCount').expect(200, { count: 2 });
  await api().get('/getKeys').expect(401);
  await api()
    .get('/getKeys')
    .set('Authorization', server.adminAuth)
    .expect(200, { keys: ['attachment-1', 'file-7'] });
  await api().delete('/clearImages').query({ context: 'mail' }).set('Authorization', server.adminAuth).expect(200);
  await api().get('/getKeyCount').expect(200, { count: 1 });
  await api().get('/getImage/file-7/auto:200x150').expect(200);
});

it('an operator: the figures of all this', async () => {
  const { text } = await request(server.origin)
    .get('/metrics')
    .expect(200)
    .expect('Content-Type', /text\/plain/);
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
