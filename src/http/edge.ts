// The HTTP edge as the composition root sees it: what it needs, what it gives, how it stops taking work.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createApp } from './app.js';
import { createSpeakers } from './dialects/speakers.js';
import type { EdgeDependencies } from './edge-dependencies.js';
import { createExchangeLog } from './exchange.js';
import { messageClassesOf } from './message-classes.js';
import { createServer } from './server.js';

export interface Edge {
  /** A server with every limit and timeout set, not listening yet. */
  createServer(): Server;
  /** From now on new work is refused with `overloaded`, connections close after their answer, and readiness is lost. */
  drain(): void;
  /** Resolves once every request begun has been answered, or after `limitMs`. */
  idle(limitMs: number): Promise<void>;
}

/** Builds the edge; nothing listens and nothing is timed until a server is created. */
export function createEdge(deps: EdgeDependencies): Edge {
  const speakers = createSpeakers(deps.dialects);
  const exchanges = createExchangeLog(deps.logger, deps.metrics, deps.clock, speakers.rendererOf);
  let draining = false;
  const app = createApp(deps, speakers, exchanges, () => draining);
  const classes = messageClassesOf(app);
  const { hotLane } = deps;
  const answersHot = (request: IncomingMessage, response: ServerResponse, pipelined: boolean): boolean =>
    !draining && hotLane?.answer(request, response, app, pipelined) === true;
  return {
    createServer: () => createServer(app, classes, answersHot, exchanges, deps.config, deps.logger),
    drain() {
      draining = true;
    },
    async idle(limitMs) {
      await Promise.all([hotLane?.idle(limitMs), exchanges.idle(limitMs)]);
    },
  };
}
