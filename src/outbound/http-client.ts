// One request to one URL: the only file that speaks undici. Nothing is followed, nothing is decompressed, and every phase has a
// deadline. Knows addresses and ports; what an answer means is for those who asked.
import { Agent, type Dispatcher } from 'undici';
import type { Traces } from '../kernel/ports/traces.js';
import { type HostRule, hostOf, isListed, portOf } from '../kernel/source-url.js';
import type { AddressPolicy } from './address-policy.js';
import { createConnector } from './connector.js';
import type { Resolve } from './name-lookup.js';
import { DeadlinePassed } from './network-faults.js';
import { MAX_AHEAD_BYTES, neverPaused } from './never-paused.js';
import { unlessAborted } from './unless-aborted.js';

export interface HttpClientOptions {
  readonly policy: AddressPolicy;
  readonly resolve: Resolve;
  /** Name, connection and TLS, in ms. */
  readonly connectTimeoutMs: number;
  /** From the request to the end of the answer's headers, in ms. */
  readonly headersTimeoutMs: number;
  /** The longest silence within a body, in ms. */
  readonly idleTimeoutMs: number;
  /** Connections to one origin. */
  readonly connectionsPerOrigin: number;
  /** Certificates that are trusted beside the system's; PEM. */
  readonly ca?: string;
  /** Absent where nobody traces. */
  readonly traces?: Pick<Traces, 'within' | 'headers'>;
  /** Who is told which trace a request belongs to: nobody else is, since it joins what strangers know of one request. */
  readonly tracedHosts?: readonly HostRule[];
}

export type Answer = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>;

export interface Question {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** Idle connections are kept this long, and no longer if a host asks for it: each is a file handle. */
const KEEP_ALIVE_MS = 4_000;
const MAX_KEEP_ALIVE_MS = 10_000;
const MAX_HEADER_BYTES = 16 * 1024;

export class HttpClient {
  private readonly agent: Agent;

  constructor(private readonly options: HttpClientOptions) {
    this.agent = new Agent({
      connect: createConnector(options),
      connections: options.connectionsPerOrigin,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: MAX_KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: options.headersTimeoutMs,
      bodyTimeout: options.idleTimeoutMs,
    });
  }

  /** Resolves once the headers are there; the body has to be read or destroyed. Rejects with what went wrong. */
  ask(question: Question): Promise<Answer> {
    const { traces, tracedHosts = [] } = this.options;
    if (traces === undefined) return this.send(question);
    const { method, url } = question;
    return traces.within(
      method,
      async (span) => {
        const context = isListed(url, tracedHosts) ? traces.headers() : {};
        const answer = await this.send({ ...question, headers: { ...question.headers, ...context } });
        span.note({ 'http.response.status_code': answer.statusCode });
        return answer;
      },
      // Not `url.full`: it may hold secrets.
      {
        isClient: true,
        facts: { 'http.request.method': method, 'server.address': hostOf(url), 'server.port': portOf(url) },
      },
    );
  }

  private async send({ method, url, headers, body, signal }: Question): Promise<Answer> {
    const { connectTimeoutMs, headersTimeoutMs } = this.options;
    const deadline = new AbortController();
    // undici's own timers begin anew with each byte of a header.
    const timer = setTimeout(
      () => deadline.abort(new DeadlinePassed('the headers did not come in time')),
      connectTimeoutMs + headersTimeoutMs,
    );
    try {
      const ended = AbortSignal.any([signal, deadline.signal]);
      const asked = this.agent.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: { ...headers, 'accept-encoding': 'identity' },
        ...(body !== undefined && { body }),
        signal: ended,
        // For what comes with the headers, before the body is here.
        highWaterMark: MAX_AHEAD_BYTES,
      });
      // undici hears of an abort only once it is connected, which may take as long as its own deadline for that.
      const answer = await unlessAborted(asked, ended).catch((error: unknown) => {
        asked.then(
          (late) => late.body.destroy(),
          () => undefined,
        );
        throw error;
      });
      if (!staysOpen(answer)) neverPaused(answer.body);
      // An aborted body tells its error as an event; who does not read it need not hear it.
      answer.body.on('error', () => undefined);
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): Promise<void> {
    return this.agent.destroy();
  }
}

/** Whether the connection surely outlives the answer, so that its body may wait for its reader as long as it likes. */
function staysOpen(answer: Answer): boolean {
  const isDelimited =
    headerOf(answer, 'content-length') !== undefined || headerOf(answer, 'transfer-encoding') === 'chunked';
  return isDelimited && headerOf(answer, 'connection')?.toLowerCase() === 'keep-alive';
}

/** The one value of a header; `undefined` when it is not there, the first of several. */
export function headerOf({ headers }: Pick<Answer, 'headers'>, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
}
