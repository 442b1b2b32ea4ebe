// getImages: many previews in one answer, as parts and as lines, beside what getImage answers alone; and how long a page waits for both.

import { Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EdgeServer, startEdgeServer } from '../support/edge-server.js';
import { jpegOf } from '../support/test-images.js';

const COUNT = 50;
const LATENCY_MS = 50;
const CONNECTIONS = 6;

let server: EdgeServer;
beforeAll(async () => {
  server = await startEdgeServer();
  const photo = new Uint8Array(await jpegOf(400, 300));
  for (let n = 0; n < COUNT; n++) await fetch(`${server.url}/cacheImage/photo-${n}`, { method: 'PUT', body: photo });
});
afterAll(() => server.close());

const ask = (images: unknown, query = '', accept?: string, at = server.url) =>
  fetch(`${at}/getImages${query}`, {
    method: 'POST',
    body: JSON.stringify({ images }),
    headers: { 'Content-Type': 'application/json', ...(accept !== undefined && { Accept: accept }) },
  });

interface Part {
  readonly headers: Headers;
  readonly body: Buffer;
}

/** As RFC 2046 has it, by the boundary alone. */
function partsOf(type: string | null, body: Buffer): Part[] {
  const boundary = /^multipart\/mixed; boundary=(\S+)$/.exec(type ?? '')?.[1] ?? '';
  expect(boundary).not.toBe('');
  const text = body.toString('latin1');
  expect(text.endsWith(`--${boundary}--\r\n`)).toBe(true);
  return text
    .split(`--${boundary}\r\n`)
    .slice(1)
    .map((part) => part.replace(`--${boundary}--\r\n`, ''))
    .map((part) => {
      const end = part.indexOf('\r\n\r\n');
      const headers = new Headers(
        part
          .slice(0, end)
          .split('\r\n')
          .map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]),
      );
      return { headers, body: Buffer.from(part.slice(end + 4, -2), 'latin1') };
    });
}

it('answers each as it would be answered alone, by number', async () => {
  const images = [0, 1, 'nothing', 2].map((n) => ({ key: `photo-${n}`, format: 'auto:200x150' }));
  const answer = await ask(images);
  const parts = partsOf(answer.headers.get('content-type'), Buffer.from(await answer.arrayBuffer()));
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(parts.map(({ headers }) => headers.get('content-id')).toSorted()).toEqual(['<0>', '<1>', '<2>', '<3>']);
  for (const { headers, body } of parts) {
    const image = images[Number(headers.get('content-id')?.slice(1, -1))];
    const alone = await fetch(`${server.url}/getImage/${image?.key}/${image?.format}`);
    expect(headers.get('status')).toBe(String(alone.status));
    expect(body.equals(Buffer.from(await alone.arrayBuffer()))).toBe(true);
    for (const name of ['content-type', 'content-length', 'etag', 'cache-control', 'x-proofsheet-match', 'repr-digest'])
      expect(headers.get(name)).toBe(alone.headers.get(name));
  }
});

it('tells the same in lines of JSON, and what the client has already by 304', async () => {
  const alone = await fetch(`${server.url}/getImage/photo-0/auto:200x150`);
  const etag = alone.headers.get('etag') ?? '';
  const images = [
    { key: 'photo-0', format: 'auto:200x150' },
    { key: 'photo-0', format: 'auto:200x150', ifNoneMatch: etag },
    { key: 'nothing', format: 'auto:200x150' },
    { key: 'k'.repeat(257), format: 'auto:200x150' },
    'nonsense',
  ];
  const answer = await ask(images, '', 'application/x-ndjson');
  expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
  const lines = (await answer.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .toSorted((a, b) => a.index - b.index);
  expect(lines.map(({ status, error }) => [status, error?.code])).toEqual([
    [200, undefined],
    [304, undefined],
    [404, 4040],
    [400, 4001],
    [400, 4004],
  ]);
  expect(Buffer.from(lines[0].body, 'base64').equals(Buffer.from(await alone.arrayBuffer()))).toBe(true);
  expect([lines[0].headers.ETag, lines[1].headers.ETag, lines[1].body]).toEqual([etag, etag, undefined]);
});

it.each([
  ['no images', {}],
  ['none of them', { images: [] }],
  ['201 of them', { images: Array.from({ length: 201 }, () => ({ key: 'photo-0', format: 'auto:200x150' })) }],
  ['no object', []],
])('refuses %s by 4004', async (_what, body) => {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(`${server.url}/getImages`, { method: 'POST', body: JSON.stringify(body), headers });
  expect([answer.status, (await answer.json()) as object]).toMatchObject([400, { code: 4004 }]);
});

it.each(['-1', '60001', 'soon', ''])('refuses to wait for "%s" ms', async (wait) => {
  const answer = await ask([{ key: 'photo-0', format: 'auto:200x150' }], `?wait=${wait}`);
  expect([answer.status, (await answer.json()) as object]).toMatchObject([400, { code: 4002 }]);
});

/** A way to the server on which each chunk arrives half of the latency later, in order. */
async function farAway(): Promise<{ readonly url: string; readonly close: () => void }> {
  const to = new URL(server.url);
  const sockets = new Set<Socket>();
  const delayed = (from: Socket, into: Socket) => {
    from.on('data', (chunk) => setTimeout(() => into.writable && into.write(chunk), LATENCY_MS / 2));
    from.on('close', () => setTimeout(() => into.destroy(), LATENCY_MS / 2));
    from.on('error', () => undefined);
  };
  const proxy = createServer((near) => {
    const far = connect(Number(to.port), to.hostname);
    sockets.add(near).add(far);
    delayed(near, far);
    delayed(far, near);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${to.pathname}`,
    close() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}

describe(`${COUNT} thumbnails with ${LATENCY_MS} ms of latency`, () => {
  it(`take at most a third of the time of as many requests over ${CONNECTIONS} connections`, async () => {
    const far = await farAway();
    try {
      const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
      const one = (n: number) =>
        new Promise<number>((resolve, reject) => {
          request(`${far.url}/getImage/photo-${n}/auto:200x150`, { agent }, (answer) => {
            answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
          })
            .once('error', reject)
            .end();
        });
      const indices = Array.from({ length: COUNT }, (_, n) => n);
      const startedAt = performance.now();
      expect(new Set(await Promise.all(indices.map(one)))).toEqual(new Set([200]));
      const singlyMs = performance.now() - startedAt;
      agent.destroy();

      const images = indices.map((n) => ({ key: `photo-${n}`, format: 'auto:200x150' }));
      const againAt = performance.now();
      const answer = await ask(images, '', 'multipart/mixed', far.url);
      const parts = partsOf(answer.headers.get('content-type'), Buffer.from(await answer.arrayBuffer()));
      const togetherMs = performance.now() - againAt;
      expect(parts.map(({ headers }) => headers.get('status'))).toEqual(indices.map(() => '200'));
      expect(togetherMs).toBeLessThan(singlyMs / 3);
    } finally {
      far.close();
    }
  });
});
