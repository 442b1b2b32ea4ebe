// From the configuration to what the outbound room is given: its settings, and what it must never dial.
import { networkInterfaces } from 'node:os';
import type { Config } from './config/schema.js';
import type { AddressPort } from './kernel/address-port.js';
import { parseRedisUrl } from './kernel/redis-url.js';
import { type HostRule, parseHostRule } from './kernel/source-url.js';
import type { OutboundSettings } from './outbound/open-outbound.js';

export function outboundSettingsOf({
  fetch,
  webhooks,
  shared,
  telemetry,
}: Pick<Config, 'fetch' | 'webhooks' | 'shared' | 'telemetry'>): OutboundSettings {
  const { allow = [], hosts, deniedHosts = [] } = fetch;
  return {
    ...fetch,
    allow,
    deniedHosts: [...deniedHosts, ...backendsOf(shared)],
    ...(hosts !== undefined && { allowedHosts: hosts }),
    ...(telemetry.traceHosts !== undefined && { tracedHosts: telemetry.traceHosts }),
    webhookTimeoutMs: webhooks.timeoutMs,
  };
}

/** Every address of this machine at the ports that it listens on. Interfaces come and go, so it is asked each time. */
export function ownPlaces(ports: () => readonly number[]): () => readonly AddressPort[] {
  return () => {
    const addresses = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
    return ports().flatMap((port) => [...addresses, '0.0.0.0', '::'].map((address) => ({ address, port })));
  };
}

/** Redis and S3 by the names they are configured with; what stands at private addresses is shut anyway. */
function backendsOf({ redisUrl, jobsRedisUrl, s3Endpoint }: Config['shared']): readonly HostRule[] {
  const redis = [redisUrl, jobsRedisUrl].flatMap((url) => (url === undefined ? [] : parseRedisUrl(url).nodes));
  const named = redis.map(({ host, port }) => parseHostRule(`${host.includes(':') ? `[${host}]` : host}:${port}`));
  if (s3Endpoint === undefined) return named;
  const { protocol, hostname, port } = new URL(s3Endpoint);
  return [...named, parseHostRule(`${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`)];
}
