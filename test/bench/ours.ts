// The server under measurement: the built product in a process of its own, on a data directory of its own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NODE } from '../support/tools.js';
import { type Server, startServer } from './processes.js';

const MAIN = new URL('../../bin/main.js', import.meta.url).pathname;
const BASE_PATH = '/imageconverter';
export const ADMIN = { user: 'admin', password: 'bench' };
export const ADMIN_AUTH = `Basic ${Buffer.from(`${ADMIN.user}:${ADMIN.password}`).toString('base64')}`;

export interface OursOptions {
  /** Settings by their environment names. */
  readonly env?: Readonly<Record<string, string>>;
  /** HTTP processes; default 1. */
  readonly workers?: number;
  /** Another entry than the product's own. */
  readonly entry?: string;
  /** A data directory that is left as it is; a fresh one, removed at the end, unless given. */
  readonly dataDir?: string;
}

export interface Ours extends Server {
  readonly dataDir: string;
  /** Time from the start of the process to its first answer at /readyz, ms. */
  readonly readyMs: number;
  /** Address of an operation, e.g. `getImage/key/auto:200x150`. */
  url(operation: string): string;
}

/** Starts the product; whoever started it calls `stop`. */
export async function startOurs({ env, workers = 1, entry = MAIN, dataDir }: OursOptions = {}): Promise<Ours> {
  const dir = dataDir ?? (await mkdtemp(join(tmpdir(), 'proofsheet-bench-')));
  const startedAt = performance.now();
  const server = await startServer({
    command: NODE,
    args: [entry],
    env: {
      NODE_ENV: 'production',
      PROOFSHEET_PORT: '0',
      PROOFSHEET_DATA_DIR: dir,
      PROOFSHEET_WORKERS: String(workers),
      PROOFSHEET_ADMIN_USER: ADMIN.user,
      PROOFSHEET_ADMIN_PASSWORD: ADMIN.password,
      ...env,
    },
    ready: /"url":"http:\/\/[^"]*?:(\d+)/,
    readyLines: workers,
  });
  const ready = async (): Promise<boolean> => (await fetch(`${server.origin}/readyz`)).ok;
  while (!(await ready())) await new Promise((resolve) => setTimeout(resolve, 5));
  return {
    ...server,
    dataDir: dir,
    readyMs: performance.now() - startedAt,
    url: (operation) => `${server.origin}${BASE_PATH}/${operation}`,
    async stop() {
      await server.stop();
      if (dataDir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Asks for `url` until it is answered from the hot lane in every process: hits are measured, not the way there. */
export async function warm(url: string, times = 20): Promise<Response> {
  for (let left = times; left > 1; left--) await (await fetch(url)).arrayBuffer();
  return fetch(url);
}
