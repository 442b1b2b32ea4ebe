// A takedown with the bytes in a bucket: once it is answered, the objects are gone, the copies of both nodes too, and the receipt says which
// tier had what; by key, prefix, context and content. And a change of target formats that two nodes bring about together.
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import type { Receipt } from '../../../src/kernel/takedown/receipt.js';
import { until } from '../../support/gate.js';
import { sourceForm } from '../../support/multipart.js';
import { AUTHORIZATION, get, Nodes, newSource } from '../../support/nodes.js';
import { type RedisServer, type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { S3Server } from '../../support/s3-server.js';
import { BUCKET } from '../../support/s3-store.js';

let redis: RedisServers & { readonly server: RedisServer };
let server: S3Server;
let nodes: Nodes;
const environment = () => ({ ...server.environment(BUCKET), PROOFSHEET_S3_PREFIX: 'p/', PROOFSHEET_WORKERS: '1' });
beforeAll(async () => {
  [redis, server] = await Promise.all([startStandalone(), S3Server.start([BUCKET])]);
  nodes = await Nodes.start(redis.url, 2, environment());
}, 300_000);
afterAll(async () => {
  await nodes?.stop();
  await server?.stop();
  await redis?.stop();
});

async function objects(): Promise<Map<string, number>> {
  const client = server.client();
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  client.destroy();
  return new Map(Contents.map(({ Key = '', Size = 0 }) => [Key, Size]));
}

async function ask<T>(at: number, path: string, body?: object): Promise<T> {
  const answer = await fetch(`${nodes.at(at).origin}/admin${path}`, {
    headers: { Authorization: AUTHORIZATION, 'Content-Type': 'application/json' },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  expect([path, answer.status]).toEqual([path, 200]);
  return (await answer.json()) as T;
}

const cacheIn = async (at: number, key: string, context: string, source: Buffer) => {
  const url = `${nodes.at(at).url}/cacheImage/${key}?context=${context}`;
  expect((await fetch(url, { method: 'POST', body: sourceForm(source) })).status).toBe(200);
};

it('takes the objects away before it answers, and tells what left the bucket, and what left which node', {
  timeout: 300_000,
}, async () => {
  const sources = await Promise.all(['k', 'p', 'c', 'd'].map((name) => newSource(name)));
  const content = digestOf(sources[3] ?? Buffer.alloc(0));
  for (const [select, keys] of [
    [{ key: 'k' }, [['k', '']]],
    [
      { prefix: 'p/' },
      [
        ['p%2F1', ''],
        ['p%2F2', 'of'],
      ],
    ],
    [
      { context: 'of' },
      [
        ['c1', 'of'],
        ['c2', 'of'],
      ],
    ],
    [
      { content },
      [
        ['d1', ''],
        ['d2', 'of'],
      ],
    ],
  ] as const) {
    const before = await objects();
    const source = sources.shift() ?? Buffer.alloc(0);
    for (const [at, [key, context]] of keys.entries()) await cacheIn(at, key, context, source);
    const stored = [...(await objects())].filter(([name]) => !before.has(name));
    expect(stored.length).toBeGreaterThan(1);
    // In the memory and on the disk of both.
    const [[key = '', context = ''] = []] = keys;
    for (const at of [0, 1])
      expect((await get(nodes.at(at), `${key}`, `auto:200x150?context=${context}`)).status).toBe(200);
    const { receipt } = await ask<{ readonly receipt: Receipt }>(1, '/purge', { ...select, reason: 'ticket 3' });
    expect([...(await objects()).keys()]).toEqual([...before.keys()]);
    expect(receipt).toMatchObject({
      groups: { removed: keys.length },
      stillNamed: 0,
      isComplete: true,
      lasting: { tier: 'shared', blobs: stored.length, bytes: stored.reduce((sum, [, bytes]) => sum + bytes, 0) },
    });
    expect(receipt.groups.named.map(({ context: of, imageKey }) => `${of}:${imageKey}`).sort()).toEqual(
      keys.map(([name, of]) => `${of}:${decodeURIComponent(name)}`).sort(),
    );
    expect(receipt.nodes).toHaveLength(2);
    for (const node of receipt.nodes) {
      if (node.state !== 'dropped') throw new Error('expected a node that has followed');
      expect(node.memory.blobs).toBeGreaterThan(0);
      expect(node.disk.blobs).toBeGreaterThan(0);
    }
    for (const at of [0, 1]) expect((await get(nodes.at(at), key)).status).toBe(404);
  }
});

it('two nodes bring what is stored to other target formats once, and both tell how far it is', {
  timeout: 300_000,
}, async () => {
  const count = 8;
  for (let n = 0; n < count; n++) await cacheIn(n % 2, `old-${n}`, '', await newSource(`old-${n}`));
  // What they have measured is told as they end in order; one that is killed loses a minute of it.
  for (const at of [0, 1]) {
    nodes.at(at).kill('SIGTERM');
    await nodes.at(at).gone;
  }
  await nodes.stop();
  nodes = await Nodes.start(redis.url, 2, { ...environment(), PROOFSHEET_TARGET_FORMATS: 'auto:90x90,auto:200x150' });
  const plan = await ask<{ readonly outdated: number; readonly cpuSeconds: number | null }>(1, '/plan');
  expect(plan.outdated).toBe(count);
  // As the nodes before have measured it.
  expect(plan.cpuSeconds).toBeGreaterThan(0);
  const standing = (at: number) => ask<{ readonly state: string; readonly made: number }>(at, '/reconcile');
  await ask(0, '/apply', { perMinute: 120 });
  await until(async () => (await standing(1)).made > 0, 'progress is seen on the other node');
  expect((await standing(0)).state).toBe('running');
  await until(async () => (await standing(1)).state === 'done', 'all of it is done');
  expect(await standing(0)).toMatchObject({ state: 'done', made: count, failed: 0 });
  expect(await nodes.sum('proofsheet_conversions_total', 'result="ok"')).toBe(count);
  expect(await ask(0, '/plan')).toMatchObject({ outdated: 0, current: count });
  for (const at of [0, 1]) expect((await get(nodes.at(at), 'old-1', 'auto:90x90')).status).toBe(200);
});
