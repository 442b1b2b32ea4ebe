// Nodes over a Sentinel set and over a Cluster whose masters die or whose slots move: no wrong answer, and writing again soon.
import { createHash } from 'node:crypto';
import { createClient } from '@redis/client';
import { afterEach, describe, expect, it } from 'vitest';
import { parseImageKey } from '../../../src/kernel/image-key.js';
import { groupShard, KeyLayout } from '../../../src/stores/redis/key-layout.js';
import { until } from '../../support/gate.js';
import { cache, get, Nodes, newSource } from '../../support/nodes.js';
import { type RedisServer, type RedisServers, startCluster, startSentinelSet } from '../../support/redis-servers.js';

let servers: RedisServers | undefined;
let nodes: Nodes | undefined;

afterEach(async () => {
  await nodes?.stop();
  await servers?.stop();
  nodes = undefined;
  servers = undefined;
});

const KEYS = Array.from({ length: 12 }, (_, index) => `known-${index}`);
/** Generous: two busy cores run all servers, all nodes and the load. */
const RECOVERY_MS = 20_000;

async function start(redis: RedisServers): Promise<Nodes> {
  const started = await Nodes.start(redis.url, 2);
  for (const [index, key] of KEYS.entries())
    await until(
      async () => (await cache(started.at(index), key, await newSource(key))).status === 200,
      `${key} is stored`,
    );
  for (const node of started.all) for (const key of KEYS) expect((await get(node, key)).status).toBe(200);
  return started;
}

/** Reads the known keys on every node until `done`; what is answered has to be right. */
async function reads(of: Nodes, done: AbortSignal): Promise<number[]> {
  const statuses: number[] = [];
  const read = async (at: number) => {
    for (let index = 0; !done.aborted; index++) {
      const answer = await get(of.at(at), KEYS[index % KEYS.length] ?? '');
      const bytes = Buffer.from(await answer.arrayBuffer());
      statuses.push(answer.status);
      if (answer.status === 200)
        expect(answer.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await Promise.all(of.all.map((_, at) => read(at)));
  return statuses;
}

/** Stores new sources at both nodes until `count` in a row are taken; resolves with the ms that took. */
async function writingAgain(of: Nodes, count: number): Promise<number> {
  const from = performance.now();
  const refused: number[] = [];
  for (let row = 0, n = 0; row < count; n++) {
    const { status } = await cache(of.at(n), `new-${n}`, await newSource(`new-${n}`));
    if (status === 200) {
      row++;
      expect((await get(of.at(n), `new-${n}`)).status).toBe(200);
    } else {
      row = 0;
      refused.push(status);
      // Refused as what it is, never by a fault of ours.
      expect(status).toBe(503);
    }
    if (performance.now() - from > RECOVERY_MS) throw new Error(`still refused: ${refused.slice(-3).join(', ')}`);
  }
  return performance.now() - from;
}

describe.each([
  ['a Sentinel set', () => startSentinelSet(700), 2],
  ['a Cluster', () => startCluster(1_500), 12],
] as const)('nodes over %s whose master is killed', (name, startServers, writes) => {
  it('answer every known image right all the time, refuse what cannot be stored, and write again soon', {
    timeout: 300_000,
  }, async () => {
    servers = await startServers();
    nodes = await start(servers);
    const done = new AbortController();
    const reading = reads(nodes, done.signal);
    const [master] = (await servers.masters()) as [RedisServer];
    await master.kill();
    const recoveredMs = await writingAgain(nodes, writes);
    console.log(`${name}: ${writes} new images in a row stored ${recoveredMs.toFixed(0)} ms after a master was killed`);
    done.abort();
    const statuses = await reading;
    expect([...new Set(statuses)]).toEqual([200]);
    expect(statuses.length).toBeGreaterThan(50);
  });
});

describe('nodes over a Cluster', () => {
  it('answer right, and take new images, while a slot with known images moves to another master', {
    timeout: 300_000,
  }, async () => {
    servers = await startCluster();
    nodes = await start(servers);
    const done = new AbortController();
    const reading = reads(nodes, done.signal);
    const index = new KeyLayout('proofsheet').index(groupShard(parseImageKey(KEYS[0] ?? '')));
    const slot = await (servers.servers[0] as RedisServer).cli('CLUSTER', 'KEYSLOT', index);
    const masters = await servers.masters();
    const inSlot = await Promise.all(
      masters.map(async (master) => Number(await master.cli('CLUSTER', 'COUNTKEYSINSLOT', slot))),
    );
    const from = masters[inSlot.findIndex((count) => count > 0)] as RedisServer;
    const to = masters.find((master) => master !== from) as RedisServer;
    const [fromId, toId] = await Promise.all([from.cli('CLUSTER', 'MYID'), to.cli('CLUSTER', 'MYID')]);
    const startedAt = performance.now();
    await to.cli('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await from.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    const client = createClient({ url: `redis://127.0.0.1:${from.port}` });
    client.on('error', () => undefined);
    await client.connect();
    const moving = (await client.sendCommand(['CLUSTER', 'GETKEYSINSLOT', slot, '100'])) as unknown as string[];
    expect(moving.length).toBeGreaterThan(1);
    for (const key of moving) await client.sendCommand(['MIGRATE', '127.0.0.1', `${to.port}`, key, '0', '1000']);
    client.destroy();
    for (const master of masters) await master.cli('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
    const recoveredMs = await writingAgain(nodes, 6);
    expect((await cache(nodes.at(1), KEYS[0] ?? '', await newSource('moved'))).status).toBe(200);
    console.log(`a slot moved in ${(performance.now() - startedAt - recoveredMs).toFixed(0)} ms under load`);
    done.abort();
    expect([...new Set(await reading)]).toEqual([200]);
  });
});
