// What is answered on the port for probes and metrics alone: a handful of paths, without Express and without operations.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { ProofsheetError } from '../kernel/errors.js';
import type { Probes } from './probes.js';
import { SERVER } from './replies/asked.js';
import { failureOf } from './replies/error-map.js';
import { hasUnreadBody, sendError } from './wire/error-response.js';
import type { Exchange, ExchangeLog } from './wire/exchange-log.js';
import { ClientGone } from './wire/taking.js';

/** The first two as the chart of the original asks them. */
const PROBE_BY_PATH: Readonly<Record<string, Exclude<keyof Probes, 'connected'>>> = {
  '/health/liveness': 'healthz',
  '/health/readiness': 'readyz',
  '/healthz': 'healthz',
  '/readyz': 'readyz',
  '/metrics': 'metrics',
};
const VERBS = ['GET', 'HEAD'];

export function createHealthListener(probes: Probes, exchanges: ExchangeLog): RequestListener {
  return async (request, response) => {
    const exchange = exchanges.begin(request, response);
    exchange.routine = true;
    try {
      await answer(request, response, exchange, probes);
    } catch (error) {
      if (error instanceof ClientGone || response.destroyed) {
        response.destroy();
        return;
      }
      const failure = failureOf(error);
      exchanges.failed(exchange, failure);
      sendError(response, exchange, exchange.renderFailure(failure));
    }
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
  probes: Probes,
): Promise<void> {
  const path = request.url?.split('?', 1)[0] ?? '';
  const name = Object.hasOwn(PROBE_BY_PATH, path) ? PROBE_BY_PATH[path] : undefined;
  if (name === undefined)
    throw new ProofsheetError(
      'unknown-operation',
      `expected one of ${Object.keys(PROBE_BY_PATH).join(', ')} on this port, got something else`,
    );
  exchange.asked = { dialect: SERVER, operation: name };
  if (!VERBS.includes(request.method ?? '')) {
    response.setHeader('Allow', VERBS.join(', '));
    throw new ProofsheetError('verb-not-allowed', `expected ${VERBS.join(' or ')}, got another verb`);
  }
  // A body that means nothing here is not waited for: the connection ends with the answer.
  if (hasUnreadBody(request)) response.setHeader('Connection', 'close');
  await probes[name](request, response);
}
