// Opens stores on real Redis servers as compose.ts would, each with a prefix of its own, with fakes for logs and metrics.
import { randomUUID } from 'node:crypto';
import type { AgingClock } from '../../src/kernel/ports/clock.js';
import { openRedisStore, type RedisStore, type RedisStoreOptions } from '../../src/stores/redis/open-redis-store.js';
import { systemClock } from '../../src/telemetry/clock.js';
import { FakeLogger } from './fake-logger.js';
import { FakeMetrics } from './fake-metrics.js';
import { PATIENCE_MS } from './gate.js';

export const realClock: AgingClock = systemClock;

/** Where what a backend does is judged, not how fast it does it: a call has as long as a test waits for anything. */
export const PATIENT = {
  connectTimeoutMs: PATIENCE_MS,
  socketTimeoutMs: PATIENCE_MS,
  deadlines: { getMs: PATIENCE_MS, setMs: PATIENCE_MS, scriptMs: PATIENCE_MS },
} as const;

export interface TestStore extends RedisStore {
  readonly metrics: FakeMetrics;
  readonly logger: FakeLogger;
}

export function newPrefix(): string {
  return `test-${randomUUID()}:`;
}

export async function openTestStore(
  url: string,
  keyPrefix: string,
  options: Partial<RedisStoreOptions> = {},
): Promise<TestStore> {
  const metrics = new FakeMetrics();
  const logger = new FakeLogger();
  const store = await openRedisStore({
    url,
    keyPrefix,
    blobTtlSeconds: 3_600,
    maxBlobBytes: 8 << 20,
    maxSourceBytes: 8 << 20,
    clock: realClock,
    // A machine that runs other tests beside this one may take a while for a call.
    deadlines: { getMs: 5_000, setMs: 5_000, scriptMs: 5_000 },
    ...options,
    logger,
    metrics,
  });
  return { ...store, metrics, logger };
}
