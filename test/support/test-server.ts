// The server under test of the contract tests: everything as it is in production, composed in this process, on a store of
// its own. One factory, so that the tests say nothing about how it is built.
import type { AddressInfo } from 'node:net';
import { compose } from '../../src/compose.js';
import { loadConfig } from '../../src/config/load-config.js';
import { createLogger } from '../../src/telemetry/logger.js';
import type { ProcessMetrics } from '../../src/telemetry/metrics.js';
import { ADMIN, BASIC_AUTH } from './edge-server.js';
import { tempDir } from './temp-dir.js';

export interface TestServerOptions {
  readonly maxSourceBytes?: number;
  readonly strictErrors?: boolean;
  /** `false`: no admin password is configured. */
  readonly withAdmin?: boolean;
  /** Further settings, by their environment names. */
  readonly environment?: Readonly<Record<string, string>>;
  /** A data directory that outlives the server; a fresh one, removed with the server, unless given. */
  readonly dataDir?: string;
}

export interface TestServer {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** Origin and base path: what operations are appended to. */
  readonly url: string;
  /** `Authorization` of the admin. */
  readonly adminAuth: string;
  readonly metrics: ProcessMetrics;
  close(): Promise<void>;
}

/** A listening server with an empty cache; whoever started it calls `close`. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { maxSourceBytes = 1_000_000, strictErrors = false, withAdmin = true } = options;
  const dir = options.dataDir === undefined ? await tempDir() : undefined;
  const config = loadConfig({
    environment: {
      PROOFSHEET_PORT: '0',
      PROOFSHEET_DATA_DIR: options.dataDir ?? dir?.path ?? '',
      PROOFSHEET_LOG_LEVEL: 'silent',
      PROOFSHEET_MAX_SOURCE_BYTES: String(maxSourceBytes),
      PROOFSHEET_STRICT_ERRORS: String(strictErrors),
      PROOFSHEET_CONVERTERS: '1',
      ...(withAdmin && { PROOFSHEET_ADMIN_USER: ADMIN.user, PROOFSHEET_ADMIN_PASSWORD: ADMIN.password }),
      ...options.environment,
    },
  });
  const app = await compose(config, createLogger({ level: config.telemetry.logLevel }));
  await new Promise<void>((resolve) => app.server.listen(config.server.port, config.server.host, resolve));
  const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  return {
    origin,
    url: `${origin}${config.server.basePath}`,
    adminAuth: BASIC_AUTH,
    metrics: app.metrics,
    async close() {
      await app.close(10_000);
      await dir?.remove();
    },
  };
}
