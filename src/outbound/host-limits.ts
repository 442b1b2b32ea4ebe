// How many requests a host has at the same time, whatever its ports, and a domain whatever its hosts; and whether a host is asked at
// all after it has failed several times in a row. What hangs holds few places, and keeps nobody else waiting. A host that fails one
// context (a path that is shut, a rate that is its own) is left alone by that context only.
import { isIP } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { Context } from '../kernel/image-key.js';
import type { Clock } from '../kernel/ports/clock.js';

export interface HostLimitsOptions {
  /** Requests at the same time, to all hosts; half of them, and `perHost` at least, to those of one domain. */
  readonly total: number;
  readonly perHost: number;
  /** How long a request may wait for its host's place before it is sent back, in ms. */
  readonly maxWaitMs: number;
  /** Failures in a row after which the host is left alone. */
  readonly failures: number;
  /** For how long, in ms; then one request is let through as a trial. */
  readonly restMs: number;
  readonly clock: Clock;
}

/** `neither`: nothing can be said of the host, as when the request was given up. */
export type HostOutcome = 'good' | 'bad' | 'neither';
export type Leave = (outcome: HostOutcome) => void;

/** The host is not asked now. */
export class HostNotAsked extends Error {
  override readonly name = 'HostNotAsked';
  constructor(
    readonly why: 'busy' | 'resting',
    readonly retryAfterMs: number,
  ) {
    super(`the host is ${why}`);
  }
}

/** Those that were not asked for longest are forgotten, with what they did. */
const MAX_HOSTS = 10_000;

interface Host {
  failures: number;
  restsUntil: number;
  onTrial: boolean;
}

export class HostLimits {
  /** By context, host and port: what listens at another is another server. */
  private readonly hosts = new LRUCache<string, Host>({ max: MAX_HOSTS });
  /** By host, and by domain; those that nobody holds or waits for are forgotten. */
  private readonly ofHosts = new Map<string, Places>();
  private readonly ofDomains = new Map<string, Places>();
  private readonly all: Places;

  constructor(private readonly options: HostLimitsOptions) {
    this.all = new Places(options.total);
  }

  /** A place at the URL's host, to be left once. Rejects with `HostNotAsked`, or with the signal's reason. */
  async enter(
    { host: hostAndPort, hostname }: Pick<URL, 'host' | 'hostname'>,
    signal: AbortSignal,
    context: Context | undefined,
  ): Promise<Leave> {
    const { total, maxWaitMs, perHost, clock } = this.options;
    const name = JSON.stringify([hostAndPort, context]);
    const host = this.hosts.get(name) ?? { failures: 0, restsUntil: 0, onTrial: false };
    this.hosts.set(name, host);
    this.checkRest(host);
    // The narrower place first: who waits for a host that hangs takes none of the places that all share.
    const leaveHost = await placeIn(this.ofHosts, hostname, perHost, signal, maxWaitMs);
    const domain = domainOf(hostname);
    const perDomain = Math.max(perHost, Math.ceil(total / 2));
    const leaveDomain = await placeIn(this.ofDomains, domain, perDomain, signal, maxWaitMs).catch(leaving(leaveHost));
    const leaveAll = await this.all.enter(signal).catch(leaving(leaveDomain, leaveHost));
    const leavePlaces = (): void => {
      leaveHost();
      leaveDomain();
      leaveAll();
    };
    let trial = false;
    try {
      this.checkRest(host);
      trial = host.failures >= this.options.failures;
      host.onTrial ||= trial;
    } catch (error) {
      leavePlaces();
      throw error;
    }
    return (outcome) => {
      leavePlaces();
      if (trial) host.onTrial = false;
      if (outcome === 'good') host.failures = 0;
      if (outcome !== 'bad') return;
      host.failures++;
      if (host.failures >= this.options.failures) host.restsUntil = clock.monotonic() + this.options.restMs;
    };
  }

  private checkRest(host: Host): void {
    if (host.failures < this.options.failures) return;
    const leftMs = host.restsUntil - this.options.clock.monotonic();
    if (leftMs > 0) throw new HostNotAsked('resting', leftMs);
    if (host.onTrial) throw new HostNotAsked('resting', this.options.maxWaitMs);
  }
}

/**
 * The domain that a host is counted to: its last two labels, or three where these are short as in `co.uk`. No list of public suffixes,
 * so hosts of several owners may be counted together, as those of a large content network are: they share half of all places then.
 * An address is a domain of its own.
 */
export function domainOf(hostname: string): string {
  const name = hostname.replace(/\.$/, '');
  if (isIP(name.replace(/^\[|\]$/g, '')) !== 0) return name;
  const labels = name.split('.');
  const [second = '', top = ''] = labels.slice(-2);
  return labels.slice(top.length === 2 && second.length <= 3 ? -3 : -2).join('.');
}

/** A place of the `count` that all of one name share. */
async function placeIn(
  all: Map<string, Places>,
  name: string,
  count: number,
  signal: AbortSignal,
  maxWaitMs: number,
): Promise<() => void> {
  const places = all.get(name) ?? new Places(count);
  all.set(name, places);
  const forget = (): void => {
    if (places.isUnused) all.delete(name);
  };
  try {
    const leave = await places.enter(signal, maxWaitMs);
    return () => {
      leave();
      forget();
    };
  } catch (error) {
    forget();
    throw error;
  }
}

/** Throws on what it is given, once all of `places` have been left. */
function leaving(...places: readonly (() => void)[]): (error: unknown) => never {
  return (error) => {
    for (const leave of places) leave();
    throw error;
  };
}

/** So many at the same time, in the order they came. */
class Places {
  private taken = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly count: number) {}

  get isUnused(): boolean {
    return this.taken === 0 && this.waiting.size === 0;
  }

  async enter(signal: AbortSignal, maxWaitMs?: number): Promise<() => void> {
    signal.throwIfAborted();
    if (this.taken < this.count) this.taken++;
    else await this.turn(signal, maxWaitMs);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const [next] = this.waiting;
      // The place goes from hand to hand, so that nobody who comes in between takes it.
      if (next === undefined) this.taken--;
      else next();
    };
  }

  private turn(signal: AbortSignal, maxWaitMs: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => () => {
        this.waiting.delete(taken);
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        settle();
      };
      const taken = end(resolve);
      const aborted = end(() => reject(signal.reason));
      const timer =
        maxWaitMs === undefined
          ? undefined
          : setTimeout(
              end(() => reject(new HostNotAsked('busy', maxWaitMs))),
              maxWaitMs,
            );
      this.waiting.add(taken);
      signal.addEventListener('abort', aborted);
    });
  }
}
