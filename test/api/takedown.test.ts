// Takedowns over HTTP, on a composed server: who may, what is answered, what is gone, what may not come back, and what the CDN hears.
import { createPublicKey, generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../src/kernel/digest.js';
import { verifiedText } from '../../src/kernel/takedown/jws.js';
import { RECEIPT_TYPE, type Receipt } from '../../src/kernel/takedown/receipt.js';
import { blobOfBytes, clientOf } from '../support/client-of.js';
import { sourceForm } from '../support/multipart.js';
import { AnswerCheck } from '../support/openapi-check.js';
import { type Origin, startOrigin } from '../support/origins.js';
import { isSignedBy } from '../support/standard-webhook.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
let server: TestServer;
let cdn: Origin;
let dir: TempDir;
let photo: Buffer;
const heard: { readonly headers: Parameters<typeof isSignedBy>[1]; readonly body: string }[] = [];

beforeAll(async () => {
  dir = await tempDir();
  const { privateKey } = generateKeyPairSync('ed25519');
  const key = join(dir.path, 'receipt.pem');
  await writeFile(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  cdn = await startOrigin((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      heard.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(204).end();
    });
  });
  server = await startTestServer({
    environment: {
      PROOFSHEET_RECEIPT_KEY: key,
      PROOFSHEET_SURROGATE_KEYS: 'Surrogate-Key',
      PROOFSHEET_PURGE_HOOK_URL: cdn.url('/purge'),
      PROOFSHEET_PURGE_HOOK_SECRETS: SECRET,
      PROOFSHEET_FETCH_ALLOW: `127.0.0.1:${cdn.port}`,
      PROOFSHEET_FETCH_PORTS: String(cdn.port),
    },
  });
  photo = await jpegOf(640, 480);
}, 120_000);
afterAll(async () => {
  await server?.close();
  await cdn?.close();
  await dir?.remove();
});

const upload = (key: string, bytes: Buffer = photo, context = '') =>
  fetch(`${server.url}/cacheImage/${key}?context=${context}`, { method: 'POST', body: sourceForm(bytes) });
const preview = (key: string, context = '') => fetch(`${server.url}/getImage/${key}/auto:200x150?context=${context}`);
const ask = (path: string, body?: unknown, headers: Record<string, string> = { Authorization: server.adminAuth }) =>
  fetch(`${server.origin}/admin${path}`, {
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    headers: { ...headers, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
  });
interface Told {
  readonly receipt: Receipt;
  readonly jws: string;
}
const purge = async (asked: object): Promise<Told> => {
  const answer = await ask('/purge', { reason: 'ticket 4711', ...asked });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Told;
};

describe('a takedown', () => {
  it('is the admin’s alone', async () => {
    for (const [path, body] of [
      ['/purge', { key: 'x', reason: 'r' }],
      ['/block', {}],
      ['/purges'],
      ['/tombstones'],
      ['/purges/x'],
    ] as const)
      expect((await ask(path, body, {})).status).toBe(401);
  });

  it('takes down by key, with a signed receipt, and the CDN is told the key that the answer had', async () => {
    expect((await upload('photo')).status).toBe(200);
    const before = await preview('photo');
    const [group] = (before.headers.get('surrogate-key') ?? '').split(' ');
    // The prepared answer has them too.
    expect((await preview('photo')).headers.get('surrogate-key')).toBe(before.headers.get('surrogate-key'));
    await before.arrayBuffer();
    const { receipt, jws } = await purge({ key: 'photo', context: '' });
    expect(receipt).toMatchObject({ by: 'admin', reason: 'ticket 4711', groups: { removed: 1 }, stillNamed: 0 });
    expect(receipt.nodes).toEqual([
      expect.objectContaining({ state: 'dropped', memory: { blobs: 1, bytes: expect.any(Number) } }),
    ]);
    expect((await preview('photo')).status).toBe(404);
    const { keys } = (await (await ask('/keys', undefined, {})).json()) as { readonly keys: readonly JsonWebKey[] };
    const key = createPublicKey({ key: keys[0] ?? {}, format: 'jwk' });
    expect(JSON.parse(verifiedText(RECEIPT_TYPE, jws, key) ?? 'null')).toEqual(receipt);
    // The CDN has taken it before the answer, which has nobody to wait for.
    expect(receipt).toMatchObject({ cdn: { state: 'delivered' }, isComplete: true });
    const [{ headers, body } = { headers: {}, body: '' }] = heard;
    expect(isSignedBy(SECRET, headers, body, Date.now())).toBe(true);
    expect(JSON.parse(body)).toMatchObject({ type: 'cache.purge', data: { id: receipt.id, surrogateKeys: [group] } });
    const [shown, asHead] = await Promise.all([
      ask(`/purges/${receipt.id}`),
      fetch(`${server.origin}/admin/purges/${receipt.id}`, {
        method: 'HEAD',
        headers: { Authorization: server.adminAuth },
      }),
    ]);
    expect([asHead.status, asHead.headers.get('content-length'), await asHead.text()]).toEqual([
      200,
      String((await shown.arrayBuffer()).byteLength),
      '',
    ]);
  });

  it('by content with a tombstone: 403 for whoever brings it again, with its bytes, by its digest, or to be drawn', async () => {
    const other = await jpegOf(320, 240, '#00ff00');
    const content = digestOf(other);
    for (const context of ['', 'a']) expect((await upload('green', other, context)).status).toBe(200);
    const { receipt } = await purge({ content, block: true, until: '2999-01-01T00:00:00Z' });
    expect(receipt).toMatchObject({
      groups: { removed: 2 },
      blocked: { contents: [content], until: '2999-01-01T00:00:00.000Z' },
    });
    const again = await upload('green-2', other);
    expect([again.status, await again.json()]).toEqual([
      403,
      { code: 4031, message: expect.not.stringContaining('ticket') },
    ]);
    const byDigest = await fetch(`${server.url}/cacheImage/green-3`, {
      method: 'PUT',
      headers: { 'Content-Digest': `sha-256=:${Buffer.from(content, 'hex').toString('base64')}:` },
    });
    expect([byDigest.status, await byDigest.json()]).toMatchObject([403, { code: 4031 }]);
    expect(await (await ask('/tombstones')).json()).toEqual({
      tombstones: [{ content, reason: 'ticket 4711', since: expect.any(String), until: '2999-01-01T00:00:00.000Z' }],
    });
    expect((await ask(`/unblock/${content}`, {})).status).toBe(200);
    expect((await upload('green', other)).status).toBe(200);
  });

  it('blocks what was never here', async () => {
    const strange = await jpegOf(111, 111, '#123456');
    const content = digestOf(strange);
    expect(await (await ask('/block', { content, reason: 'a list' })).json()).toMatchObject({ content, until: null });
    const client = clientOf(server);
    await expect(client.put(blobOfBytes(strange), { key: 'strange' })).rejects.toMatchObject({
      status: 403,
      code: 4031,
    });
    expect(await client.has('strange')).toBe(false);
    expect((await ask(`/unblock/${content}`, {})).status).toBe(200);
    expect((await ask(`/unblock/${content}`, {})).status).toBe(404);
  });

  it.each([
    [{}, 4001],
    [{ key: 'a', reason: '' }, 4002],
    [{ key: 'a', prefix: 'b', reason: 'r' }, 4001],
    [{ prefix: '', reason: 'r' }, 4001],
    [{ key: 'a', reason: 'r', until: '2999-01-01T00:00:00Z' }, 4002],
    [{ key: 'a', reason: 'r', block: true, until: '1999-01-01T00:00:00Z' }, 4002],
    [{ key: 'a', reason: 'r', block: 'yes' }, 4002],
    [{ key: 'a', reason: 'r', all: true }, 4002],
    [{ content: 'xyz', reason: 'r' }, 4001],
    [[], 4002],
  ])('is not begun by %j', async (asked, code) => {
    const answer = await ask('/purge', asked);
    expect([answer.status, await answer.json()]).toMatchObject([400, { code }]);
  });

  it('is answered as the document says', async () => {
    const document = await (await fetch(`${server.origin}/openapi/admin.json`)).json();
    const check = new AnswerCheck(document);
    await upload('checked');
    const { receipt } = await purge({ prefix: 'checked' });
    for (const [verb, path, body] of [
      ['GET', '/purges', undefined],
      ['GET', `/purges/${receipt.id}`, undefined],
      ['GET', '/tombstones', undefined],
      ['GET', '/keys', undefined],
      ['POST', '/purge', { key: 'none', reason: 'r' }],
      ['POST', '/block', { content: 'ab'.repeat(32), reason: 'r', until: '2999-01-01T00:00:00Z' }],
      ['POST', `/unblock/${'ab'.repeat(32)}`, {}],
    ] as const) {
      const { status, headers, ...answer } = await ask(path, body).then(async (a) => ({
        status: a.status,
        headers: a.headers,
        text: await a.text(),
      }));
      expect([path, status]).toEqual([path, 200]);
      expect(check.faultsOf({ verb, path: `/admin${path}`, status, headers, ...answer })).toEqual([]);
    }
  });
});
