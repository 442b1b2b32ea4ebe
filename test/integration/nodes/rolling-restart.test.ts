// Three nodes behind nginx, configured as the documentation shows, are restarted one after the other under load: nobody
// notices.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Balancer, startBalancer } from '../../support/balancer.js';
import { sourceForm } from '../../support/multipart.js';
import { cache, Nodes, newSource } from '../../support/nodes.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';

let redis: RedisServers;
let nodes: Nodes;
let balancer: Balancer;

beforeAll(async () => {
  redis = await startStandalone();
  nodes = await Nodes.start(redis.url, 3);
  balancer = await startBalancer(nodes.all.map(({ origin }) => new URL(origin).host));
}, 300_000);

afterAll(async () => {
  await balancer?.stop();
  await nodes?.stop();
  await redis?.stop();
});

const KEYS = Array.from({ length: 10 }, (_, index) => `steady-${index}`);

/** What an answer was, or why there was none. */
type Outcome = string;

async function outcomeOf(request: Promise<Response>): Promise<Outcome> {
  try {
    const answer = await request;
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (answer.status !== 200) return `${answer.status} ${bytes.subarray(0, 200)}`;
    const etag = answer.headers.get('etag');
    const isRight = etag === null || etag === `"${createHash('sha256').update(bytes).digest('hex')}"`;
    return isRight ? '200' : '200 with wrong bytes';
  } catch (error) {
    return error instanceof Error ? `${error.message}: ${String(error.cause)}` : String(error);
  }
}

it('fails no hit and no upload while each node is stopped by SIGTERM, ends and comes back', {
  timeout: 300_000,
}, async () => {
  for (const [index, key] of KEYS.entries())
    expect((await cache(nodes.at(index), key, await newSource(key))).status).toBe(200);
  const url = `${balancer.origin}/imageconverter`;
  const done = new AbortController();
  const hits: Outcome[] = [];
  const uploads: Outcome[] = [];
  const hit = async (from: number) => {
    for (let index = from; !done.signal.aborted; index++)
      hits.push(await outcomeOf(fetch(`${url}/getImage/${KEYS[index % KEYS.length]}/auto:800x800`)));
  };
  const upload = async (operation: string) => {
    for (let index = 0; !done.signal.aborted; index++) {
      const body = sourceForm(await newSource(`${operation}-${index}`));
      const [name, suffix = ''] = operation.split('/');
      uploads.push(
        await outcomeOf(fetch(`${url}/${name}/${name}-${index}${suffix && `/${suffix}`}`, { method: 'POST', body })),
      );
    }
  };
  const loading = Promise.all([0, 3, 6].map(hit).concat(['cacheImage', 'cacheAndGetImage/auto:200x150'].map(upload)));
  const stops: number[] = [];
  for (const index of [0, 1, 2]) {
    const port = new URL(nodes.at(index).origin).port;
    const startedAt = performance.now();
    const { gone } = nodes.at(index);
    void gone.then(() => stops.push(performance.now() - startedAt));
    const pid = nodes.at(index).pid;
    await nodes.restart(index, 'SIGTERM', port);
    expect(await gone).toBe(0);
    expect(nodes.at(index).pid).not.toBe(pid);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  done.abort();
  await loading;
  console.log(
    `${hits.length} hits and ${uploads.length} uploads during three restarts; nodes took ${stops.map((ms) => ms.toFixed(0)).join(', ')} ms to end`,
  );
  expect(hits.filter((outcome) => outcome !== '200')).toEqual([]);
  expect(uploads.filter((outcome) => outcome !== '200')).toEqual([]);
  expect(hits.length).toBeGreaterThan(100);
  expect(uploads.length).toBeGreaterThan(5);
});
