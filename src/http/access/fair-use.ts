// How much one client and one context may ask for at the edge: uploads per second and at the same time, failed logins.
// Everything here is counted per HTTP process, before a body is read.
import type { Request, Response } from 'express';
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

export interface FairUse extends LoginAttempts {
  /** Counts an upload until its response is closed. Throws `over-quota`, and then counts nothing. */
  admitUpload(request: Request, response: Response, context: Context): void;
}

export function createFairUse(limits: FairUseLimits, clock: Clock): FairUse {
  const clients = new UploadBound(limits.clientUploadsPerSecond, limits.clientUploads, 'this client', clock);
  const contexts = new UploadBound(limits.contextUploadsPerSecond, limits.contextUploads, 'this context', clock);
  const { loginFailuresPerMinute } = limits;
  const failures =
    loginFailuresPerMinute > 0
      ? new TokenBuckets(loginFailuresPerMinute / 60, loginFailuresPerMinute, clock)
      : undefined;
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
    check(request) {
      const wait = failures?.wait(clientOf(request.ip)) ?? 0;
      if (wait > 0) throw overQuota('too many logins of this client failed', wait);
    },
    failed(request) {
      failures?.take(clientOf(request.ip));
    },
  };
}

/** Uploads of each of many: a rate, and a number at once. */
class UploadBound {
  private readonly rate: TokenBuckets | undefined;
  /** As many as there are uploads in flight. */
  private readonly underWay = new Map<string, number>();

  constructor(
    perSecond: number,
    private readonly atOnce: number,
    private readonly whose: string,
    clock: Clock,
  ) {
    this.rate = perSecond > 0 ? new TokenBuckets(perSecond, Math.max(1, perSecond * BURST_SECONDS), clock) : undefined;
  }

  /** Returns what ends it. */
  begin(name: string): () => void {
    const count = this.underWay.get(name) ?? 0;
    if (this.atOnce > 0 && count >= this.atOnce)
      throw overQuota(`expected at most ${this.atOnce} uploads at once from ${this.whose}`, IN_FLIGHT_RETRY_SECONDS);
    const wait = this.rate?.take(name) ?? 0;
    if (wait > 0) throw overQuota(`too many uploads per second from ${this.whose}`, wait);
    this.underWay.set(name, count + 1);
    return () => {
      const left = (this.underWay.get(name) ?? 1) - 1;
      if (left > 0) this.underWay.set(name, left);
      else this.underWay.delete(name);
    };
  }
}

function overQuota(why: string, waitSeconds: number): ProofsheetError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitSeconds));
  return new ProofsheetError('over-quota', `${why}; try again in ${retryAfterSeconds} s`, { retryAfterSeconds });
}
