// One request and its answer as logs and metrics see it: number, operation, outcome, duration, bytes. Never keys, contexts
// or file names.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { RequestEnd, RequestSpan, SpanFacts, Traces } from '../../kernel/ports/traces.js';
import type { PreviewBytes } from '../../previews/answers.js';
import type { AskedLabels, Voice } from '../replies/asked.js';
import type { Failure, RenderFailure } from '../replies/error-map.js';
import { wasTaken } from './taking.js';

/** The status that logs and metrics carry when the client left before its answer was complete; never sent. */
const CLIENT_GONE_STATUS = 499;

/** What is noted about a request while it is answered. */
export interface Exchange {
  readonly requestId: string;
  /** Path and query as sent. */
  readonly url: string;
  asked: AskedLabels;
  /** See `Voice`. */
  readonly renderFailure: RenderFailure;
  /** The numeric code of the answer's body: 0 unless it failed. */
  code: number;
  /** Where the preview's bytes came from, once they were read. */
  from: PreviewBytes['from'] | undefined;
  /** Routine: answered from cache, or a probe. Logged at `debug` only, because it is counted anyway. */
  routine: boolean;
  /** Bytes of the answer's body handed to the socket. */
  bytes: number;
  /** The name of what went wrong, if it did by a fault of ours. */
  failure?: string;
  /** Where requests are traced. */
  readonly span?: RequestSpan;
}

export interface ExchangeLog {
  /** Starts the record of a request; it is closed and written when the response closes. */
  begin(request: IncomingMessage, response: ServerResponse): Exchange;
  /** The record of a response that was begun here. Throws when there is none. */
  of(response: ServerResponse): Exchange;
  /** The response that a socket is waiting for, if any: where a fault of the connection is answered. */
  pendingOn(socket: object): ServerResponse | undefined;
  /** Notes a failed answer; a fault of ours is logged with its cause. */
  failed(exchange: Exchange, failure: Failure): void;
  /** The same of a part of an answer that is otherwise good. */
  failedPart(exchange: Exchange, failure: Failure): void;
  /** Resolves once no request is being answered, or after `limitMs`. */
  idle(limitMs: number): Promise<void>;
}

/** How exchanges are traced. */
export interface Tracing {
  readonly traces: Traces;
  /** The pattern of what was asked; `undefined` where it has none. */
  readonly routeOf: (asked: AskedLabels) => string | undefined;
}

/** Counts and logs exchanges; registers the gauge of requests in flight. `voiceOf`: what a URL tells. */
export function createExchangeLog(
  logger: Logger,
  metrics: Metrics,
  clock: Clock,
  voiceOf: (url: string) => Voice,
  /** Told of every failure, with what was asked. */
  onFailed?: (exchange: Exchange, failure: Failure) => void,
  tracing?: Tracing,
): ExchangeLog {
  const exchanges = new WeakMap<ServerResponse, Exchange>();
  const latest = new WeakMap<object, ServerResponse>();
  let inFlight = 0;
  const idleListeners: (() => void)[] = [];
  metrics.gauge('http_requests_in_flight', () => inFlight);

  function finish(exchange: Exchange, response: ServerResponse, startedAt: number): void {
    inFlight--;
    if (inFlight === 0) for (const tell of idleListeners.splice(0)) tell();
    const durationMs = clock.monotonic() - startedAt;
    const status = wasTaken(response) ? response.statusCode : CLIENT_GONE_STATUS;
    const { code, bytes, from, requestId, span } = exchange;
    const { dialect, operation } = exchange.asked;
    span?.end(endOf(exchange, response, status, tracing));
    const labels = { dialect, operation, status: String(status) };
    metrics.count('http_requests_total', labels);
    metrics.observe('http_request_duration_seconds', durationMs / 1_000, labels);
    if (bytes > 0) metrics.count('sent_bytes_total', {}, bytes);
    const fields = {
      requestId,
      dialect,
      operation,
      status,
      code,
      durationMs: Math.round(durationMs * 1_000) / 1_000,
      bytes,
      ...(from === undefined ? {} : { from }),
    };
    if (exchange.routine && status < 400) logger.debug(fields, 'request answered');
    else logger.info(fields, 'request answered');
  }

  function note(exchange: Exchange, failure: Failure): void {
    const { requestId, asked } = exchange;
    const { error } = failure;
    onFailed?.(exchange, failure);
    metrics.count('errors_total', { error: error.code });
    if (error.code !== 'internal') return;
    logger.error({ requestId, ...asked, error: error.cause ?? error }, 'request failed by a fault of ours');
  }

  return {
    begin(request, response) {
      const startedAt = clock.monotonic();
      const exchange: Exchange = {
        requestId: randomUUID(),
        url: request.url ?? '',
        ...voiceOf(request.url ?? ''),
        code: 0,
        from: undefined,
        routine: false,
        bytes: 0,
        ...(tracing && { span: tracing.traces.request(request.headers, request.method ?? '') }),
      };
      inFlight++;
      exchanges.set(response, exchange);
      latest.set(request.socket, response);
      response.setHeader('X-Request-Id', exchange.requestId);
      response.once('close', () => finish(exchange, response, startedAt));
      return exchange;
    },
    of(response) {
      const exchange = exchanges.get(response);
      if (exchange === undefined) throw new Error('expected a response that was begun, got another');
      return exchange;
    },
    pendingOn(socket) {
      const response = latest.get(socket);
      return response?.writableEnded ? undefined : response;
    },
    idle(limitMs) {
      if (inFlight === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, limitMs);
        idleListeners.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
    failed(exchange, failure) {
      exchange.code = failure.code;
      exchange.failure = failure.error.code;
      note(exchange, failure);
    },
    failedPart: note,
  };
}

function endOf(exchange: Exchange, { req }: ServerResponse, status: number, tracing: Tracing | undefined): RequestEnd {
  return {
    method: req.method ?? '',
    route: tracing?.routeOf(exchange.asked),
    isSecure: 'encrypted' in req.socket,
    status,
    facts: tracedFacts(exchange),
    failure: status >= 500 ? (exchange.failure ?? String(status)) : undefined,
  };
}

/** What a span says of an exchange beside what HTTP does. `requestId` leads to the log. */
export function tracedFacts({
  requestId,
  asked,
  from,
  bytes,
}: Partial<Exchange> & Pick<Exchange, 'asked' | 'bytes'>): SpanFacts {
  return {
    'http.response.body.size': bytes,
    'proofsheet.dialect': asked.dialect,
    'proofsheet.operation': asked.operation,
    'proofsheet.request_id': requestId,
    'proofsheet.from': from,
  };
}
