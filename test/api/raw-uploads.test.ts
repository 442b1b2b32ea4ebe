// Sources that come as they are, without a form around them, and sources that are only named: by curl, and over the use cases in memory.
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type EdgeServer, startEdgeServer } from '../support/edge-server.js';
import { run } from '../support/processes.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';
import { requireTool } from '../support/tools.js';

let server: EdgeServer;
let dir: TempDir;
let photo: Buffer;
beforeAll(async () => {
  dir = await tempDir();
  photo = await jpegOf(400, 300);
  await writeFile(join(dir.path, 'photo.jpg'), photo);
  server = await startEdgeServer({ maxSourceBytes: 8_000_000 });
});
afterAll(async () => {
  await server.close();
  await dir.remove();
});

const digestOf = (bytes: Buffer) => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;

async function curl(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(await requireTool('curl'), ['--silent', '--show-error', ...args], { cwd: dir.path });
  return stdout;
}

describe('every upload operation takes what curl sends without a form', () => {
  it.each([
    ['--data-binary', '@photo.jpg'],
    ['-T', 'photo.jpg'],
    ['-T', 'photo.jpg', '-H', 'Transfer-Encoding: chunked'],
    ['--data-binary', '@photo.jpg', '-H', 'Content-Type:'],
  ])('%s %s %s %s', async (...how) => {
    const written = ['-o', '/dev/null', '-w', '%{http_code} %{content_type}'];
    expect(JSON.parse(await curl(...how, `${server.url}/cacheImage/raw`))).toMatchObject({ code: 0 });
    expect(await curl(...how, ...written, `${server.url}/cacheAndGetImage/other/200x150`)).toBe('200 image/jpeg');
    expect(await curl(...how, ...written, `${server.url}/cacheAndGetImageAndMetadata/third/200x150`)).toMatch(
      /^200 multipart\/form-data; boundary=/,
    );
    expect(await (await fetch(`${server.url}/getMetadata/raw`)).json()).toMatchObject({
      Proofsheet: { digest: `sha256:${createHash('sha256').update(photo).digest('hex')}` },
    });
    expect(await server.uploadFiles()).toEqual([]);
  });

  it('checks the digest that it names, and the bytes that it may have', async () => {
    const send = (body: Buffer, headers: Record<string, string> = {}) =>
      fetch(`${server.url}/cacheImage/raw`, { method: 'PUT', body: new Uint8Array(body), headers });
    expect((await send(photo, { 'Content-Digest': digestOf(photo) })).status).toBe(200);
    expect(await (await send(photo, { 'Content-Digest': digestOf(Buffer.from('x')) })).json()).toMatchObject({
      code: 4005,
    });
    expect(await (await send(Buffer.alloc(8_000_001))).json()).toMatchObject({ code: 4130 });
    expect(await (await send(Buffer.alloc(0))).json()).toMatchObject({ code: 4003 });
    expect(await server.uploadFiles()).toEqual([]);
  });
});

describe('cacheAndGetImage of a key that exists', () => {
  const asked = (operation: string, key: string) =>
    curl(
      ...['-T', 'photo.jpg', '-H', 'Expect: 100-continue', '--expect100-timeout', '60'],
      ...['-o', '/dev/null', '-w', '%{http_code} %{size_upload}', `${server.url}/${operation}/${key}/200x150`],
    );

  it.each(['cacheAndGetImage', 'cacheAndGetImageAndMetadata'])('asks for no upload: %s', async (operation) => {
    await server.previews.clear({});
    expect(await asked(operation, 'known')).toBe(`200 ${photo.length}`);
    const { conversions } = server.previews;
    expect(await asked(operation, 'known')).toBe('200 0');
    expect(server.previews.conversions).toBe(conversions);
    expect(await asked(operation, 'unknown')).toBe(`200 ${photo.length}`);
  });
});

describe('cacheImage by Content-Digest alone', () => {
  const named = (key: string, context = '', digest = digestOf(photo)) =>
    fetch(`${server.url}/cacheImage/${key}?context=${context}`, {
      method: 'POST',
      headers: { 'Content-Digest': digest },
    });
  const upload = (key: string, context = '') =>
    fetch(`${server.url}/cacheImage/${key}?context=${context}`, { method: 'PUT', body: new Uint8Array(photo) });
  beforeEach(() => server.previews.clear({}));

  it('stores bytes that the context knows under another key, and converts nothing', async () => {
    await upload('first');
    const { conversions } = server.previews;
    const answer = await named('second');
    expect([answer.status, await answer.json()]).toEqual([200, { code: 0, message: 'cached 2 previews' }]);
    expect((await fetch(`${server.url}/getImage/second/200x150`)).status).toBe(200);
    expect(server.previews.conversions).toBe(conversions);
  });

  it('asks for bytes that it does not know, or that another context alone has', async () => {
    await upload('first', 'tenant');
    for (const answer of [await named('second'), await named('second', 'tenant', digestOf(Buffer.from('x')))])
      expect([answer.status, await answer.json()]).toMatchObject([400, { code: 4003 }]);
    expect((await fetch(`${server.url}/getImage/second/200x150`)).status).toBe(404);
    expect(await (await named('second', '', 'sha-256=:short:')).json()).toMatchObject({ code: 4005 });
    // Two that contradict each other name nothing.
    const headers = { 'Content-Digest': digestOf(photo), 'Repr-Digest': digestOf(Buffer.from('x')) };
    const both = await fetch(`${server.url}/cacheImage/second?context=tenant`, { method: 'POST', headers });
    expect(await both.json()).toMatchObject({ code: 4003 });
  });

  it('asks a client that waits to be told for known bytes not at all, and for unknown ones as ever', async () => {
    const waiting = ['-T', 'photo.jpg', '-H', 'Expect: 100-continue', '--expect100-timeout', '60'];
    const digest = ['-H', `Content-Digest: ${digestOf(photo)}`];
    const figures = ['-o', '/dev/null', '-w', '%{http_code} %{size_upload}'];
    const put = (key: string) => curl(...waiting, ...digest, ...figures, `${server.url}/cacheImage/${key}`);
    expect(await put('first')).toBe(`200 ${photo.length}`);
    expect(await put('second')).toBe('200 0');
    expect((await fetch(`${server.url}/getImage/second/200x150`)).status).toBe(200);
  });

  it('takes a body that comes all the same for what it is', async () => {
    await upload('first');
    const answer = await fetch(`${server.url}/cacheImage/second`, {
      method: 'PUT',
      body: new Uint8Array(Buffer.from('x')),
      headers: { 'Content-Digest': digestOf(photo) },
    });
    expect(await answer.json()).toMatchObject({ code: 4005 });
  });
});
