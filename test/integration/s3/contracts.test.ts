// The blob and catalog contracts with blobs on a real S3-compatible service (OpenStack Swift) and the catalog on Redis.
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll } from 'vitest';
import type { Digest } from '../../../src/kernel/digest.js';
import { blobStoreContract, damagedBlobContract } from '../../contracts/blob-store.contract.js';
import { catalogContract } from '../../contracts/catalog.contract.js';
import { fairEvictionContract } from '../../contracts/fair-eviction.contract.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, realClock } from '../../support/redis-store.js';
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

blobStoreContract('blobs on S3', async () => {
  const store = await openTestS3Store(redis.url, server);
  return { subject: { blobs: store.s3.blobs, maxPreviewBytes: 64 << 20 }, close: () => store.close() };
});

damagedBlobContract('blobs on S3', async () => {
  const store = await openTestS3Store(redis.url, server);
  const client = server.client();
  const change = async (digest: Digest, damage: (bytes: Buffer) => Buffer) => {
    const name = { Bucket: BUCKET, Key: store.nameOf(digest) };
    const { Body } = await client.send(new GetObjectCommand(name));
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
    await client.send(new PutObjectCommand({ ...name, Body: damage(bytes) }));
  };
  return {
    subject: {
      blobs: store.s3.blobs,
      flipBit: (digest) =>
        change(digest, (bytes) => {
          bytes[77] = (bytes[77] ?? 0) ^ 1;
          return bytes;
        }),
      truncate: (digest) => change(digest, (bytes) => bytes.subarray(0, -1)),
    },
    close: async () => {
      client.destroy();
      await store.close();
    },
  };
});

const openCatalog = async () => {
  const names = { keyPrefix: newPrefix(), prefix: newPrefix().replace(':', '/') };
  const [store, peer] = await Promise.all([
    openTestS3Store(redis.url, server, names),
    openTestS3Store(redis.url, server, names),
  ]);
  return {
    subject: {
      catalog: store.redis.catalog,
      fair: store.redis.fair,
      peer: peer.redis.catalog,
      peerFair: peer.redis.fair,
      blobs: store.s3.blobs,
      clock: realClock,
    },
    close: async () => void (await Promise.all([store.close(), peer.close()])),
  };
};
catalogContract('a catalog on Redis with blobs on S3', openCatalog);
fairEvictionContract('a catalog on Redis with blobs on S3', openCatalog);
