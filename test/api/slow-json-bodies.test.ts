// Whoever sends bodies of JSON slowly, or more of them than anybody needs, keeps nobody else from sending theirs: strangers neither
// other clients nor tenants nor admins, and where a token opens, one without it is told so before its body is read.
import { afterEach, expect, it } from 'vitest';
import { RawConnection } from '../support/http-client.js';
import { BOTH, startLibraryEdge } from '../support/library-edge.js';
import { startTestServer } from '../support/test-server.js';

const TOKEN = 'token-for-all-contexts-1';
const MIB = 2 ** 20;
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Sends the head and the first bytes of a body that goes on. */
async function slowly(origin: string, path: string, length: number, first: Buffer | string): Promise<RawConnection> {
  const connection = await RawConnection.open(origin);
  ends.push(() => connection.destroy());
  connection.send(
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`,
  );
  connection.send(first);
  return connection;
}

async function json(url: string, body: unknown, headers: Record<string, string> = {}): Promise<number> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  await answer.arrayBuffer();
  return answer.status;
}

it('a client has a quarter of the bodies, and admins have their own', { timeout: 60_000 }, async () => {
  const server = await startTestServer();
  ends.push(() => server.close());
  const ask = () => json(`${server.url}/getImages`, { images: [{ key: 'unknown', format: 'auto:60x60' }] });
  expect(await ask()).toBe(200);
  for (let at = 0; at < 64; at++) await slowly(server.origin, '/imageconverter/getImages', 1_000, '{');
  await expect.poll(ask, { timeout: 20_000 }).toBe(429);
  const purge = { key: 'nobody', reason: 'asked for' };
  expect(await json(`${server.origin}/admin/purge`, purge, { Authorization: server.adminAuth })).toBe(200);
});

it('a stranger is refused before a body that a token opens', { timeout: 60_000 }, async () => {
  const server = await startTestServer({ environment: { PROOFSHEET_API_TOKENS: TOKEN } });
  ends.push(() => server.close());
  const stranger = await slowly(server.origin, '/imageconverter/getImages', 1_000, '{');
  expect((await stranger.answer()).status).toBe(401);
  const body = { images: [{ key: 'unknown', format: 'auto:60x60' }] };
  expect(await json(`${server.url}/getImages`, body, { Authorization: `Bearer ${TOKEN}` })).toBe(200);
});

it('strangers that send the largest bodies slowly leave tenants their own room', { timeout: 60_000 }, async () => {
  const edge = await startLibraryEdge({}, { dialects: [{ name: 'livingdocs' }, { name: 'micrio' }] });
  ends.push(() => edge.close());
  const { origin } = edge.server;
  for (let at = 0; at < 4; at++)
    await slowly(origin, '/micrio/v2/images/add', 8 * MIB, Buffer.alloc(8 * MIB - 8, 0x20));
  const batch = {
    systemName: 'agency',
    images: [{ url: 'https://example.com/a.jpg', id: 'a', fileName: 'a', metadata: {} }],
  };
  const imported = () => json(`${origin}/livingdocs/api/v1/import/images`, batch, { Authorization: `Bearer ${BOTH}` });
  // Once all of it has arrived.
  await expect.poll(() => json(`${origin}/micrio/v2/images/add`, { some: 'x'.repeat(70_000) })).toBe(429);
  expect(await imported()).toBe(200);
});
