// Who is told what of a source: everything to everybody, or to who brings a token where access is restricted, or to nobody.
import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { sourceForm } from '../support/multipart.js';
import { CANARIES, CANARY } from '../support/sources/canaries.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const TOKEN = 'token-for-all-contexts-1';
const SECRET = 'a-secret-of-16-letters';
const BEARER = { Authorization: `Bearer ${TOKEN}` };
const RESTRICTED = { PROOFSHEET_API_TOKENS: TOKEN, PROOFSHEET_URL_KEYS: `k:${SECRET}` };

let server: TestServer;
afterEach(() => server.close());

async function start(environment: Readonly<Record<string, string>>): Promise<void> {
  server = await startTestServer({ environment });
  const body = sourceForm(await CANARIES.jpeg());
  const headers = 'PROOFSHEET_API_TOKENS' in environment ? BEARER : {};
  expect((await fetch(`${server.url}/cacheImage/key`, { method: 'POST', body, headers })).status).toBe(200);
}

function signed(path: string): string {
  const expires = Math.floor(Date.now() / 1_000) + 600;
  const canonical = path.split('/').map(encodeURIComponent).join('/');
  const text = `proofsheet-url-v1\n/${canonical}\n\n${expires}`;
  const signature = createHmac('sha256', SECRET).update(text).digest('base64url');
  return `${server.url}/${path}?context=&expires=${expires}&kid=k&signature=${signature}`;
}

/** Of each operation that tells metadata: the text, and what caches are told. */
async function told(urlOf: (path: string) => string, headers: Readonly<Record<string, string>> = {}) {
  const answers = await Promise.all(
    ['getMetadata/key', 'getImageAndMetadata/key/auto:20x20'].map((path) => fetch(urlOf(path), { headers })),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  const varies = new Set(answers.map((answer) => answer.headers.get('vary')));
  return { text: (await Promise.all(answers.map((answer) => answer.text()))).join('\n'), varies: [...varies] };
}

const open = (path: string): string => `${server.url}/${path}`;

function expectSafe(text: string): void {
  // What of the picture is told stays.
  for (const kept of ['"Make":"Maker"', '"Rating":"3"', '"Keywords":"harbour"', '"width":'])
    expect(text.split(kept)).toHaveLength(3);
  // A description is no name of an owner.
  const without = text.replaceAll(`"Image Description":"${CANARY}"`, '');
  for (const hidden of [CANARY, 'GPS', '"place"', '48.0', 'Serial', 'creator', 'By-line', 'City'])
    expect(without).not.toContain(hidden);
}

function expectFull(text: string): void {
  for (const kept of ['"Make":"Maker"', `"creator":"${CANARY}"`, `"By-line":"${CANARY}"`, '"GPS Latitude"', '"place"'])
    expect(text.split(kept)).toHaveLength(3);
}

describe('full', () => {
  test('is told to everybody where access is open', async () => {
    await start({});
    const { text, varies } = await told(open);
    expectFull(text);
    expect(varies).toEqual([null]);
  });

  test('is told to who brings a token where access is restricted, and not to a signed URL', async () => {
    await start(RESTRICTED);
    const byToken = await told(open, BEARER);
    expectFull(byToken.text);
    const bySignature = await told(signed);
    expectSafe(bySignature.text);
    // A token beside a signed URL is a token.
    expectFull((await told(signed, BEARER)).text);
    // Caches know that the same URL has two answers.
    expect([...byToken.varies, ...bySignature.varies]).toEqual(['Authorization', 'Authorization']);
  });

  test('is told to who uploads, by the token that opens uploads', async () => {
    await start(RESTRICTED);
    const body = sourceForm(await CANARIES.jpeg());
    const url = `${server.url}/cacheAndGetImageAndMetadata/other/auto:20x20`;
    const text = await (await fetch(url, { method: 'POST', body, headers: BEARER })).text();
    expect(text).toContain(`"creator":"${CANARY}"`);
  });
});

describe('safe', () => {
  test('is told to everybody, whatever they bring', async () => {
    await start({ ...RESTRICTED, PROOFSHEET_METADATA: 'safe' });
    expectSafe((await told(open, BEARER)).text);
    expectSafe((await told(signed)).text);
  });

  test('where access is open too', async () => {
    await start({ PROOFSHEET_METADATA: 'safe' });
    const { text, varies } = await told(open);
    expectSafe(text);
    expect(varies).toEqual([null]);
    const body = sourceForm(await CANARIES.jpeg());
    const url = `${server.url}/cacheAndGetImageAndMetadata/other/auto:20x20`;
    expect(await (await fetch(url, { method: 'POST', body })).text()).not.toContain('creator');
  });
});
