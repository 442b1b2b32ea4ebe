// The server that a command talks to, and how what it says becomes a way to end.
import { ProofsheetApiError, ProofsheetClient } from '../client/index.js';
import { loadConfig } from '../config/load-config.js';
import { ProofsheetError } from '../kernel/errors.js';
import { EXIT, type Given, secretOf, UsageError } from './usage.js';

export interface Connection {
  readonly client: ProofsheetClient;
  /** With the base path. */
  readonly url: string;
  readonly context: { readonly context?: string };
}

/** To `--url`, or where a server of this configuration listens. */
export async function connectionOf({ values }: Given): Promise<Connection> {
  const url = values.url === undefined ? configuredUrl() : givenUrl(values.url);
  const token = values['token-file'] && (await secretOf(values['token-file']));
  const password = values['password-file'] && (await secretOf(values['password-file']));
  const client = new ProofsheetClient({
    url,
    ...(token && { token }),
    ...(password && { admin: { user: values.user ?? 'admin', password } }),
  });
  return { client, url, context: values.context === undefined ? {} : { context: values.context } };
}

function givenUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return text;
  throw new UsageError('--url takes a URL of http or https with the base path, and no login');
}

function configuredUrl(): string {
  const { host, port, basePath } = loadConfig().server;
  // Who listens everywhere listens here, too.
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}${basePath}`;
}

/** How to end for a failure of a server or of a file, and what is told of it; `undefined` for others, which are faults of ours. */
export function endOf(error: unknown): { readonly code: number; readonly message: string } | undefined {
  if (error instanceof ProofsheetApiError) {
    const { status, code, message } = error;
    const told = code === undefined ? message : `${message} (${code})`;
    if (status === 401 || status === 403) return { code: EXIT.noPermission, message: told };
    return { code: status === 429 || status === 503 ? EXIT.later : EXIT.incomplete, message: told };
  }
  // A key that is none, or a store that cannot be written now.
  if (error instanceof ProofsheetError) return { code: EXIT.incomplete, message: error.message };
  // Of `fetch`: nothing answered, or what did broke off.
  if (error instanceof TypeError && (error.message === 'fetch failed' || error.message === 'terminated'))
    return { code: EXIT.unavailable, message: 'no server answers there; --url names another' };
  // Whoever opens it is told its path, whoever reads it is not.
  if (error instanceof Error && 'syscall' in error && error.syscall !== 'connect')
    return { code: EXIT.noInput, message: error.message };
  return undefined;
}
