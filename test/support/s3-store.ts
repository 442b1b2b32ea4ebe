// Opens the catalog on Redis with blobs on S3 as open-storage.ts does, under names of its own, with fakes for logs and metrics.
import { randomUUID } from 'node:crypto';
import type { Digest } from '../../src/kernel/digest.js';
import { openS3Blobs, type S3Blobs } from '../../src/stores/s3/open-s3-blobs.js';
import { newPrefix, openTestStore, realClock, type TestStore } from './redis-store.js';
import { CREDENTIALS, REGION, type S3Server } from './s3-server.js';

export const BUCKET = 'previews';

export interface TestS3Store {
  readonly redis: TestStore;
  readonly s3: S3Blobs;
  /** In front of every object's name. */
  readonly prefix: string;
  nameOf(digest: Digest): string;
  close(): Promise<void>;
}

export interface TestS3Options {
  readonly keyPrefix?: string;
  readonly prefix?: string;
  readonly graceMs?: number;
}

export async function openTestS3Store(
  redisUrl: string,
  server: S3Server,
  { keyPrefix = newPrefix(), prefix = `${randomUUID()}/`, graceMs = 3_600_000 }: TestS3Options = {},
): Promise<TestS3Store> {
  let swept: (digests: readonly Digest[]) => Promise<void> = async () => {};
  const redis = await openTestStore(redisUrl, keyPrefix, { onSwept: (digests) => swept(digests) });
  const s3 = await openS3Blobs({
    bucket: BUCKET,
    endpoint: server.endpoint,
    region: REGION,
    credentials: CREDENTIALS,
    prefix,
    marks: redis.marks,
    maxSourceBytes: 64 << 20,
    graceMs,
    clock: realClock,
    logger: redis.logger,
    metrics: redis.metrics,
  });
  swept = s3.swept;
  return {
    redis,
    s3,
    prefix,
    nameOf: (digest) => `${prefix}${digest}`,
    close: async () => {
      await s3.blobs.close();
      await redis.close();
    },
  };
}
