// Nodes with the catalog on Redis and the blobs on a real S3-compatible service: one cache, and what its outages cost.
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { until } from '../../support/gate.js';
import { cache, cacheAndGet, clear, get, Nodes, newSource } from '../../support/nodes.js';
import { type RedisServer, type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { S3Server } from '../../support/s3-server.js';
import { BUCKET } from '../../support/s3-store.js';

let redis: RedisServers & { readonly server: RedisServer };
let server: S3Server;
let nodes: Nodes;

beforeAll(async () => {
  [redis, server] = await Promise.all([startStandalone(), S3Server.start([BUCKET])]);
  nodes = await Nodes.start(redis.url, 2, {
    ...server.environment(BUCKET),
    PROOFSHEET_S3_PREFIX: 'previews/',
    PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1',
    PROOFSHEET_ORPHAN_GRACE_SECONDS: '8',
    PROOFSHEET_CONVERSION_TIMEOUT_MS: '8000',
  });
}, 300_000);

afterAll(async () => {
  await nodes?.stop();
  await server?.stop();
  await redis?.stop();
});

const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());

async function objects(): Promise<string[]> {
  const client = server.client();
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  client.destroy();
  return Contents.map(({ Key }) => Key ?? '');
}

it('serves on every node what one has cached, with only marks in Redis, and deletes the objects of what is cleared', {
  timeout: 300_000,
}, async () => {
  const source = await newSource('s3');
  expect((await cache(nodes.at(0), 's3', source)).status).toBe(200);
  const answers = await Promise.all([0, 1].map(async (index) => get(nodes.at(index), 's3', 'auto:800x800')));
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  const [one, two] = await Promise.all(answers.map(bytesOf));
  expect(two?.equals(one ?? Buffer.alloc(0))).toBe(true);
  // Five previews at most (some may be equal) and the source.
  const stored = await objects();
  expect(stored.every((name) => /^previews\/[0-9a-f]{64}$/.test(name))).toBe(true);
  expect(stored.length).toBeGreaterThanOrEqual(4);
  const marks = (await redis.server.cli('--scan', '--pattern', 'proofsheet:b:*')).split('\n');
  expect(marks.length).toBe(stored.length);
  for (const mark of marks) expect(await redis.server.cli('STRLEN', mark)).toBe('0');
  expect((await clear(nodes.at(1), 's3')).status).toBe(200);
  await until(async () => (await objects()).length === 0, 'the objects are deleted');
});

it('deletes objects that no record names, and leaves those of others alone', { timeout: 300_000 }, async () => {
  // Two pictures, since equal previews are one object.
  expect((await cache(nodes.at(0), 'lost', await encodedPhoto(700, 500))).status).toBe(200);
  const before = await objects();
  await redis.server.cli('FLUSHALL');
  expect((await cache(nodes.at(1), 'kept', await encodedPhoto(500, 700))).status).toBe(200);
  await until(async () => {
    const now = await objects();
    return before.every((name) => !now.includes(name));
  }, 'the search has found what the catalog lost');
  expect((await get(nodes.at(0), 'kept', 'auto:1920x1080')).status).toBe(200);
  expect((await objects()).length).toBeGreaterThanOrEqual(4);
});

it('serves what nodes hold while the service is frozen or killed, refuses what cannot be stored, and recovers', {
  timeout: 300_000,
}, async () => {
  expect((await cache(nodes.at(0), 'known', await newSource('known'))).status).toBe(200);
  for (const index of [0, 1]) expect((await get(nodes.at(index), 'known')).status).toBe(200);
  for (const outage of ['frozen', 'killed'] as const) {
    if (outage === 'frozen') server.freeze();
    else await server.kill();
    const startedAt = performance.now();
    // None waits for the service: then each would take a deadline of some seconds.
    for (let hit = 0; hit < 20; hit++) expect((await get(nodes.at(hit), 'known')).status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    const refused = await cache(nodes.at(0), 'unstored', await newSource('unstored'));
    expect([refused.status, ((await refused.json()) as { code: number }).code]).toEqual([503, 5031]);
    expect(refused.headers.has('retry-after')).toBe(true);
    expect((await cacheAndGet(nodes.at(1), 'unstored', await newSource('unstored'))).status).toBe(200);
    console.log(`S3 ${outage}: refused after at most ${(performance.now() - startedAt).toFixed(0)} ms`);
    expect(performance.now() - startedAt).toBeLessThan(60_000);
    if (outage === 'frozen') server.thaw();
    else await server.resume();
    await until(
      async () => (await cache(nodes.at(0), `back-${outage}`, await newSource(outage))).status === 200,
      'the service is used again',
    );
    expect((await get(nodes.at(1), `back-${outage}`)).status).toBe(200);
  }
});

it('does not start with a bucket that is not there or with wrong credentials, and says so', {
  timeout: 300_000,
}, async () => {
  const start = (wrong: Record<string, string>) =>
    Nodes.start(redis.url, 1, { ...server.environment(BUCKET), ...wrong });
  await expect(start({ PROOFSHEET_S3_BUCKET: 'elsewhere' })).rejects.toThrow(/expected the bucket elsewhere/);
  await expect(start({ PROOFSHEET_S3_SECRET_ACCESS_KEY: 'wrong' })).rejects.toThrow(/403/);
});
