// Sources by URL: the port SourceFetcher over HTTP. Follows redirects itself and checks each hop as if it were the first; what
// comes is written to a temp file and believed in nothing but its bytes.
import { randomUUID } from 'node:crypto';
import { link, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asProofsheetError, ProofsheetError } from '../kernel/errors.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import type { Fetched, FetchFailure, FetchRequest, SourceFetcher } from '../kernel/ports/source-fetcher.js';
import { type HostRule, isListed, loggedUrl, parseSourceUrl, type UrlFault } from '../kernel/source-url.js';
import {
  conditionsOf,
  fileNameOf,
  mediaTypeOf,
  retryAfterMs,
  tooLarge,
  validatorsOf,
  verdictOf,
} from './answer-rules.js';
import { type BodyLimits, BodyTooLarge, writeBody } from './body-file.js';
import { type HostLimits, HostNotAsked, type HostOutcome } from './host-limits.js';
import type { Answer, HttpClient } from './http-client.js';
import { DeadlinePassed, networkFaultOf } from './network-faults.js';
import { SharedFlights } from './shared-flights.js';
import { unlessAborted } from './unless-aborted.js';

export interface SourceFetcherOptions {
  readonly client: HttpClient;
  readonly hosts: HostLimits;
  /** Whether some address may be asked at a port. */
  readonly permitsPort: (port: number) => boolean;
  /** Hosts that may be asked by anybody; absent: all public ones. */
  readonly allowedHosts?: readonly HostRule[];
  /** Hosts that nobody may ask. */
  readonly deniedHosts: readonly HostRule[];
  readonly maxRedirects: number;
  /** For everything but waiting for the host's place, in ms. */
  readonly totalTimeoutMs: number;
  readonly bodyLimits: Omit<BodyLimits, 'maxBytes'>;
  readonly userAgent: string;
  /** An existing directory for temp files. */
  readonly dir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Ends a fetch with a failure that is told. */
class Refused extends Error {
  override readonly name = 'Refused';
  constructor(readonly failure: FetchFailure) {
    super(failure.message);
  }
}

export class HttpSourceFetcher implements SourceFetcher {
  private readonly flights = new SharedFlights<Fetched>(async (fetched) => {
    if (fetched.kind !== 'fetched') return;
    await rm(fetched.file.path, { force: true }).catch((error: unknown) =>
      this.options.logger.warn({ error }, 'a temp file could not be removed; it goes at the next start'),
    );
  });
  private readonly closing = new AbortController();

  constructor(private readonly options: SourceFetcherOptions) {}

  async fetch(request: FetchRequest): Promise<Fetched> {
    const { signal, ...asked } = request;
    signal.throwIfAborted();
    // Whoever asks for the same at the same time gets it.
    const { context: _, ...wanted } = asked;
    const flight = this.flights.join(JSON.stringify(wanted), (flightSignal) =>
      this.fly({ ...asked, signal: AbortSignal.any([flightSignal, this.closing.signal]) }),
    );
    try {
      const fetched = await unlessAborted(flight.result, signal);
      return fetched.kind === 'fetched' && !flight.takeOver() ? await this.withOwnFile(fetched) : fetched;
    } finally {
      flight.leave();
    }
  }

  async close(): Promise<void> {
    this.closing.abort(new Error('the server is stopping'));
    await this.options.client.close();
  }

  /** The same with a name of the file that is nobody else's. */
  private async withOwnFile(fetched: Extract<Fetched, { kind: 'fetched' }>): Promise<Fetched> {
    const path = this.newPath();
    await link(fetched.file.path, path).catch((error: unknown) => {
      throw asProofsheetError(error);
    });
    return { ...fetched, file: { ...fetched.file, path } };
  }

  private newPath(): string {
    return join(this.options.dir, `${randomUUID()}.fetched`);
  }

  private async fly(request: FetchRequest): Promise<Fetched> {
    const { clock, metrics, logger } = this.options;
    const startedAt = clock.monotonic();
    const fetched = await this.follow(request).catch((error: unknown) => {
      if (error instanceof Refused) return error.failure;
      throw error;
    });
    const seconds = (clock.monotonic() - startedAt) / 1_000;
    const outcome = fetched.kind === 'failed' ? (fetched.wasTried ? fetched.reason : 'not-tried') : fetched.kind;
    metrics.count('fetches_total', { outcome });
    metrics.observe('fetch_duration_seconds', seconds);
    if (fetched.kind === 'fetched') metrics.count('fetched_bytes_total', {}, fetched.file.bytes);
    const url = URL.canParse(request.url) ? loggedUrl(new URL(request.url)) : {};
    const status = fetched.kind === 'failed' ? fetched.status : undefined;
    logger.debug({ ...url, outcome, seconds, ...(status !== undefined && { status }) }, 'a source was asked for');
    return fetched;
  }

  private async follow(request: FetchRequest): Promise<Fetched> {
    const { maxRedirects, totalTimeoutMs } = this.options;
    const total = new AbortController();
    const signal = AbortSignal.any([request.signal, total.signal]);
    let timer: NodeJS.Timeout | undefined;
    try {
      let url = this.checked(request.url, request.allowedHosts);
      for (let redirects = 0; ; redirects++) {
        const leave = await this.options.hosts.enter(url, signal, request.context);
        timer ??= setTimeout(() => total.abort(new DeadlinePassed('the fetch took too long')), totalTimeoutMs);
        let outcome: HostOutcome = 'neither';
        try {
          const hop = await this.ask(url, { ...request, signal });
          outcome = hop.kind === 'failed' && hop.isTransient ? 'bad' : 'good';
          if (hop.kind !== 'redirect') return hop;
          if (redirects >= maxRedirects)
            throw refusal('too-many-redirects', `more than ${maxRedirects} redirects`, hop.status);
          url = this.next(url, hop.location, request.allowedHosts);
        } catch (error) {
          if (!request.signal.aborted && isOfHost(error)) outcome = 'bad';
          throw error;
        } finally {
          leave(outcome);
        }
      }
    } catch (error) {
      throw this.told(error, request.signal);
    } finally {
      clearTimeout(timer);
    }
  }

  /** One request. The answer is read to its end or given up. */
  private async ask(
    url: URL,
    request: FetchRequest,
  ): Promise<Fetched | { readonly kind: 'redirect'; readonly location: string; readonly status: number }> {
    const { client, userAgent, clock, bodyLimits } = this.options;
    const conditions = conditionsOf(request.validators, url);
    const answer = await client.ask({
      method: 'GET',
      url,
      headers: { 'user-agent': userAgent, accept: 'image/*', ...conditions },
      signal: request.signal,
    });
    const { statusCode: status } = answer;
    const verdict = verdictOf(answer, request.maxBytes, Object.keys(conditions).length > 0);
    if (verdict.kind !== 'body') {
      answer.body.destroy();
      if (verdict.kind === 'redirect') return { ...verdict, status };
      if (verdict.kind === 'not-modified') return verdict;
      const wait = verdict.isTransient ? retryAfterMs(answer, clock.now()) : undefined;
      return { ...verdict, status, wasTried: true, ...(wait !== undefined && { retryAfterMs: wait }) };
    }
    const path = this.newPath();
    const limits = { ...bodyLimits, maxBytes: request.maxBytes };
    const written = await writeBody(answer.body, path, limits, clock);
    if (written.bytes > 0) return this.fetchedOf(answer, url, { path, ...written });
    await rm(path, { force: true });
    throw refusal('not-an-image', 'the answer is empty', status);
  }

  private fetchedOf(answer: Answer, url: URL, written: Extract<Fetched, { kind: 'fetched' }>['file']): Fetched {
    const [fileName, contentType, validators] = [fileNameOf(answer), mediaTypeOf(answer), validatorsOf(answer, url)];
    return {
      kind: 'fetched',
      file: { ...written, ...(fileName !== undefined && { fileName }) },
      ...(contentType !== undefined && { contentType }),
      ...(validators !== undefined && { validators }),
    };
  }

  private next(from: URL, location: string, allowedHosts: readonly HostRule[] | undefined): URL {
    if (!URL.canParse(location, from.href)) throw refusal('source-refused', 'a redirect leads nowhere');
    const to = new URL(location, from);
    if (from.protocol === 'https:' && to.protocol === 'http:')
      throw refusal('scheme-forbidden', 'a redirect leads from https to http');
    return this.checked(to.href, allowedHosts);
  }

  /** The URL, if it may be asked as far as its text says. */
  private checked(text: string, allowedHosts: readonly HostRule[] | undefined): URL {
    const { permitsPort, deniedHosts } = this.options;
    const url = parseSourceUrl(text, permitsPort);
    if (typeof url === 'string') throw refusalOf(url);
    const lists = [allowedHosts, this.options.allowedHosts].filter((list) => list !== undefined);
    if (isListed(url, deniedHosts) || !lists.every((list) => isListed(url, list)))
      throw refusal('address-forbidden', 'the host is blocked by policy');
    return url;
  }

  /** What is thrown on: a failure that is told, the reason of an abort, or a fault of ours. */
  private told(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    if (error instanceof Refused || error instanceof ProofsheetError) return error;
    if (error instanceof HostNotAsked) {
      const message = `the host is ${error.why === 'busy' ? 'busy with other requests' : 'left alone after failures'}`;
      return new Refused({
        kind: 'failed',
        reason: 'source-unavailable',
        message,
        isTransient: true,
        wasTried: false,
        isBusy: error.why === 'busy',
        retryAfterMs: error.retryAfterMs,
      });
    }
    if (error instanceof BodyTooLarge) return new Refused({ ...tooLarge(0), message: error.message, wasTried: true });
    const { reason, message, isKnown } = networkFaultOf(error);
    if (!isKnown) this.options.logger.warn({ error }, 'a source could not be fetched, for an unknown reason');
    const isTransient = reason !== 'address-forbidden';
    return new Refused({ kind: 'failed', reason, message, isTransient, wasTried: true });
  }
}

/** Whether the host is to blame for a failure that may pass. */
function isOfHost(error: unknown): boolean {
  if (error instanceof ProofsheetError || error instanceof Refused || error instanceof BodyTooLarge) return false;
  return networkFaultOf(error).reason !== 'address-forbidden';
}

function refusal(reason: FetchFailure['reason'], message: string, status?: number): Refused {
  return new Refused({
    kind: 'failed',
    reason,
    message,
    isTransient: false,
    wasTried: true,
    ...(status !== undefined && { status }),
  });
}

function refusalOf(fault: UrlFault): Refused {
  switch (fault) {
    case 'scheme':
      return refusal('scheme-forbidden', 'the URL is neither of http nor of https');
    case 'port':
      return refusal('address-forbidden', 'the port is blocked by policy');
    default:
      return refusal('source-refused', 'the URL, or one it leads to, cannot be asked');
  }
}
