// What dials the hosts of tests: an outbound room with short deadlines, a DNS of the test's own, and a directory that shows what
// was left behind.
import { readdir } from 'node:fs/promises';
import type { Fetched, FetchRequest } from '../../src/kernel/ports/source-fetcher.js';
import {
  type Outbound,
  type OutboundPlaces,
  type OutboundSettings,
  openOutbound,
} from '../../src/outbound/open-outbound.js';
import { systemClock } from '../../src/telemetry/clock.js';
import { FakeLogger } from './fake-logger.js';
import { FakeMetrics } from './fake-metrics.js';

/** Generous, so that only what a test shortens can end anything. */
export const OUTBOUND: OutboundSettings = {
  allow: [],
  ports: [80, 443],
  deniedHosts: [],
  maxRedirects: 5,
  connectTimeoutMs: 20_000,
  headersTimeoutMs: 20_000,
  idleTimeoutMs: 20_000,
  timeoutMs: 60_000,
  minBytesPerSecond: 1,
  concurrency: 16,
  hostConcurrency: 4,
  hostFailures: 1_000,
  hostRestMs: 60_000,
  webhookTimeoutMs: 20_000,
};

export interface TestOutbound extends Outbound {
  readonly logger: FakeLogger;
  readonly metrics: FakeMetrics;
  /** Names that were looked up, in order. */
  readonly asked: readonly string[];
  ask(url: string, more?: Partial<FetchRequest>): Promise<Fetched>;
  /** Files in its directory. */
  files(): Promise<readonly string[]>;
}

/** `names`: what a name is resolved to, each time anew. */
export function startOutbound(
  dir: string,
  settings: Partial<OutboundSettings> = {},
  names: (name: string) => readonly string[] | Promise<readonly string[]> = () => [],
  places: Partial<OutboundPlaces> = {},
): TestOutbound {
  const [logger, metrics] = [new FakeLogger(), new FakeMetrics()];
  const asked: string[] = [];
  const outbound = openOutbound(
    { ...OUTBOUND, ...settings },
    {
      dir,
      userAgent: 'Proofsheet/test',
      clock: systemClock,
      logger,
      metrics,
      maxWaitMs: 20_000,
      async resolve(name) {
        asked.push(name);
        const addresses = await names(name);
        if (addresses.length === 0) throw Object.assign(new Error(`queryA ENOTFOUND ${name}`), { code: 'ENOTFOUND' });
        return addresses;
      },
      ...places,
    },
  );
  return {
    ...outbound,
    logger,
    metrics,
    asked,
    ask: (url, more = {}) =>
      outbound.fetcher.fetch({ url, maxBytes: 1_000_000, signal: new AbortController().signal, ...more }),
    files: () => readdir(dir),
  };
}
