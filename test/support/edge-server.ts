// The HTTP edge on a listening server over the use cases in memory: for tests of what only the edge decides.
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createAccess } from '../../src/http/access/access.js';
import { NO_LIMITS } from '../../src/http/access/fair-use.js';
import { type DialectSettings, dialectsOf } from '../../src/http/dialects/registry.js';
import { createEdge, type Edge } from '../../src/http/edge.js';
import type { EdgeDependencies, HotDependencies, HttpConfig } from '../../src/http/edge-dependencies.js';
import type { HealthReport } from '../../src/http/probes.js';
import type { StatusReport } from '../../src/http/status/status-page.js';
import { documentServer } from './documented-servers.js';
import { FakeClock } from './fake-clock.js';
import { FakeDrawings } from './fake-drawings.js';
import { FakeLogger } from './fake-logger.js';
import { FakeMetrics } from './fake-metrics.js';
import { FakePreviews } from './fake-previews.js';
import { FakeZoom } from './fake-zoom.js';
import { tempDir } from './temp-dir.js';

const NO_KEYS = { tokens: [], urlKeys: [] };

export const ADMIN = { user: 'admin', password: 'grün:und blau' };
export const BASIC_AUTH = `Basic ${Buffer.from(`${ADMIN.user}:${ADMIN.password}`).toString('base64')}`;

export interface EdgeServer {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** Origin and base path. */
  readonly url: string;
  readonly previews: FakePreviews;
  readonly clock: FakeClock;
  readonly logger: FakeLogger;
  readonly metrics: FakeMetrics;
  readonly edge: Edge;
  /** What /readyz is told; may be changed. */
  health: () => Promise<HealthReport>;
  /** Temp files of uploads that exist now. */
  uploadFiles(): Promise<readonly string[]>;
  close(): Promise<void>;
}

const STATUS: StatusReport = {
  version: '1.2.3 <b>',
  uptimeSeconds: 93_784,
  draining: false,
  keys: 1_234_567,
  groups: 1_300_000,
  sources: 900_000,
  tiers: [
    { name: 'memory', bytes: 1_572_864, maxBytes: 268_435_456 },
    { name: 'disk', bytes: 5_368_709_120 },
  ],
  hits: 994,
  misses: 6,
  medians: [{ name: 'getImage', ms: 0.42 }],
  queues: [{ priority: 'instant', depth: 3, peak: 17 }],
  limits: [{ name: 'Largest source', value: '256 MiB' }],
};

export const METRICS_TEXT = `# HELP proofsheet_keys Image keys.
# TYPE proofsheet_keys gauge
proofsheet_keys 7
proofsheet_wait_seconds_bucket{le="0.1"} 5
proofsheet_cache_hits_total{tier="<memory> }x"} 994
`;

/** What prepared answers are made of: everything that `previews` holds is in memory, and any change is told of at once. */
function hotOf(previews: FakePreviews, metrics: FakeMetrics): HotDependencies {
  let looks = 0;
  return {
    // Another one each time: the revision decides.
    currency: { generation: () => looks++, revisionOf: (ref) => previews.revisionOf(ref) },
    bodies: {
      peek: (digest) => previews.bytesOf(digest),
      find: async () => undefined,
      findDrawn: async () => undefined,
    },
    maxBytes: 1_000_000,
    metrics,
    onUse: () => undefined,
  };
}

/** Starts the edge on a free port of the loopback; `close` ends it and removes its files. `withHot`: hits are prepared. */
export async function startEdgeServer(
  config: Partial<HttpConfig & DialectSettings> = {},
  more: Partial<EdgeDependencies> = {},
  withHot = false,
): Promise<EdgeServer> {
  const dir = await tempDir();
  const clock = new FakeClock();
  const logger = new FakeLogger();
  const metrics = new FakeMetrics();
  const previews = new FakePreviews(clock);
  const settings: HttpConfig & DialectSettings = {
    basePath: '/imageconverter',
    ...NO_LIMITS,
    admins: [ADMIN],
    metadata: 'full',
    uploadDir: dir.path,
    maxSourceBytes: 1_000_000,
    maxUploads: 8,
    maxConnections: 100,
    headersTimeoutMs: 10_000,
    keepAliveTimeoutMs: 5_000,
    requestTimeoutMs: 60_000,
    uploadIdleTimeoutMs: 15_000,
    uploadTimeoutMs: 30_000,
    sendTimeoutMs: 10_000,
    trustProxyHops: 0,
    corsOrigins: [],
    allowedHosts: [],
    cacheControl: 'public, max-age=60',
    publicMetrics: true,
    strictErrors: false,
    strictFormats: false,
    ...config,
  };
  const started: { server?: EdgeServer } = {};
  const dialects = more.dialects ?? dialectsOf(settings);
  const access = more.access ?? createAccess(() => NO_KEYS, clock);
  const edge = createEdge({
    version: STATUS.version,
    dialects,
    access,
    previews,
    zoom: new FakeZoom(previews),
    drawings: new FakeDrawings(() => previews.passOrFail()),
    config: settings,
    logger,
    metrics,
    clock,
    health: () => started.server?.health() ?? Promise.resolve({}),
    status: async () => STATUS,
    metricsText: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', body: METRICS_TEXT }),
    ...(withHot && { hot: hotOf(previews, metrics) }),
    ...more,
  });
  const server = edge.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  documentServer(origin, dialects, access.isOpen, () => previews.failNext !== undefined);
  started.server = {
    origin,
    url: `${origin}${settings.basePath}`,
    previews,
    clock,
    logger,
    metrics,
    edge,
    health: async () => ({ catalog: 'up', disk: 'up' }),
    uploadFiles: () => readdir(dir.path),
    async close() {
      server.closeAllConnections();
      server.close();
      await dir.remove();
    },
  };
  return started.server;
}
