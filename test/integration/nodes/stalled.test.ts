// A node that was stopped for a while (SIGSTOP stands for a long collection of garbage or a frozen machine) answers nothing
// that was cleared before it was asked, by more than the bound that CLUSTER.md states.
import { Agent, get as httpGet } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { HEARD_WITHIN_MS } from '../../../src/stores/redis/hearing.js';
import { eventually } from '../../support/gate.js';
import { cache, clear, get, Nodes, newSource } from '../../support/nodes.js';
import { startCluster, startStandalone } from '../../support/redis-servers.js';

/** Beyond the bound: the clear is acknowledged to the one who cleared a little after it was done. */
const AFTER_MS = HEARD_WITHIN_MS + 20;

function status(url: string, agent: Agent | false): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpGet(url, { agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
  });
}

async function staleAnswers(nodes: Nodes, rounds: number): Promise<{ stale: number; gone: number; other: number[] }> {
  const [clearing, stalling] = [nodes.at(0), nodes.at(1)];
  const outcome = { stale: 0, gone: 0, other: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const key = `stalled${round}`;
    expect((await cache(clearing, key, await newSource(key, 240, 180))).status).toBe(200);
    const agent = new Agent({ keepAlive: true });
    const [asked, unasked] = ['auto:200x150', 'auto:100x75'].map(
      (format) => `${stalling.url}/getImage/${key}/${format}`,
    );
    for (let n = 0; n < 3; n++) expect(await status(`${asked}`, agent)).toBe(200);
    stalling.kill('SIGSTOP');
    await delay(30);
    expect((await clear(clearing, key)).status).toBe(200);
    await delay(AFTER_MS);
    const reads = Array.from({ length: 16 }, (_, n) => status(`${n % 4 ? asked : unasked}`, n % 3 ? false : agent));
    await delay([0, 300, 600, 1_700][round % 4]);
    stalling.kill('SIGCONT');
    for (const answered of await Promise.all(reads)) {
      if (answered === 200) outcome.stale++;
      else if (answered === 404) outcome.gone++;
      else outcome.other.push(answered);
    }
    agent.destroy();
  }
  return outcome;
}

it('over one server: nothing that was cleared a bound before is answered after a stall', async () => {
  const servers = await startStandalone();
  const nodes = await Nodes.start(servers.url, 2);
  try {
    expect(await staleAnswers(nodes, 20)).toEqual({ stale: 0, gone: 20 * 16, other: [] });
  } finally {
    await nodes.stop();
    await servers.stop();
  }
});

it('over a cluster: the same', async () => {
  const servers = await startCluster();
  const nodes = await Nodes.start(servers.url, 2);
  try {
    expect(await staleAnswers(nodes, 12)).toEqual({ stale: 0, gone: 12 * 16, other: [] });
  } finally {
    await nodes.stop();
    await servers.stop();
  }
});

it('a stall while Redis was away: what was remembered is not answered once Redis is there again', async () => {
  const servers = await startStandalone();
  const nodes = await Nodes.start(servers.url, 1);
  const node = nodes.at(0);
  try {
    const agent = new Agent({ keepAlive: true });
    expect((await cache(node, 'remembered', await newSource('remembered'))).status).toBe(200);
    const url = `${node.url}/getImage/remembered/auto:200x150`;
    for (let n = 0; n < 3; n++) expect(await status(url, agent)).toBe(200);
    await servers.server.kill();
    await eventually(async () => (await get(node, 'other')).status === 503, 'a node that knows that Redis is away');
    for (let n = 0; n < 3; n++) expect(await status(url, agent)).toBe(200);
    node.kill('SIGSTOP');
    // Empty: everything was cleared.
    await servers.server.resume();
    await delay(1_000);
    const reads = Array.from({ length: 16 }, (_, n) => status(url, n % 3 ? false : agent));
    await delay(100);
    node.kill('SIGCONT');
    expect(new Set(await Promise.all(reads))).toEqual(new Set([404]));
    agent.destroy();
  } finally {
    node.kill('SIGCONT');
    await nodes.stop();
    await servers.stop();
  }
});
