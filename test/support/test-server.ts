// The server under test of the contract tests: one factory, so that they say nothing about how it is built.
import { ADMIN, BASIC_AUTH, startEdgeServer } from './edge-server.js';

export interface TestServerOptions {
  readonly maxSourceBytes?: number;
  readonly strictErrors?: boolean;
  /** `false`: no admin password is configured. */
  readonly withAdmin?: boolean;
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

/** A listening server with an empty cache; whoever started it calls `close`. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { maxSourceBytes = 1_000_000, strictErrors = false, withAdmin = true } = options;
  const server = await startEdgeServer({ maxSourceBytes, strictErrors, admins: withAdmin ? [ADMIN] : [] });
  return { origin: server.origin, url: server.url, adminAuth: BASIC_AUTH, close: () => server.close() };
}
