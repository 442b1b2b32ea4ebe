// A source that failed on one node is refused on the others without a conversion there, and can be forgotten anywhere.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AUTHORIZATION, cache, cacheAndGet, get, Nodes, newSource } from '../../support/nodes.js';
import { startStandalone } from '../../support/redis-servers.js';
import { type ServerProcess, scrape } from '../../support/server-process.js';

let redis: Awaited<ReturnType<typeof startStandalone>>;
let nodes: Nodes;

beforeAll(async () => {
  redis = await startStandalone();
  nodes = await Nodes.start(redis.url, 2);
}, 300_000);

afterAll(async () => {
  await nodes?.stop();
  await redis?.stop();
});

const conversions = (node: ServerProcess) => scrape(node.origin, 'proofsheet_conversions_total');
const refused = (node: ServerProcess) => scrape(node.origin, 'proofsheet_refusals_total');
const headers = { Authorization: AUTHORIZATION };
const listed = async (node: ServerProcess) =>
  ((await (await fetch(`${node.url}/getRefusals`, { headers })).json()) as { refusals: { source: string }[] }).refusals;

/** Begins like a JPEG and cannot be decoded; every one is another file. */
async function poison(): Promise<Buffer> {
  // Without a byte that begins a marker: it might be another kind of JPEG.
  const noise = randomBytes(400).map((byte) => byte % 255);
  return Buffer.concat([(await newSource('poison')).subarray(0, 60), noise]);
}

it('refuses on node 2 what failed on node 1, without a conversion there', { timeout: 300_000 }, async () => {
  const [one, two] = [nodes.at(0), nodes.at(1)];
  const bad = await poison();
  const first = await cache(one, 'poison', bad);
  expect(first.status).toBe(422);
  const body = await first.json();
  expect(await conversions(one)).toBe(1);
  for (const again of [await cache(two, 'poison', bad), await cacheAndGet(two, 'other', bad)]) {
    expect(again.status).toBe(422);
    expect(await again.json()).toEqual(body);
  }
  expect(await conversions(two)).toBe(0);
  expect(await refused(two)).toBe(2);

  expect(await listed(two)).toEqual(await listed(one));
  const [refusal] = await listed(two);
  expect(refusal).toMatchObject({ code: 4220, strikes: 1 });
  const forgotten = await fetch(`${two.url}/clearRefusals/${refusal?.source}`, { method: 'DELETE', headers });
  expect(await forgotten.json()).toEqual({ code: 0, message: 'forgot 1 refusal' });
  expect(await listed(one)).toEqual([]);
  expect((await cache(two, 'poison', bad)).status).toBe(422);
  expect(await conversions(two)).toBe(1);
  expect((await cache(two, 'good', await newSource('good'))).status).toBe(200);
});

it('tries again what failed while Redis is away, and answers with its failure', { timeout: 300_000 }, async () => {
  const two = nodes.at(1);
  const [bad, good] = [await poison(), await newSource('away')];
  await redis.server.kill();
  const before = await conversions(two);
  for (let time = 1; time <= 2; time++) {
    expect((await cacheAndGet(two, 'away-bad', bad)).status).toBe(422);
    expect((await conversions(two)) - before).toBe(time);
  }
  const answer = await cacheAndGet(two, 'away-good', good);
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
  expect((await get(two, 'away-never')).status).toBe(503);
});
