// Opens the blobs on S3: client, requests, store and clean-up. Loaded only where a bucket is configured, because the SDK
// takes its time to load.
import { S3Client } from '@aws-sdk/client-s3';
import type { Digest } from '../../kernel/digest.js';
import type { BlobStore } from '../../kernel/ports/blobs.js';
import type { AgingClock } from '../../kernel/ports/clock.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { BlobMarks } from '../blob-marks.js';
import type { OriginalBytes } from '../original-bytes.js';
import { S3BlobStore } from './s3-blob-store.js';
import { answerOf, failureOf } from './s3-failures.js';
import { S3Objects } from './s3-objects.js';
import { ORIGINALS_PREFIX, S3OriginalBytes } from './s3-original-bytes.js';
import { S3Requests } from './s3-requests.js';
import { UnneededObjects } from './unneeded-objects.js';

export interface S3BlobsOptions {
  readonly bucket: string;
  /** `http(s)://host[:port]`; absent: AWS. Then the bucket's name goes into the host's. */
  readonly endpoint?: string;
  readonly region: string;
  /** Absent: found the AWS way (environment, profile, the machine's role). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** In front of every object's name; one deployment's alone. */
  readonly prefix: string;
  readonly marks: BlobMarks;
  readonly maxSourceBytes: number;
  readonly graceMs: number;
  readonly clock: AgingClock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface S3Blobs {
  readonly blobs: BlobStore;
  /** For a library whose originals are kept here. */
  readonly originals: OriginalBytes;
  state(): 'up' | 'down';
  /** To be told what the catalog swept. Never rejects. */
  swept(digests: readonly Digest[]): Promise<void>;
  /** Looks at some objects, and deletes those that nobody needs. Resolves with how many. */
  sweepOrphans(): Promise<number>;
}

/** Open connections, all kept for the next request. */
const MAX_SOCKETS = 64;
const CONNECT_MS = 1_000;
const KEEP_ALIVE_MS = 5_000;
const OPEN_WAIT_MS = 3_000;

const say = (): void => undefined;
/** Without any the SDK writes plain lines to standard error. What failed is told by who asked for it. */
const SILENT = { trace: say, debug: say, info: say, warn: say, error: say };

/**
 * Resolves once the bucket was asked for. A service that does not answer is waited for by every request; one that says no
 * to the bucket or to our credentials throws, saying what to look at.
 */
export async function openS3Blobs(options: S3BlobsOptions): Promise<S3Blobs> {
  const { bucket, endpoint, region, credentials, prefix, clock, logger } = options;
  const agent = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxSockets: MAX_SOCKETS };
  const client = new S3Client({
    region,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(credentials && { credentials }),
    // Attempts, pauses and deadlines are ours, because a stream has to be opened anew for each.
    maxAttempts: 1,
    // Not every service knows the newer checksums; ours is the digest, which is checked on every read.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT_MS, httpAgent: agent, httpsAgent: agent },
    logger: SILENT,
  });
  const requests = new S3Requests(clock);
  const objects = new S3Objects(client, requests, bucket, prefix);
  const close = () => {
    requests.close();
    client.destroy();
  };
  try {
    await objects.checkBucket(AbortSignal.timeout(OPEN_WAIT_MS));
  } catch (error) {
    if (failureOf(error) !== 'away') {
      close();
      throw new Error(
        `expected the bucket ${bucket} at ${endpoint ?? `AWS in ${region}`} to be there and ours to use, got ` +
          `${answerOf(error).status} ${answerOf(error).name}: check bucket, region, endpoint, credentials and rights`,
        { cause: error },
      );
    }
    logger.warn({ error }, 'the S3 service does not answer; it is asked again with every request');
  }
  const unneeded = new UnneededObjects({ ...options, objects });
  return {
    originals: new S3OriginalBytes(new S3Objects(client, requests, bucket, `${prefix}${ORIGINALS_PREFIX}`)),
    blobs: new S3BlobStore({ ...options, objects, onClose: close }),
    state: () => (requests.isUp ? 'up' : 'down'),
    swept: (digests) => unneeded.swept(digests),
    sweepOrphans: () => unneeded.search(),
  };
}
