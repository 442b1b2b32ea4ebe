// The HTTP edge as the composition root sees it: what it needs, what it gives, how it stops taking work.
import { IncomingMessage, type Server, ServerResponse } from 'node:http';
import { acceptedTypes } from '../kernel/negotiation.js';
import { type FailureStory, MAX_PATH } from '../kernel/process-report.js';
import { createApp } from './app.js';
import type { Dialect } from './dialects/dialect.js';
import { createSpeakers } from './dialects/speakers.js';
import type { EdgeDependencies } from './edge-dependencies.js';
import { createHealthListener } from './health-listener.js';
import { createHotCounts } from './hot/hot-counts.js';
import { HotLane } from './hot/hot-lane.js';
import { createProbes, PROBE_NAMES } from './probes.js';
import { type AskedLabels, SERVER } from './replies/asked.js';
import type { Failure } from './replies/error-map.js';
import { queryValue } from './url-query.js';
import { createExchangeLog, type Exchange, type Tracing, tracedFacts } from './wire/exchange-log.js';
import { messageClassesOf } from './wire/message-classes.js';
import { createSender } from './wire/sender.js';
import { createServer } from './wire/server.js';
import type { TlsPair } from './wire/tls-files.js';

export interface Edge {
  /** A server with every limit and timeout set, not listening yet; by TLS with a certificate. */
  createServer(tls?: TlsPair): Server;
  /** A server with one dialect alone, at its root, as part of the edge. */
  createDialectServer(dialect: Dialect): Server;
  /** A server with the probes and metrics alone, for a port of its own; it goes on while the edge drains. */
  createHealthServer(): Server;
  /** From now on new work is refused with `overloaded`, connections close after their answer, and readiness is lost. */
  drain(): void;
  /** Who may read has changed: what was prepared for those who might is not answered any more. */
  forgetPrepared(): void;
  /** Resolves once every request begun has been answered, or after `limitMs`. */
  idle(limitMs: number): Promise<void>;
}

/** What requests are counted by, beside `UNKNOWN`: the routes by their dialects, and of the server itself the probes and documents. */
export function operationsByDialect(dialects: readonly Dialect[]): Readonly<Record<string, readonly string[]>> {
  return {
    ...Object.fromEntries(dialects.map(({ name, routes }) => [name, routes.map((route) => route.name)])),
    [SERVER]: [...PROBE_NAMES, 'openapi'],
  };
}

/** Builds the edge; nothing listens and nothing is timed until a server is created. */
export function createEdge(deps: EdgeDependencies): Edge {
  const { logger } = deps;
  const speakers = createSpeakers(deps.dialects);
  const tracing = deps.traces && { traces: deps.traces, routeOf: routesOf(deps.dialects) };
  const exchanges = createExchangeLog(
    logger,
    deps.metrics,
    deps.clock,
    speakers.voiceOf,
    (exchange, failure) => deps.onFailure?.(storyOf(exchange, failure, deps.clock.now())),
    tracing,
  );
  let draining = false;
  const isDraining = () => draining;
  const send = createSender(deps.config.sendTimeoutMs);
  const probes = createProbes({ ...deps, exchanges, send, isDraining });
  const hotLane = hotLaneOf(deps, tracing);
  const app = createApp(deps, speakers, exchanges, probes, isDraining, hotLane);
  const classes = messageClassesOf(app);
  const answersHot = (request: IncomingMessage, response: ServerResponse, pipelined: boolean): boolean =>
    !draining && deps.logsHits?.() !== true && hotLane?.answer(request, response, app, pipelined) === true;
  return {
    createServer: (tls) => createServer({ listener: app, classes, answersHot, exchanges, logger }, deps.config, tls),
    createDialectServer({ mount }) {
      const listener = (request: IncomingMessage, response: ServerResponse): void => {
        request.url = `${mount}${request.url}`;
        app(request, response);
      };
      return createServer({ listener, classes, answersHot: () => false, exchanges, logger }, deps.config);
    },
    createHealthServer() {
      const listener = createHealthListener(probes, exchanges);
      // Whoever reaches this port is inside, and asks by whatever name.
      const config = { ...deps.config, allowedHosts: [] };
      const classes = { IncomingMessage, ServerResponse };
      return createServer({ listener, classes, answersHot: () => false, exchanges, logger }, config);
    },
    drain() {
      draining = true;
    },
    forgetPrepared: () => hotLane?.forget(),
    async idle(limitMs) {
      await Promise.all([hotLane?.idle(limitMs), exchanges.idle(limitMs)]);
    },
  };
}

/** What is told of a failure; of the query nothing but whose context it was, for it may hold a signature. */
function storyOf({ requestId, url, asked }: Exchange, { error }: Failure, at: number): FailureStory {
  const [path = ''] = url.split('?', 1);
  return {
    ...{ at, requestId, ...asked, error: error.code, message: error.message, path },
    ...contextOf(url),
    ...(error.code === 'internal' && error.cause instanceof Error && { cause: error.cause.message }),
  };
}

/** Malformed, it is told as what failed. */
function contextOf(url: string): { readonly context?: string } {
  try {
    const context = queryValue(url, 'context');
    return context === undefined ? {} : { context: context.slice(0, MAX_PATH) };
  } catch {
    return {};
  }
}

/** The patterns of routes by what is counted. */
function routesOf(dialects: readonly Dialect[]): Tracing['routeOf'] {
  const patterns = new Map<string, string>(PROBE_NAMES.map((name) => [`${SERVER} ${name}`, `/${name}`]));
  for (const { name, mount, routes } of dialects)
    for (const route of routes) patterns.set(`${name} ${route.name}`, `${mount}${route.path}`);
  return ({ dialect, operation }) => patterns.get(`${dialect} ${operation}`);
}

function traceHit(
  { traces, routeOf }: Tracing,
  { headers, method = '', socket }: IncomingMessage,
  asked: AskedLabels,
  status: number,
  bytes: number,
  seconds: number,
): void {
  const facts = tracedFacts({ asked, bytes });
  traces.answered(headers, seconds, { method, route: routeOf(asked), isSecure: 'encrypted' in socket, status, facts });
}

/** None where CORS headers depend on the request: then every hit goes the slow way. */
function hotLaneOf(
  { hot, config, access, clock, countOf, variants }: EdgeDependencies,
  tracing: Tracing | undefined,
): HotLane | undefined {
  if (hot === undefined || config.corsOrigins.length > 0) return undefined;
  const { currency, bodies, maxBytes, onUse } = hot;
  const count = createHotCounts(hot.metrics);
  return new HotLane({
    currency,
    bodies,
    clock,
    admits: (authorization, ref) => access.tokenAdmits(authorization, ref.context),
    cacheControl: config.cacheControl,
    maxBytes,
    sendTimeoutMs: config.sendTimeoutMs,
    ...(countOf && { countOf }),
    ...(variants && { acceptClassOf: (accept) => acceptedTypes(accept, variants.types).join(',') }),
    onAnswer(asked, group, status, bodyBytes, seconds, request) {
      count(asked, status, bodyBytes, seconds);
      onUse(group);
      if (tracing) traceHit(tracing, request, asked, status, bodyBytes, seconds);
    },
  });
}
