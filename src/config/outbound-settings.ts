// The settings of what is dialled because a user named it: where to, how long, how much. Sources by URL and webhooks.
import { parseAddressPort } from '../kernel/address-port.js';
import { parseHostRule } from '../kernel/source-url.js';
import { bytes, optional, parsedList, whole, wholes } from './kinds.js';
import { setting } from './setting.js';

const HOUR_MS = 3_600_000;
const HOSTS = 'list of 1 to 1000 entries HOST, HOST:PORT or *.DOMAIN';

export const FETCH = {
  allow: setting(
    'FETCH_ALLOW',
    optional(parsedList('list of 1 to 100 entries ADDRESS:PORT, IPv6 addresses in brackets', 100, parseAddressPort)),
    'Places that may be fetched from and called by webhooks although they are private or on another port; nothing beside these very addresses and ports.',
  ),
  ports: setting(
    'FETCH_PORTS',
    wholes('port numbers', 100, { min: 1, max: 65_535 }),
    'Ports of public addresses that may be fetched from and called by webhooks.',
  ),
  hosts: setting(
    'FETCH_HOSTS',
    optional(parsedList(HOSTS, 1_000, parseHostRule)),
    'Hosts that sources may be fetched from, at every redirect; unset is every public one. Tenants may narrow it.',
  ),
  deniedHosts: setting(
    'FETCH_DENIED_HOSTS',
    optional(parsedList(HOSTS, 1_000, parseHostRule)),
    'Hosts that are never fetched from nor called by webhooks.',
  ),
  maxRedirects: setting(
    'FETCH_MAX_REDIRECTS',
    whole('redirects', { min: 0, max: 20 }),
    'Redirects followed for one source; each is checked as the first URL was.',
  ),
  connectTimeoutMs: setting(
    'FETCH_CONNECT_TIMEOUT_MS',
    whole('ms', { min: 100, max: HOUR_MS }),
    'Time to find a host’s address and to connect, TLS included.',
  ),
  headersTimeoutMs: setting(
    'FETCH_HEADERS_TIMEOUT_MS',
    whole('ms', { min: 100, max: HOUR_MS }),
    'Time for a host to answer with its headers.',
  ),
  idleTimeoutMs: setting(
    'FETCH_IDLE_TIMEOUT_MS',
    whole('ms', { min: 100, max: HOUR_MS }),
    'The longest silence while a source is received from its host.',
  ),
  timeoutMs: setting(
    'FETCH_TIMEOUT_MS',
    whole('ms', { min: 100, max: HOUR_MS }),
    'Time for one source from its host, redirects included.',
  ),
  minBytesPerSecond: setting(
    'FETCH_MIN_BYTES_PER_SECOND',
    bytes({ min: 1, max: 2 ** 30 }),
    'Slowest that a host may send on average once 10 seconds have passed.',
  ),
  concurrency: setting(
    'FETCH_CONCURRENCY',
    whole('requests', { min: 1, max: 1_000 }),
    'Sources fetched at the same time per HTTP process.',
  ),
  hostConcurrency: setting(
    'FETCH_HOST_CONCURRENCY',
    whole('requests', { min: 1, max: 1_000 }),
    'Sources fetched at the same time from one host per HTTP process.',
  ),
  hostFailures: setting(
    'FETCH_HOST_FAILURES',
    whole('failures', { min: 1, max: 1_000 }),
    'Failures in a row after which a host is left alone for a while.',
  ),
  hostRestMs: setting(
    'FETCH_HOST_REST_MS',
    whole('ms', { min: 100, max: HOUR_MS }),
    'How long such a host is left alone before it is tried again.',
  ),
} as const;

export const WEBHOOKS = {
  timeoutMs: setting(
    'WEBHOOK_TIMEOUT_MS',
    whole('ms', { min: 100, max: 60_000 }),
    'Time for a receiver to take a webhook and to answer.',
  ),
} as const;
