// How much one client and one context may ask for at the edge: uploads per second and at the same time, failed logins.
// Everything here is counted per HTTP process, before a body is read.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Request, Response } from 'express';
import { LRUCache } from 'lru-cache';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Context } from '../../kernel/image-key.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { LoginAttempts } from './admin-guard.js';
import { clientOf } from './client-address.js';
import { TokenBuckets } from './token-buckets.js';

/** 0 sets no limit anywhere. */
export interface FairUseLimits {
  readonly clientUploadsPerSecond: number;
  /** Uploads of one client that are not answered yet. */
  readonly clientUploads: number;
  readonly contextUploadsPerSecond: number;
  /** Uploads of one context that are not answered yet. */
  readonly contextUploads: number;
  readonly loginFailuresPerMinute: number;
}

export const NO_LIMITS: FairUseLimits = {
  clientUploadsPerSecond: 0,
  clientUploads: 0,
  contextUploadsPerSecond: 0,
  contextUploads: 0,
  loginFailuresPerMinute: 0,
};

/** An idle bucket holds this many seconds' worth. */
const BURST_SECONDS = 2;
/** Advice for those who have too much under way: a conversion takes about that. */
const IN_FLIGHT_RETRY_SECONDS = 1;

/** Of one client, not answered yet: a page shows a few of them, and none needs more than one connection's worth. */
const DRAWINGS_AT_ONCE = 3;

export interface FairUse extends LoginAttempts {
  /** Counts an upload until its response is closed. Throws `over-quota`, and then counts nothing. */
  admitUpload(request: Request, response: Response, context: Context): void;
  /** The same of a request that has a picture drawn without an upload; contexts have a quota of their own (`createDrawingQuota`). */
  admitDrawing(request: Request, response: Response): void;
}

/** `limits` is asked for every request, so that they can be replaced while the server runs. */
export function createFairUse(limits: () => FairUseLimits, clock: Clock): FairUse {
  const clients = new AtOnceBound(
    () => ({ perSecond: limits().clientUploadsPerSecond, atOnce: limits().clientUploads }),
    'uploads',
    'this client',
    clock,
  );
  const drawings = new AtOnceBound(
    () => ({ perSecond: 0, atOnce: DRAWINGS_AT_ONCE }),
    'pictures of this kind',
    'this client',
    clock,
  );
  const contexts = new AtOnceBound(
    () => ({ perSecond: limits().contextUploadsPerSecond, atOnce: limits().contextUploads }),
    'uploads',
    'this context',
    clock,
  );
  const failures = perMinuteOf(() => limits().loginFailuresPerMinute, clock);
  return {
    admitUpload(request, response, context) {
      const releaseClient = clients.begin(clientOf(request.ip));
      try {
        const releaseContext = contexts.begin(context);
        response.once('close', () => {
          releaseClient();
          releaseContext();
        });
      } catch (error) {
        releaseClient();
        throw error;
      }
    },
    admitDrawing(request, response) {
      response.once('close', drawings.begin(clientOf(request.ip)));
    },
    check(request) {
      const wait = failures()?.wait(clientOf(request.ip)) ?? 0;
      if (wait > 0) throw overQuota('too many logins of this client failed', wait);
    },
    failed(request) {
      failures()?.take(clientOf(request.ip));
    },
  };
}

/** Requests of one kind of each of many: a rate, and a number at once. */
class AtOnceBound {
  private readonly rate: () => TokenBuckets | undefined;
  /** As many as there are such requests in flight. */
  private readonly underWay = new Map<string, number>();

  constructor(
    private readonly limits: () => { readonly perSecond: number; readonly atOnce: number },
    private readonly what: string,
    private readonly whose: string,
    clock: Clock,
  ) {
    this.rate = bucketsOf(
      () => limits().perSecond,
      (perSecond) => new TokenBuckets(perSecond, Math.max(1, perSecond * BURST_SECONDS), clock),
    );
  }

  /** Returns what ends it. */
  begin(name: string): () => void {
    const count = this.underWay.get(name) ?? 0;
    const { atOnce } = this.limits();
    if (atOnce > 0 && count >= atOnce)
      throw overQuota(`expected at most ${atOnce} ${this.what} at once from ${this.whose}`, IN_FLIGHT_RETRY_SECONDS);
    const wait = this.rate()?.take(name) ?? 0;
    if (wait > 0) throw overQuota(`too many ${this.what} per second from ${this.whose}`, wait);
    this.underWay.set(name, count + 1);
    return () => {
      const left = (this.underWay.get(name) ?? 1) - 1;
      if (left > 0) this.underWay.set(name, left);
      else this.underWay.delete(name);
    };
  }
}

/** Buckets of the rate that holds now, full after a change of it; `undefined` while it is 0, which sets no limit. */
function bucketsOf(rateNow: () => number, make: (rate: number) => TokenBuckets): () => TokenBuckets | undefined {
  let rate = 0;
  let buckets: TokenBuckets | undefined;
  return () => {
    const now = rateNow();
    if (now !== rate) buckets = now > 0 ? make(now) : undefined;
    rate = now;
    return buckets;
  };
}

function perMinuteOf(rateNow: () => number, clock: Clock): () => TokenBuckets | undefined {
  return bucketsOf(rateNow, (perMinute) => new TokenBuckets(perMinute / 60, perMinute, clock));
}

/** What is drawn on the way to one picture counts as one, and again each time it comes to so much more. */
const PIXELS_OF_A_PICTURE = 4_000_000;

/**
 * How many new pictures of known sources a context may have drawn; 0 sets no limit. Throws `over-quota`, or returns what rejects with it:
 * a context that is refused again and again is told so later and later, so that its refusals take no processor from the others.
 */
export function createDrawingQuota(
  perMinute: () => number,
  clock: Clock,
): (context: Context, pixels: number) => undefined | Promise<never> {
  const rate = perMinuteOf(perMinute, clock);
  const pace = new RefusalPace(clock);
  return (context, pixels) => {
    const wait = rate()?.take(context, Math.max(1, Math.floor(pixels / PIXELS_OF_A_PICTURE))) ?? 0;
    if (wait === 0) return undefined;
    const refusal = overQuota('too many new pictures per minute in this context', wait);
    const laterMs = pace.laterMs(context);
    if (laterMs === 0) throw refusal;
    return sleep(laterMs).then(() => {
      throw refusal;
    });
  };
}

/** Refusals of one context a second: 250 of them take a twentieth of a core. */
const REFUSALS_PER_SECOND = 250;
/** So many are told at once, as a page full of pictures asks for them. */
const REFUSALS_AT_ONCE = 100;
/** None is held back longer, however many wait. */
const MAX_REFUSAL_DELAY_MS = 1_000;
const MAX_PACED = 20_000;

/** Spreads the refusals of each of many over time. */
export class RefusalPace {
  /** Monotonic ms of each one's latest refusal. */
  private readonly latest = new LRUCache<string, number>({ max: MAX_PACED });

  constructor(private readonly clock: Clock) {}

  /** Takes the next moment for a refusal of `name`; ms until then, 0 to 1,000. */
  laterMs(name: string): number {
    const now = this.clock.monotonic();
    const step = 1_000 / REFUSALS_PER_SECOND;
    const earliest = now - REFUSALS_AT_ONCE * step;
    const at = Math.min(Math.max(this.latest.get(name) ?? earliest, earliest) + step, now + MAX_REFUSAL_DELAY_MS);
    this.latest.set(name, at);
    return Math.max(0, at - now);
  }
}

function overQuota(why: string, waitSeconds: number): ProofsheetError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitSeconds));
  return new ProofsheetError('over-quota', `${why}; try again in ${retryAfterSeconds} s`, { retryAfterSeconds });
}
