// A takedown over two nodes and one Redis: what is in their memories and on their disks goes, the one that was away learns of it when it
// is back, and nobody takes again what was blocked.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import type { Receipt } from '../../../src/kernel/takedown/receipt.js';
import { until } from '../../support/gate.js';
import { AUTHORIZATION, cache, get, Nodes, newSource } from '../../support/nodes.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';
import type { ServerProcess } from '../../support/server-process.js';

let redis: RedisServers;
let nodes: Nodes;
beforeAll(async () => {
  redis = await startStandalone();
  nodes = await Nodes.start(redis.url, 2, { PROOFSHEET_WORKERS: '1' });
}, 300_000);
afterAll(async () => {
  await nodes?.stop();
  await redis?.stop();
});

async function ask(node: ServerProcess, path: string, body?: object): Promise<{ readonly receipt: Receipt }> {
  const answer = await fetch(`${node.origin}/admin${path}`, {
    headers: { Authorization: AUTHORIZATION, 'Content-Type': 'application/json' },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  expect(answer.status).toBe(200);
  return (await answer.json()) as { readonly receipt: Receipt };
}

/** Where a node keeps its copy. */
function copyAt(at: number, digest: string): string {
  return join(nodes.directories[at] ?? '', 'node-cache-0', 'blobs', digest.slice(0, 2), digest.slice(2, 4), digest);
}

/** Has both nodes read the preview, so that each has it in memory and on its disk; its digest. */
async function everywhere(key: string): Promise<string> {
  const digests = await Promise.all(
    [0, 1].map(async (at) => {
      const answer = await get(nodes.at(at), key);
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
      return (answer.headers.get('etag') ?? '').slice(1, -1);
    }),
  );
  const [digest = ''] = digests;
  await until(() => [0, 1].every((at) => existsSync(copyAt(at, digest))), 'a copy on both disks');
  return digest;
}

test('what is taken down on one node is gone from both, and the receipt names both', async () => {
  expect((await cache(nodes.at(0), 'both', await newSource('both'))).status).toBe(200);
  const digest = await everywhere('both');
  const { receipt } = await ask(nodes.at(0), '/purge', { key: 'both', reason: 'ticket 1' });
  expect(receipt).toMatchObject({
    groups: { removed: 1 },
    lasting: { tier: 'shared' },
    stillNamed: 0,
    isComplete: true,
  });
  expect(receipt.lasting.blobs).toBeGreaterThan(1);
  expect(receipt.nodes).toHaveLength(2);
  for (const node of receipt.nodes)
    expect(node).toMatchObject({
      state: 'dropped',
      memory: { blobs: expect.any(Number) },
      disk: { blobs: expect.any(Number) },
    });
  const memories = receipt.nodes.map((node) =>
    node.state === 'dropped' ? Math.min(node.memory.blobs, node.disk.blobs) : 0,
  );
  expect(Math.min(...memories)).toBeGreaterThan(0);
  expect([0, 1].map((at) => existsSync(copyAt(at, digest)))).toEqual([false, false]);
  for (const at of [0, 1]) expect((await get(nodes.at(at), 'both')).status).toBe(404);
});

test('a node that was away learns of it when it is back, before it serves', { timeout: 240_000 }, async () => {
  const source = await newSource('away');
  expect((await cache(nodes.at(0), 'away', source)).status).toBe(200);
  const digest = await everywhere('away');
  const away = nodes.at(1);
  away.kill('SIGKILL');
  await away.gone;
  const content = digestOf(source);
  const { receipt } = await ask(nodes.at(0), '/purge', { content, block: true, reason: 'ticket 2' });
  expect(receipt.isComplete).toBe(false);
  expect(receipt.nodes.map(({ state }) => state).sort()).toEqual(['away', 'dropped']);
  expect([0, 1].map((at) => existsSync(copyAt(at, digest)))).toEqual([false, true]);
  const back = await nodes.restart(1, 'SIGKILL');
  await until(() => !existsSync(copyAt(1, digest)), 'the copy is gone');
  expect((await get(back, 'away')).status).toBe(404);
  await until(async () => (await ask(back, `/purges/${receipt.id}`)).receipt.isComplete, 'a receipt that is complete');
  for (const at of [0, 1]) expect((await cache(nodes.at(at), 'other name', source)).status).toBe(403);
  const unblocked = await fetch(`${back.origin}/admin/unblock/${content}`, {
    method: 'POST',
    headers: { Authorization: AUTHORIZATION },
  });
  expect(unblocked.status).toBe(200);
  expect((await cache(nodes.at(0), 'other name', source)).status).toBe(200);
});
