// Token buckets by name: a rate with a burst, for as many names as fit. Own, because the middleware at hand counts in fixed
// windows, keeps every name of a window, and writes answers of its own.
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../kernel/ports/clock.js';

/** Names remembered; one that is forgotten starts with a full bucket, so a flood of names only forgets idle ones first. */
const MAX_NAMES = 20_000;

interface Bucket {
  tokens: number;
  /** Monotonic ms of the last refill. */
  at: number;
}

export class TokenBuckets {
  private readonly buckets = new LRUCache<string, Bucket>({ max: MAX_NAMES });

  /** `perSecond` more than 0; `burst` 1 or more: tokens of a bucket that was not used for a while. */
  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    private readonly clock: Clock,
  ) {}

  /** Takes so many tokens, at most all that a bucket holds, and returns 0, or takes none and returns the seconds until there are so many. */
  take(name: string, tokens = 1): number {
    const bucket = this.refilled(name);
    const due = Math.min(tokens, this.burst);
    const wait = this.waitOf(bucket, due);
    if (wait === 0) bucket.tokens -= due;
    return wait;
  }

  /** Seconds until `take` would find a token; 0 when there is one. */
  wait(name: string): number {
    return this.waitOf(this.refilled(name), 1);
  }

  private waitOf({ tokens }: Bucket, due: number): number {
    return tokens >= due ? 0 : (due - tokens) / this.perSecond;
  }

  private refilled(name: string): Bucket {
    const now = this.clock.monotonic();
    const bucket = this.buckets.get(name) ?? { tokens: this.burst, at: now };
    bucket.tokens = Math.min(this.burst, bucket.tokens + ((now - bucket.at) / 1_000) * this.perSecond);
    bucket.at = now;
    this.buckets.set(name, bucket);
    return bucket;
  }
}
