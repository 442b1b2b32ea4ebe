// Blobs in a bucket whose every answer a test gives itself.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openS3Blobs, type S3Blobs } from '../../src/stores/s3/open-s3-blobs.js';
import { FakeClock } from './fake-clock.js';
import { FakeLogger } from './fake-logger.js';
import { FakeMetrics } from './fake-metrics.js';

/** Has `server` listen; the caller closes both. */
export async function openS3ByHand(server: Server, maxSourceBytes: number): Promise<S3Blobs> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return openS3Blobs({
    bucket: 'bucket',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'here',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    prefix: 'p/',
    marks: { add: async () => {}, remove: async () => {}, prolong: () => {}, unneeded: async () => [] },
    maxSourceBytes,
    graceMs: 1_000,
    clock: new FakeClock(),
    logger: new FakeLogger(),
    metrics: new FakeMetrics(),
  });
}
