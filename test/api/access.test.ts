// Who may do what: tokens bound to contexts, signed URLs that expire, admin passwords in rotation. Every operation without,
// with wrong and with right credentials, on the composed server, prepared answers included.
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashPassword } from '../../src/http/access/passwords.js';
import { sourceForm } from '../support/multipart.js';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const EVERYWHERE = 'token-for-all-contexts-1';
const FOR_A = 'token-for-a-and-b-000001';
const FOR_DEFAULT = 'token-for-no-context-001';
const OLD_SECRET = 'old-secret-of-16-chars';
const NEW_SECRET = 'new-secret-of-16-chars';
const FORMAT = 'auto:200x150';

let server: TestServer;
let photo: Buffer;
beforeAll(async () => {
  server = await startTestServer({
    environment: {
      PROOFSHEET_API_TOKENS: `${EVERYWHERE}, ${FOR_A}:a|b%2C%7C, ${FOR_DEFAULT}:`,
      PROOFSHEET_URL_KEYS: `new:${NEW_SECRET},old:${OLD_SECRET}`,
      PROOFSHEET_ADMIN_PASSWORD: [
        await hashPassword('hashed one'),
        'plain: one',
        await hashPassword('hashed two'),
      ].join('\n'),
    },
  });
  photo = await jpegOf(640, 480);
  for (const context of ['', 'a', 'other', 'b,|']) {
    const answer = await upload(`/cacheImage/key?context=${encodeURIComponent(context)}`, bearer(EVERYWHERE));
    expect(answer.status).toBe(200);
  }
});
afterAll(() => server.close());

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const basic = (password: string) => ({ Authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` });
const get = (path: string, headers: Record<string, string> = {}) => fetch(`${server.url}${path}`, { headers });
const upload = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}${path}`, { method: 'POST', headers, body: sourceForm(photo) });
const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;

/** The contract's words, spelled out here a second time: four lines under HMAC-SHA256. */
function signed(path: string, context: string, expires: number, kid = 'new', secret = NEW_SECRET): string {
  const canonical = path.split('/').map(encodeURIComponent).join('/');
  const text = ['proofsheet-url-v1', canonical, encodeURIComponent(context), expires].join('\n');
  const signature = createHmac('sha256', secret).update(text).digest('base64url');
  return `${path}?context=${encodeURIComponent(context)}&expires=${expires}&kid=${kid}&signature=${signature}`;
}

async function expectRefused(answer: Response, message: RegExp): Promise<void> {
  expect(answer.status).toBe(401);
  expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="proofsheet"');
  expect(await answer.json()).toEqual({ code: 4010, message: expect.stringMatching(message) });
}

const READS = [`/getImage/key/${FORMAT}`, `/getImageAndMetadata/key/${FORMAT}`, '/getMetadata/key'];
const UPLOADS = [`/cacheAndGetImage/new/${FORMAT}`, `/cacheAndGetImageAndMetadata/new/${FORMAT}`, '/cacheImage/new'];

describe('API tokens', () => {
  it.each(READS)('open %s: refused without one, with an unknown one, and with one of other contexts', async (path) => {
    await expectRefused(await get(path), /^expected an API token as Authorization: Bearer, or a signed URL, got none$/);
    await expectRefused(await get(path, bearer(`${EVERYWHERE}x`)), /known API token/);
    await expectRefused(await get(path, basic('plain: one')), /got none$/);
    await expectRefused(await get(path, { Authorization: `Bearer ${EVERYWHERE}, x` }), /known API token/);
    await expectRefused(await get(path, bearer(FOR_A)), /for this context, got one for others$/);
    await expectRefused(await get(`${path}?context=other`, bearer(FOR_DEFAULT)), /for this context/);
    expect((await get(path, bearer(EVERYWHERE))).status).toBe(200);
    expect((await get(path, bearer(FOR_DEFAULT))).status).toBe(200);
    expect((await get(`${path}?context=a`, bearer(FOR_A))).status).toBe(200);
    expect((await get(`${path}?context=b%2C%7C`, bearer(FOR_A))).status).toBe(200);
    expect((await get(`${path}?context=other`, { authorization: `bearer ${EVERYWHERE}` })).status).toBe(200);
  });

  it.each(UPLOADS)('open %s, and nothing is stored without', async (path) => {
    await expectRefused(await upload(path), /^expected an API token as Authorization: Bearer, got none$/);
    await expectRefused(await upload(path, bearer(`${EVERYWHERE.slice(0, -1)}2`)), /known/);
    await expectRefused(await upload(`${path}?context=c`, bearer(FOR_A)), /for this context/);
    expect((await get('/getMetadata/new?context=c', bearer(EVERYWHERE))).status).toBe(404);
    expect((await upload(`${path}?context=a`, bearer(FOR_A))).status).toBe(200);
  });

  it('a signed URL is for reading: an upload to it is refused', async () => {
    const path = signed(`/cacheAndGetImage/key/${FORMAT}`, '', inSeconds(60));
    await expectRefused(await upload(path), /API token as Authorization: Bearer, got none$/);
  });

  it('counting keys takes a token of the context, or of all contexts for all', async () => {
    await expectRefused(await get('/getKeyCount'), /got none$/);
    await expectRefused(await get('/getKeyCount', bearer(FOR_DEFAULT)), /for this context/);
    await expectRefused(await get('/getKeyCount?context=other', bearer(FOR_A)), /for this context/);
    expect((await get('/getKeyCount?context=a', bearer(FOR_A))).status).toBe(200);
    expect((await get('/getKeyCount', bearer(EVERYWHERE))).status).toBe(200);
  });

  it('the status page and the probes stay open, and tell no keys', async () => {
    expect((await get('/status')).status).toBe(200);
    for (const probe of ['healthz', 'readyz', 'metrics'])
      expect((await fetch(`${server.origin}/${probe}`)).status).toBe(200);
  });

  it('hold for prepared answers too: the same URL, with and without', async () => {
    const path = `/getImage/key/${FORMAT}?context=a`;
    for (let time = 0; time < 5; time++) {
      expect((await get(path, bearer(FOR_A))).status).toBe(200);
      await expectRefused(await get(path), /got none$/);
      await expectRefused(await get(path, bearer(FOR_DEFAULT)), /for this context/);
      const head = await fetch(`${server.url}${path}`, { method: 'HEAD' });
      expect(head.status).toBe(401);
    }
    const { headers } = await get(path, bearer(FOR_A));
    const conditional = { 'If-None-Match': headers.get('etag') ?? '' };
    expect((await get(path, { ...conditional, ...bearer(FOR_A) })).status).toBe(304);
    expect((await get(path, conditional)).status).toBe(401);
  });
});

describe('signed URLs', () => {
  it.each(READS)('open %s until they expire, under any key that is in use', async (path) => {
    for (const [kid, secret] of [
      ['new', NEW_SECRET],
      ['old', OLD_SECRET],
    ] as const) {
      expect((await get(signed(path, 'a', inSeconds(60), kid, secret))).status).toBe(200);
      expect(
        (await fetch(`${server.url}${signed(path, '', inSeconds(60), kid, secret)}`, { method: 'HEAD' })).status,
      ).toBe(200);
    }
    await expectRefused(await get(signed(path, 'a', inSeconds(-1))), /has expired; ask for a new one$/);
    await expectRefused(
      await get(signed(path, 'a', inSeconds(60), 'older', OLD_SECRET)),
      /kid of a key that is in use/,
    );
    await expectRefused(await get(signed(path, 'a', inSeconds(60), 'new', OLD_SECRET)), /of this very path, context/);
  });

  it('are worth nothing when any part is changed, missing or repeated', async () => {
    const expires = inSeconds(60);
    const good = signed(`/getImage/key/${FORMAT}`, 'a', expires);
    const changes: [string, string][] = [
      ['context=a', 'context=other'],
      [`expires=${expires}`, `expires=${expires + 1}`],
      ['/key/', '/new/'],
      [FORMAT, 'auto:800x800'],
      ['getImage', 'getImageAndMetadata'],
      ['kid=new', 'kid=old'],
    ];
    for (const [from, to] of changes) await expectRefused(await get(good.replace(from, to)), /of this very path/);
    for (const name of ['expires', 'kid', 'signature'])
      await expectRefused(await get(good.replace(new RegExp(`&${name}=[^&]*`), '')), /expires .*kid and signature/);
    expect((await get(`${good}&expires=${expires}`)).status).toBe(400);
    expect((await get(good)).status).toBe(200);
  });

  it('do not depend on how the path is spelled', async () => {
    await upload('/cacheImage/a%20(key)', bearer(FOR_DEFAULT));
    const expires = inSeconds(60);
    const text = ['proofsheet-url-v1', '/getMetadata/a%20%28key%29', '', expires].join('\n');
    const signature = createHmac('sha256', NEW_SECRET).update(text).digest('base64url');
    for (const spelling of ['a%20(key)', 'a%20%28key%29', '%61%20%28key)'])
      expect((await get(`/getMetadata/${spelling}?expires=${expires}&kid=new&signature=${signature}`)).status).toBe(
        200,
      );
  });

  it('stop opening prepared answers at the second they expire', async () => {
    const path = signed(`/getImage/key/${FORMAT}`, 'a', inSeconds(2));
    const statuses: number[] = [];
    const until = Date.now() + 3_500;
    while (Date.now() < until && statuses.at(-1) !== 401) statuses.push((await get(path)).status);
    expect(statuses.at(-1)).toBe(401);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(10);
    await expectRefused(await get(path), /has expired/);
  });
});

describe('admin passwords', () => {
  const PROTECTED = [
    ['DELETE', '/clearImages?context=nobody'],
    ['DELETE', '/clearImagesByKey/nobody'],
    ['GET', '/getKeys'],
  ] as const;

  it.each(PROTECTED)(
    '%s %s: plain or hashed, each of several, and neither another nor a token',
    async (method, path) => {
      const ask = (headers: Record<string, string>) => fetch(`${server.url}${path}`, { method, headers });
      for (const headers of [{}, basic('hashed'), basic(''), basic('plain: one '), bearer(EVERYWHERE)]) {
        const answer = await ask(headers);
        expect(answer.status).toBe(401);
        expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /);
      }
      for (const password of ['hashed one', 'plain: one', 'hashed two', 'hashed one'])
        expect((await ask(basic(password))).status).toBe(200);
    },
  );

  it('a hash itself is no password', async () => {
    const hash = await hashPassword('x');
    expect(hash).toMatch(/^scrypt:32768:8:3:[A-Za-z0-9+/]{22}==:[A-Za-z0-9+/]{43}=$/);
    expect((await get('/getKeys', basic(hash))).status).toBe(401);
  });
});

describe('without a password', () => {
  it('an empty one is none: the protected operations stay shut for whoever brings no, an empty or a blank one', async () => {
    const open = await startTestServer({
      environment: { PROOFSHEET_ADMIN_PASSWORD: '', PROOFSHEET_API_TOKENS: ' ', PROOFSHEET_URL_KEYS: '' },
    });
    try {
      for (const headers of [{}, basic(''), basic(' '), { Authorization: open.adminAuth }]) {
        const answer = await fetch(`${open.url}/getKeys`, { headers });
        expect([answer.status, await answer.json()]).toEqual([403, expect.objectContaining({ code: 4030 })]);
      }
      expect((await fetch(`${open.url}/getKeyCount`)).status).toBe(200);
    } finally {
      await open.close();
    }
  });
});

describe('failed logins', () => {
  it('are limited by client, right ones too while the limit holds, and say when to come back', async () => {
    const limited = await startTestServer({ environment: { PROOFSHEET_LOGIN_FAILURES_PER_MINUTE: '3' } });
    try {
      const ask = (headers: Record<string, string>) => fetch(`${limited.url}/getKeys`, { headers });
      for (let time = 0; time < 5; time++) expect((await ask({})).status).toBe(401);
      for (let time = 0; time < 3; time++) expect((await ask(basic('wrong'))).status).toBe(401);
      for (const headers of [basic('wrong'), { Authorization: limited.adminAuth }]) {
        const answer = await ask(headers);
        expect(answer.status).toBe(429);
        // Three a minute is one in 20 s.
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(15);
        expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(20);
        expect(await answer.json()).toMatchObject({ code: 4290 });
      }
      expect((await ask({})).status).toBe(401);
    } finally {
      await limited.close();
    }
  });
});
