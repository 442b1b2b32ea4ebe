// The HTTP edge as the composition root sees it: what it needs, what it gives, how it stops taking work.
import { IncomingMessage, type Server, ServerResponse } from 'node:http';
import { createApp } from './app.js';
import type { Dialect } from './dialects/dialect.js';
import { createSpeakers } from './dialects/speakers.js';
import type { EdgeDependencies } from './edge-dependencies.js';
import { createHealthListener } from './health-listener.js';
import { createHotCounts } from './hot/hot-counts.js';
import { HotLane } from './hot/hot-lane.js';
import { createProbes, PROBE_NAMES } from './probes.js';
import { SERVER } from './replies/asked.js';
import { createExchangeLog } from './wire/exchange-log.js';
import { messageClassesOf } from './wire/message-classes.js';
import { createSender } from './wire/sender.js';
import { createServer } from './wire/server.js';
import type { TlsPair } from './wire/tls-files.js';

export interface Edge {
  /** A server with every limit and timeout set, not listening yet; by TLS with a certificate. */
  createServer(tls?: TlsPair): Server;
  /** A server with the probes and metrics alone, for a port of its own; it goes on while the edge drains. */
  createHealthServer(): Server;
  /** From now on new work is refused with `overloaded`, connections close after their answer, and readiness is lost. */
  drain(): void;
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
  const exchanges = createExchangeLog(logger, deps.metrics, deps.clock, speakers.voiceOf);
  let draining = false;
  const isDraining = () => draining;
  const send = createSender(deps.config.sendTimeoutMs);
  const probes = createProbes({ ...deps, exchanges, send, isDraining });
  const hotLane = hotLaneOf(deps);
  const app = createApp(deps, speakers, exchanges, probes, isDraining, hotLane);
  const classes = messageClassesOf(app);
  const answersHot = (request: IncomingMessage, response: ServerResponse, pipelined: boolean): boolean =>
    !draining && hotLane?.answer(request, response, app, pipelined) === true;
  return {
    createServer: (tls) => createServer({ listener: app, classes, answersHot, exchanges, logger }, deps.config, tls),
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
    async idle(limitMs) {
      await Promise.all([hotLane?.idle(limitMs), exchanges.idle(limitMs)]);
    },
  };
}

/** None where CORS headers depend on the request: then every hit goes the slow way. */
function hotLaneOf({ hot, config, access, clock, countOf }: EdgeDependencies): HotLane | undefined {
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
    onAnswer(asked, group, status, bodyBytes, seconds) {
      count(asked, status, bodyBytes, seconds);
      onUse(group);
    },
  });
}
