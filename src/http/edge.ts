// The HTTP edge as the composition root sees it: what it needs, what it gives, how it stops taking work.
import type { RequestListener, Server } from 'node:http';
import type { Clock, Logger, Metrics } from '../kernel/ports.js';
import type { Previews } from '../previews/answers.js';
import { createApp } from './app.js';
import type { Credential } from './auth.js';
import { createExchangeLog } from './exchange.js';
import type { HealthReport, MetricsText } from './health.js';
import { createServer } from './server.js';
import type { StatusReport } from './status-page.js';
import type { UploadLimits } from './upload.js';

/** Settings of the edge; all times in ms, all sizes in bytes, all of them 1 or more unless said otherwise. */
export interface HttpConfig {
  /** Where the operations live, e.g. `/imageconverter`; `""` is the root. */
  readonly basePath: string;
  /** Who may clear and list; empty switches those operations off. */
  readonly admins: readonly Credential[];
  /** Limits of one upload. */
  readonly uploads: UploadLimits;
  /** Uploads that are received at the same time; more are answered `overloaded`. */
  readonly maxConcurrentUploads: number;
  /** `Cache-Control` of previews and metadata. */
  readonly cacheControl: string;
  /** Answer every failure of an operation with status 500, as the original does. */
  readonly strictErrors: boolean;
  /** Express's `trust proxy`: how many proxies stand before us, 0 or more. */
  readonly trustedProxies: number;
  /** Time for request line and headers. */
  readonly headersTimeoutMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveTimeoutMs: number;
  /** Time a client has to take each 256 KiB of an answer. */
  readonly sendTimeoutMs: number;
  /** How long an unread body is drained after a failure, so that the client sees its answer. */
  readonly lingerMs: number;
  /** Open connections; more are dropped. */
  readonly maxConnections: number;
}

/** Answers from memory before anything else looks at the request: `true` when it did. */
export type HotLane = RequestListener extends (request: infer Request, response: infer Response) => void
  ? (request: Request, response: Response) => boolean
  : never;

export interface EdgeDependencies {
  readonly previews: Previews;
  readonly config: HttpConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Each dependency by name; a rejection counts as not ready. */
  readonly health: () => Promise<HealthReport>;
  /** What the status page shows. */
  readonly status: () => Promise<StatusReport>;
  /** The metrics in Prometheus' text format. */
  readonly metricsText: () => Promise<MetricsText>;
  readonly hotLane?: HotLane;
}

export interface Edge {
  readonly listener: RequestListener;
  /** A server over `listener` with every limit and timeout set, not listening yet. */
  createServer(): Server;
  /** From now on new work is refused with `overloaded`, connections close after their answer, and readiness is lost. */
  drain(): void;
}

/** Builds the edge; nothing listens and nothing is timed until a server is created. */
export function createEdge(deps: EdgeDependencies): Edge {
  const exchanges = createExchangeLog(deps.logger, deps.metrics, deps.clock);
  let draining = false;
  const app = createApp(deps, exchanges, () => draining);
  const { hotLane } = deps;
  const listener: RequestListener = (request, response) => {
    if (!draining && hotLane?.(request, response) === true) return;
    app(request, response);
  };
  return {
    listener,
    createServer: () => createServer(listener, exchanges, deps.config, deps.logger),
    drain() {
      draining = true;
    },
  };
}
