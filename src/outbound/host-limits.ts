// How many requests a host has at the same time, and whether it is asked at all after it has failed several times in a row. One
// host that hangs holds few places, and keeps nobody else waiting.
import { LRUCache } from 'lru-cache';
import type { Clock } from '../kernel/ports/clock.js';

export interface HostLimitsOptions {
  /** Requests at the same time, to all hosts. */
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
const MAX_HOSTS = 1_000;

interface Host {
  readonly places: Places;
  failures: number;
  restsUntil: number;
  onTrial: boolean;
}

export class HostLimits {
  private readonly hosts = new LRUCache<string, Host>({ max: MAX_HOSTS });
  private readonly all: Places;

  constructor(private readonly options: HostLimitsOptions) {
    this.all = new Places(options.total);
  }

  /** A place at `name`, to be left once. Rejects with `HostNotAsked`, or with the signal's reason. */
  async enter(name: string, signal: AbortSignal): Promise<Leave> {
    const { maxWaitMs, perHost, clock } = this.options;
    const host = this.hosts.get(name) ?? { places: new Places(perHost), failures: 0, restsUntil: 0, onTrial: false };
    this.hosts.set(name, host);
    this.checkRest(host);
    // The host's place first: who waits for a host that hangs takes none of the places that all share.
    const leaveHost = await host.places.enter(signal, maxWaitMs);
    const leaveAll = await this.all.enter(signal).catch((error: unknown) => {
      leaveHost();
      throw error;
    });
    let trial = false;
    try {
      this.checkRest(host);
      trial = host.failures >= this.options.failures;
      host.onTrial ||= trial;
    } catch (error) {
      leaveHost();
      leaveAll();
      throw error;
    }
    return (outcome) => {
      leaveHost();
      leaveAll();
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

/** So many at the same time, in the order they came. */
class Places {
  private taken = 0;
  private readonly waiting = new Set<() => void>();

  constructor(private readonly count: number) {}

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
