// The server under test of the contract tests: the composed server with its real store and converter, in this process.
// One factory, so that those tests say nothing about how it is built.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { compose } from '../../src/compose.js';
import { loadConfig } from '../../src/config/load-config.js';
import { facesOf } from '../../src/dialect-settings.js';
import { withOperators } from '../../src/http/dialects/registry.js';
import { RemoteSources } from '../../src/remote-sources.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { documentServer } from './documented-servers.js';
import { tempDir } from './temp-dir.js';

export interface TestServerOptions {
  readonly maxSourceBytes?: number;
  readonly strictErrors?: boolean;
  /** `false`: no admin password is configured. */
  readonly withAdmin?: boolean;
  /** More settings, as environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface TestServer {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** Origin and base path: what operations are appended to. */
  readonly url: string;
  /** `Authorization` of the admin. */
  readonly adminAuth: string;
  close(): Promise<void>;
}

const USER = 'admin';
const PASSWORD = 'grün:und blau';

/** A listening server with an empty cache; whoever started it calls `close`. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { maxSourceBytes = 1_000_000, strictErrors = false, withAdmin = true } = options;
  const dir = await tempDir();
  const config = loadConfig({
    environment: {
      PROOFSHEET_DATA_DIR: dir.path,
      PROOFSHEET_MAX_SOURCE_BYTES: String(maxSourceBytes),
      PROOFSHEET_STRICT_ERRORS: String(strictErrors),
      PROOFSHEET_CONVERTERS: '1',
      PROOFSHEET_ADMIN_USER: USER,
      ...(withAdmin && { PROOFSHEET_ADMIN_PASSWORD: PASSWORD }),
      ...options.environment,
    },
  });
  const app = await compose(config, createLogger({ level: 'silent' }));
  app.server.listen(0, '127.0.0.1');
  await once(app.server, 'listening');
  const { port } = app.server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const isOpen = config.access.apiTokens === undefined && config.access.urlKeys === undefined;
  documentServer(
    origin,
    withOperators(
      { ...config.server, ...facesOf(config, () => port, '', new RemoteSources(config)) },
      config.library.tenants !== undefined,
    ),
    isOpen,
  );
  return {
    origin,
    url: `${origin}${config.server.basePath}`,
    adminAuth: `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`,
    async close() {
      await app.close(5_000);
      await dir.remove();
    },
  };
}
