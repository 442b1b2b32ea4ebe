// Two nodes over Redis and S3: a pyramid is made once for both, and each reads of it what it needs and no more.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { until } from '../../support/gate.js';
import { cache, Nodes } from '../../support/nodes.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { S3Server } from '../../support/s3-server.js';
import { BUCKET } from '../../support/s3-store.js';

let redis: RedisServers;
let s3: S3Server;
let nodes: Nodes;

beforeAll(async () => {
  [redis, s3] = await Promise.all([startStandalone(), S3Server.start([BUCKET])]);
  nodes = await Nodes.start(redis.url, 2, {
    ...s3.environment(BUCKET),
    PROOFSHEET_DIALECTS: 'image-converter,dzi,iiif',
    PROOFSHEET_TARGET_FORMATS: 'auto:200x150~cover',
    PROOFSHEET_ZOOM_WAIT_MS: '60000',
  });
}, 300_000);
afterAll(async () => {
  await nodes?.stop();
  await s3?.stop();
  await redis?.stop();
});

const TILES = [0, 1, 2, 3, 4, 5].flatMap((column) => [0, 1, 2].map((row) => `12/${column}_${row}`));
const tile = (node: number, name: string) => fetch(`${nodes.at(node).origin}/dzi/_/photo_files/${name}.jpg`);
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());
const conversions = () => nodes.sum('proofsheet_conversions_total');

async function objects(): Promise<ReadonlyMap<string, number>> {
  const client = s3.client();
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  client.destroy();
  return new Map(Contents.map(({ Key = '', Size = 0 }) => [Key, Size]));
}

it('makes it once for both, and reads slices of it', { timeout: 300_000 }, async () => {
  const photo = await encodedPhoto(3000, 1500);
  expect((await cache(nodes.at(0), 'photo', photo)).status).toBe(200);
  const [before, stored] = [await conversions(), await objects()];
  const answers = await Promise.all(TILES.flatMap((name) => [0, 1].map(async (node) => tile(node, name))));
  for (const answer of answers) {
    expect(answer.status).toBe(200);
    expect(answer.headers.get('etag')).toBe(`"${digestOf(await bytesOf(answer))}"`);
  }
  expect(await conversions()).toBe(before + 1);
  const made = [...(await objects())].filter(([name]) => !stored.has(name));
  expect(made).toHaveLength(1);
  const [[, bytes] = ['', 0]] = made;
  expect(bytes).toBeGreaterThan(50_000);
  // Who has not made it holds parts of it, nowhere the whole.
  const sizes = await Promise.all(nodes.directories.map(fileSizes));
  expect(sizes.filter((of) => of.includes(bytes)).length).toBeLessThanOrEqual(1);
});

it('serves it from a node that comes later, and goes with its picture', { timeout: 300_000 }, async () => {
  const before = await conversions();
  const late = await nodes.restart(1, 'SIGKILL');
  expect((await fetch(`${late.origin}/dzi/_/photo_files/12/1_1.jpg`)).status).toBe(200);
  expect(await conversions()).toBeLessThanOrEqual(before);
  const authorization = `Basic ${Buffer.from('admin:secret').toString('base64')}`;
  await fetch(`${late.url}/clearImagesByKey/photo`, { method: 'DELETE', headers: { Authorization: authorization } });
  for (const node of [0, 1])
    await until(async () => (await tile(node, '12/0_0')).status === 404, 'the picture is gone');
});

async function fileSizes(dir: string): Promise<readonly number[]> {
  const names = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (path) => (await stat(path).catch(() => ({ size: 0 }))).size));
}
