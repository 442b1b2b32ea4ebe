// The probes: alive, ready with each dependency by name, and the metrics at the root, and ready in a word at the base path.
// Know no operation.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProofsheetError } from '../kernel/errors.js';
import { takesMediaType } from '../kernel/negotiation.js';
import { jsonHeaders } from './replies/headers.js';
import { IMAGE_SERVER_ID } from './status/server-id.js';
import type { ExchangeLog } from './wire/exchange-log.js';
import type { Sender } from './wire/sender.js';

/** `up`: works. `degraded`: does without, and requests are still answered. `down`: requests would fail. */
export type DependencyState = 'up' | 'degraded' | 'down';

/** Each dependency by name. */
export type HealthReport = Readonly<Record<string, DependencyState>>;

/** Prometheus' own text format, or OpenMetrics 1.0. */
export type MetricsForm = 'prometheus' | 'openmetrics';

/** A scrape: the text and the media type it is in. */
export interface MetricsText {
  readonly contentType: string;
  readonly body: string;
}

export interface ProbeDependencies {
  readonly exchanges: ExchangeLog;
  readonly send: Sender;
  readonly health: () => Promise<HealthReport>;
  readonly metricsText: (form?: MetricsForm) => Promise<MetricsText>;
  readonly isDraining: () => boolean;
}

/** A readiness that takes longer than this is none; an orchestrator's own deadline is usually 1 s or more. */
const HEALTH_DEADLINE_MS = 900;

/** When a server that is not ready is asked again. */
const NOT_READY_RETRY_SECONDS = 5;

/** What they are counted as. */
export const PROBE_NAMES = ['healthz', 'readyz', 'metrics', 'connected'] as const;

export type Probe = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Handlers of `GET /healthz`, `/readyz` and `/metrics`, and of the base path itself (`connected`). */
export type Probes = Readonly<Record<(typeof PROBE_NAMES)[number], Probe>>;

export function createProbes(deps: ProbeDependencies): Probes {
  const { exchanges, send } = deps;

  async function readiness(): Promise<Readiness> {
    const dependencies = await withinDeadline(deps.health);
    const draining = deps.isDraining();
    const ready = !draining && dependencies !== undefined && !Object.values(dependencies).includes('down');
    return { ready, draining, dependencies: dependencies ?? {} };
  }

  return {
    async healthz(_request, response) {
      await send.json(response, exchanges.of(response), { alive: true });
    },
    async readyz(_request, response) {
      const found = await readiness();
      const body = Buffer.from(JSON.stringify(found));
      await send.bytes(response, exchanges.of(response), found.ready ? 200 : 503, jsonHeaders(body.length), [body]);
    },
    async connected(_request, response) {
      if (!(await readiness()).ready)
        throw new ProofsheetError('overloaded', 'the server is not ready; ask again in a moment', {
          retryAfterSeconds: NOT_READY_RETRY_SECONDS,
        });
      const body = Buffer.from(`Proofsheet is ready.\nImageConverter server id: ${IMAGE_SERVER_ID}\n`);
      const headers = [...jsonHeaders(body.length), ['Content-Type', 'text/plain; charset=utf-8'] as const];
      await send.bytes(response, exchanges.of(response), 200, headers, [body]);
    },
    async metrics(request, response) {
      const form = takesMediaType(request.headers.accept, 'application/openmetrics-text')
        ? 'openmetrics'
        : 'prometheus';
      const { contentType, body } = await deps.metricsText(form);
      const bytes = Buffer.from(body);
      await send.bytes(
        response,
        exchanges.of(response),
        200,
        [...jsonHeaders(bytes.length), ['Content-Type', contentType], ['Vary', 'Accept']],
        [bytes],
      );
    },
  };
}

/** What /readyz tells. */
interface Readiness {
  readonly ready: boolean;
  readonly draining: boolean;
  readonly dependencies: HealthReport;
}

/** The report, or `undefined` when it failed or did not come in time: both mean not ready. */
async function withinDeadline(health: () => Promise<HealthReport>): Promise<HealthReport | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), HEALTH_DEADLINE_MS);
  });
  try {
    return await Promise.race([health().catch(() => undefined), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
