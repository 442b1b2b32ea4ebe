// What App Suite's middleware sends, in its order: the picture is asked for, missed, uploaded, and asked for again.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/gate.js';
import { FORM_TYPE, fieldPart, filePart, multipartBody, type Part, sourceForm } from '../support/multipart.js';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

/** The ladder of the chart that deploys the original; its source is 1000 x 800 here, so 1920 x 1080 is the source's own size. */
const LADDER = 'auto:200x150~cover;auto:400x300~cover;auto:600x400~cover;auto:1920x1080;auto:1920x1080~cover';

let server: TestServer;
let photo: Buffer;
beforeAll(async () => {
  server = await startTestServer({ environment: { PROOFSHEET_TARGET_FORMATS: LADDER } });
  photo = await jpegOf(1000, 800);
});
afterAll(() => server.close());

const get = (path: string, init: RequestInit = {}) => fetch(`${server.url}${path}`, init);
const upload = (path: string, source = photo) =>
  fetch(`${server.url}${path}`, { method: 'POST', body: sourceForm(source) });
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Every picture is its own, so that no test finds what another one has left. */
let pictures = 0;
async function picture(): Promise<{ readonly key: string; readonly source: Buffer }> {
  const source = await jpegOf(1000 + pictures++, 800);
  return { key: sha256(source), source };
}

async function outcomeOf(answer: Response): Promise<readonly [number, string | null, string | null]> {
  await answer.arrayBuffer();
  const match = answer.headers.get('x-proofsheet-match');
  return [answer.status, match?.split('; size')[0] ?? null, answer.headers.get('x-proofsheet-format-ignored')];
}

/** Prepared answers carry no request id. */
const isPrepared = (answer: Response) => !answer.headers.has('x-request-id');

describe('before anything is asked', () => {
  it('the server shows the id that a client may look for, and answers where the chart probes it', async () => {
    for (const path of ['/status', '/status?metrics=yes', '', '/']) {
      const answer = await get(path);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(await answer.text()).toMatch(/server id: 57c6b91f-563b-4885-946d-0cc5799e2fdf\b/);
    }
    expect((await get('', { method: 'HEAD' })).status).toBe(200);
  });

  it('a base URL with a slash at its end works for every step, prepared too', async () => {
    const { key, source } = await picture();
    const path = `/${key}/auto:200x150~cover~autorotate@75`;
    expect((await get(`//status`)).status).toBe(200);
    expect((await get(`//getImage${path};jsessionid=1A`)).status).toBe(404);
    expect((await upload(`//cacheAndGetImage${path}?context=`, source)).status).toBe(200);
    await until(async () => isPrepared(await get(`//getImage${path}`)), 'the answer is prepared');
  });

  it('keys of every generation are keys', async () => {
    const source = await jpegOf(300, 200);
    for (const key of [sha256(source), `${source.length}-3735928559`]) {
      const path = `/${key}/auto:120x120~cover~autorotate@75?context=1`;
      expect((await upload(`/cacheAndGetImage${path}`, source)).status).toBe(200);
      expect((await get(`/getImage${path}`)).status).toBe(200);
    }
  });
});

describe('the nine formats of the middleware, and the bare word of its first generation', () => {
  it.each([
    ['auto:200x150~cover~autorotate@75', 'exact; format="auto:200x150~cover"'],
    ['auto:400x300~cover~autorotate@75', 'exact; format="auto:400x300~cover"'],
    ['auto:1400x900~contain~autorotate@75', 'exact; format="auto:1920x1080"'],
    ['auto:120x120~cover~autorotate~shrinkonly@75', 'larger; format="auto:200x150~cover"'],
    ['auto:42x42~contain~autorotate@75', 'larger; format="auto:1920x1080"'],
    ['auto:1024x-1~contain~autorotate@75', 'exact; format="auto:1920x1080"'],
    ['auto:-1x-1~contain~autorotate@75', 'exact; format="auto:1920x1080"'],
    ['auto:300x200~auto~autorotate@75', 'larger; format="auto:1920x1080"'],
    ['auto:300x200~cover@75', 'larger; format="auto:400x300~cover"'],
    ['auto', 'exact; format="auto:1920x1080"'],
  ])('%s: a miss, an upload, then hits that are prepared', async (format, match) => {
    const { key, source } = await picture();
    const path = `${key}/${format}?context=1`;
    expect(await outcomeOf(await get(`/getImage/${path}`))).toEqual([404, null, null]);
    expect((await upload(`/cacheAndGetImage/${path}`, source)).status).toBe(200);
    // The upload is answered when its preview is there; the answer is prepared when the whole ladder is.
    await until(async () => isPrepared(await get(`/getImage/${path}`)), 'the answer is prepared');
    expect(await outcomeOf(await get(`/getImage/${path}`))).toEqual([200, match, null]);
  });
});

describe('an upload as Java clients send it', () => {
  const disposition = (rest: string) => `Content-Disposition: form-data; ${rest}`;
  const JAVA = ['Content-Type: application/octet-stream', 'Content-Transfer-Encoding: binary'];
  const named = filePart('other', 'other.bin', Buffer.alloc(70_000));
  it.each<[string, readonly string[], readonly Part[], string | undefined]>([
    ['with a file name', [disposition('name="sourceImage"; filename="photo.jpg"'), ...JAVA], [], 'photo.jpg'],
    ['without a file name', [disposition('name="sourceImage"'), ...JAVA], [], undefined],
    ['without a file name and type', [disposition('name=sourceImage')], [], undefined],
    [
      'without a file name, of its own type',
      [disposition('name="sourceImage"'), 'Content-Type: image/jpeg'],
      [],
      undefined,
    ],
    [
      'with an empty file name',
      [disposition('name="sourceImage"; filename=""'), 'Content-Type: image/jpeg'],
      [],
      undefined,
    ],
    ['with an empty file name and no type', [disposition('filename=; name="sourceImage"')], [], undefined],
    [
      'with a file name that is a directory',
      [disposition('name="sourceImage"; filename="a/"'), ...JAVA],
      [],
      undefined,
    ],
    [
      'with an extended file name',
      [disposition(`name="sourceImage"; filename=""; filename*=UTF-8''%C3%A4.jpg`), ...JAVA],
      [],
      'ä.jpg',
    ],
    [
      'in the order of Jersey',
      [
        'Content-Type: application/octet-stream',
        disposition('filename="p.jpg"; modification-date="Sat, 28 Nov 2026 10:00:00 GMT"; size=7; name="sourceImage"'),
      ],
      [],
      'p.jpg',
    ],
    [
      'behind other files and fields',
      [disposition('name="sourceImage"'), ...JAVA],
      [named, fieldPart('context', '1'), named, filePart('nameless', '', 'x')],
      undefined,
    ],
  ])('%s', async (_what, headers, before, fileName) => {
    const { key, source } = await picture();
    const answer = await fetch(`${server.url}/cacheAndGetImage/${key}/auto:200x150~cover~autorotate@75`, {
      method: 'POST',
      body: new Uint8Array(multipartBody([...before, { headers, body: source }])),
      headers: { 'Content-Type': FORM_TYPE },
    });
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
    const metadata = await (await get(`/getMetadata/${key}`)).json();
    expect(metadata.Proofsheet.digest).toBe(`sha256:${key}`);
    expect(metadata.File).toEqual({ 'File Size': String(source.length), ...(fileName && { 'File Name': fileName }) });
  });

  it('is held to the limits of a file, not to those of a field, and to its digest', async () => {
    const send = (headers: readonly string[], body: Buffer) =>
      fetch(`${server.url}/cacheImage/limits`, {
        method: 'POST',
        body: new Uint8Array(multipartBody([{ headers, body }])),
        headers: { 'Content-Type': FORM_TYPE },
      });
    const nameless = disposition('name="sourceImage"');
    const codeOf = async (answer: Response) => (await answer.json()).code;
    expect(await codeOf(await send([nameless], Buffer.alloc(1_000_001)))).toBe(4130);
    expect(await codeOf(await send([nameless], Buffer.alloc(0)))).toBe(4150);
    const wrong = `Content-Digest: sha-256=:${Buffer.alloc(32).toString('base64')}:`;
    expect(await codeOf(await send([nameless, wrong], photo))).toBe(4005);
  });
});

describe('a format that is none', () => {
  it.each([
    ['getImage', '"20000", "~crop", "@750"', 'auto:20000x150~crop@750'],
    ['getImage', '"sideways"', 'sideways'],
    ['getImage', '"~a\\"b\\\\c??"', 'auto:200x150~a%22b%5Cc%C3%A4%00'],
    ['getImageAndMetadata', '"tiff:"', 'tiff:10x10'],
  ])('%s is answered all the same, and told %s', async (operation, ignored, format) => {
    const { key, source } = await picture();
    const path = `/${operation}/${key}/${format}`;
    const missed = await get(path);
    expect([missed.status, missed.headers.get('x-proofsheet-format-ignored')]).toEqual([404, ignored]);
    expect((await upload(`/cacheImage/${key}`, source)).status).toBe(200);
    const slow = await get(path);
    const hot = await get(path);
    expect([isPrepared(slow), isPrepared(hot)]).toEqual([false, operation === 'getImage']);
    const etag = hot.headers.get('etag') ?? '';
    for (const [answer, status] of [
      [slow, 200],
      [hot, 200],
      [await get(path, { method: 'HEAD' }), 200],
      [await get(path, { headers: { 'If-None-Match': etag } }), 304],
      [await get(path, { headers: { Range: 'bytes=0-9' } }), operation === 'getImage' ? 206 : 200],
    ] as const)
      expect([answer.status, answer.headers.get('x-proofsheet-format-ignored')]).toEqual([status, ignored]);
  });

  it.each(['cacheAndGetImage', 'cacheAndGetImageAndMetadata'])('%s takes its upload', async (operation) => {
    const { key, source } = await picture();
    const answer = await upload(`/${operation}/${key}/auto:200x150~sideways`, source);
    expect([answer.status, answer.headers.get('x-proofsheet-format-ignored')]).toEqual([200, '"~sideways"']);
  });

  it('may be left out: the largest preview answers', async () => {
    const { key, source } = await picture();
    expect(await outcomeOf(await upload(`/cacheAndGetImage/${key}`, source))).toEqual([
      200,
      'exact; format="auto:1920x1080"',
      null,
    ]);
  });
});
