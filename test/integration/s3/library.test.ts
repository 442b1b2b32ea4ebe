// Originals of the library on a real S3-compatible service (OpenStack Swift), their records in Redis: the contract, and that neither what is
// swept of the cache nor the search for unneeded objects touches them.
import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { assetsContract } from '../../contracts/assets.contract.js';
import { uploadsContract } from '../../contracts/uploads.contract.js';
import { openRedisLibrarySubject } from '../../support/redis-library.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { S3Server } from '../../support/s3-server.js';
import { BUCKET, openTestS3Store } from '../../support/s3-store.js';

let redis: RedisServers;
let server: S3Server;

beforeAll(async () => {
  [redis, server] = await Promise.all([startStandalone(), S3Server.start([BUCKET])]);
}, 300_000);

afterAll(async () => {
  await server?.stop();
  await redis?.stop();
});

async function open() {
  const store = await openTestS3Store(redis.url, server, { graceMs: 0 });
  const { close, ...opened } = await openRedisLibrarySubject(redis.url, { bytes: store.s3.originals });
  return {
    ...opened,
    store,
    close: async () => {
      await close();
      await store.close();
    },
  };
}

assetsContract('the library with originals on S3', open);
uploadsContract('the library with originals on S3', open);

test('the search for objects that nobody needs passes originals over, and one that is damaged is told and replaced', async () => {
  const { subject, store, close } = await open();
  const client = server.client();
  const original = await subject.keep('an original that is not small'.repeat(1_000));
  const names = async () => {
    const listed = await client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: store.prefix }));
    return (listed.Contents ?? []).map(({ Key = '' }) => Key.slice(store.prefix.length));
  };
  expect(await names()).toEqual([expect.stringMatching(new RegExp(`^originals/${original.digest}-`))]);
  expect(await store.s3.sweepOrphans()).toBe(0);
  expect(await subject.peer.originals.isWhole(original)).toBe(true);
  const [name = ''] = await names();
  const Body = Buffer.alloc(original.bytes);
  await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: `${store.prefix}${name}`, Body }));
  expect(await subject.originals.isWhole(original)).toBe(false);
  await expect(
    (async () => {
      for await (const _ of (await subject.originals.read(original, 0, original.bytes)) ?? []);
    })(),
  ).rejects.toThrow('damaged');
  await subject.keep('an original that is not small'.repeat(1_000));
  expect(await subject.peer.originals.isWhole(original)).toBe(true);
  client.destroy();
  await close();
});
