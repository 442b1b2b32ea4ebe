// Puts this room together: one address policy for everything that is dialled because a user named it.
import type { AddressPort } from '../kernel/address-port.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import type { SourceFetcher } from '../kernel/ports/source-fetcher.js';
import type { Traces } from '../kernel/ports/traces.js';
import type { WebhookSender } from '../kernel/ports/webhook-sender.js';
import type { HostRule } from '../kernel/source-url.js';
import { AddressPolicy } from './address-policy.js';
import { HostLimits } from './host-limits.js';
import { HttpClient } from './http-client.js';
import { HttpSourceFetcher } from './http-source-fetcher.js';
import { HttpWebhookSender } from './http-webhook-sender.js';
import { createResolve, type Resolve } from './name-lookup.js';

/** As the settings have it; all times in ms unless said otherwise. */
export interface OutboundSettings {
  readonly allow: readonly AddressPort[];
  readonly ports: readonly number[];
  readonly allowedHosts?: readonly HostRule[];
  readonly deniedHosts: readonly HostRule[];
  /** Told by a header which trace a request belongs to. */
  readonly tracedHosts?: readonly HostRule[];
  readonly maxRedirects: number;
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly timeoutMs: number;
  /** Bytes, on average, once `slowGraceMs` have passed. */
  readonly minBytesPerSecond: number;
  readonly concurrency: number;
  readonly hostConcurrency: number;
  readonly hostFailures: number;
  readonly hostRestMs: number;
  readonly webhookTimeoutMs: number;
}

export interface OutboundPlaces {
  /** An existing directory for temp files. */
  readonly dir: string;
  /** Where this server listens itself: never dialled. */
  readonly own?: () => readonly AddressPort[];
  readonly userAgent: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Absent where nobody traces. */
  readonly traces?: Pick<Traces, 'within' | 'headers'>;
  /** In place of DNS. */
  readonly resolve?: Resolve;
  /** Certificates that are trusted beside the system's; PEM. */
  readonly ca?: string;
  /** How long a slow body is let be, and a busy host waited for; in ms. */
  readonly slowGraceMs?: number;
  readonly maxWaitMs?: number;
}

export interface Outbound {
  readonly fetcher: SourceFetcher;
  readonly sender: WebhookSender;
  /** Whether a URL with this port can be asked at all: what is to be known when it is accepted. */
  readonly permitsPort: (port: number) => boolean;
  close(): Promise<void>;
}

const SLOW_GRACE_MS = 10_000;
/** Long enough for a host that answers; who waits longer would keep a worker from other hosts. */
const MAX_WAIT_MS = 1_000;

export function openOutbound(settings: OutboundSettings, places: OutboundPlaces): Outbound {
  const { connectTimeoutMs, hostConcurrency, deniedHosts, webhookTimeoutMs } = settings;
  const { clock, dir, own, slowGraceMs = SLOW_GRACE_MS, maxWaitMs = MAX_WAIT_MS } = places;
  const policy = new AddressPolicy({ ...settings, ...(own !== undefined && { own }) });
  const { permitsPort } = policy;
  const shared = { permitsPort, deniedHosts, ...places };
  const client = (headersTimeoutMs: number, idleTimeoutMs: number) =>
    new HttpClient({
      policy,
      // A question to DNS that gets no answer is asked again within the time for the connection.
      resolve: places.resolve ?? createResolve({ timeoutMs: Math.ceil(connectTimeoutMs / 3) }),
      connectTimeoutMs,
      headersTimeoutMs,
      idleTimeoutMs,
      connectionsPerOrigin: hostConcurrency,
      ...(places.ca !== undefined && { ca: places.ca }),
      ...(places.traces && { traces: places.traces }),
      ...(settings.tracedHosts && { tracedHosts: settings.tracedHosts }),
    });
  const fetcher = new HttpSourceFetcher({
    ...shared,
    client: client(settings.headersTimeoutMs, settings.idleTimeoutMs),
    hosts: new HostLimits({
      total: settings.concurrency,
      perHost: hostConcurrency,
      maxWaitMs,
      failures: settings.hostFailures,
      restMs: settings.hostRestMs,
      clock,
    }),
    ...(settings.allowedHosts !== undefined && { allowedHosts: settings.allowedHosts }),
    maxRedirects: settings.maxRedirects,
    totalTimeoutMs: settings.timeoutMs,
    bodyLimits: { minBytesPerSecond: settings.minBytesPerSecond, graceMs: slowGraceMs },
    dir,
  });
  const sender = new HttpWebhookSender({
    ...shared,
    client: client(webhookTimeoutMs, webhookTimeoutMs),
    timeoutMs: webhookTimeoutMs,
  });
  return {
    fetcher,
    sender,
    permitsPort,
    async close() {
      await Promise.all([fetcher.close(), sender.close()]);
    },
  };
}
