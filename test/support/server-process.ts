// The server as an operator starts it: a process of its own from bin/, on a free port, which tests may kill.
import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PATIENCE_MS } from './gate.js';
import { start } from './processes.js';
import { NODE, type Program } from './tools.js';

const MAIN = fileURLToPath(new URL('../../bin/main.js', import.meta.url));

/** A command that replaces itself by the one behind it (`exec`); empty: none. */
export type Wrapper = readonly [] | readonly [Program, ...string[]];

export interface ServerProcess {
  readonly pid: number;
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** Origin and base path. */
  readonly url: string;
  /** Log lines so far, parsed. */
  readonly log: readonly Readonly<Record<string, unknown>>[];
  kill(signal: NodeJS.Signals): void;
  /** Resolves with exit code or signal once the process is gone. */
  readonly gone: Promise<number | NodeJS.Signals>;
}

/**
 * Starts a server with `environment` over the defaults; resolves once it listens. Rejects with its output if it does not.
 * `wrapper`: in front of the server's own command; the pid is the server's.
 */
export async function startServerProcess(
  environment: Readonly<Record<string, string>>,
  wrapper: Wrapper = [],
): Promise<ServerProcess> {
  const child = spawnServer(environment, wrapper);
  const log: Record<string, unknown>[] = [];
  const stderr: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk.toString()));
  const gone = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 1));
  });
  const url = await listeningUrl(child, log, () => stderr.join(''));
  return { pid: child.pid ?? 0, origin: new URL(url).origin, url, log, kill: (signal) => child.kill(signal), gone };
}

/** The bare process, for starts that are expected to fail. */
export function spawnServer(environment: Readonly<Record<string, string>>, wrapper: Wrapper = []) {
  const [program, ...rest] = wrapper.length === 0 ? ([NODE, MAIN] as const) : ([...wrapper, NODE, MAIN] as const);
  return start(program, rest, {
    env: {
      PATH: process.env.PATH ?? '',
      TMPDIR: tmpdir(),
      PROOFSHEET_PORT: '0',
      PROOFSHEET_CONVERTERS: '1',
      ...environment,
    },
  });
}

function listeningUrl(child: ChildProcess, log: Record<string, unknown>[], stderr: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`the server ${why}\n${stderr()}\n${JSON.stringify(log)}`));
    const timer = setTimeout(() => {
      fail(`did not listen within ${PATIENCE_MS} ms`);
      child.kill('SIGKILL');
    }, PATIENCE_MS);
    child.once('exit', (code) => fail(`ended with ${code}`));
    if (child.stdout === null) return fail('has no output');
    createInterface({ input: child.stdout }).on('line', (line) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      log.push(entry);
      if (entry.message !== 'listening' || typeof entry.url !== 'string') return;
      clearTimeout(timer);
      resolve(entry.url);
    });
  });
}

/** Resident memory of a process in bytes, as Linux counts it. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1_024;
}

/** The value of a counter or gauge in Prometheus' text, summed over its label sets that contain `labels`. */
export async function scrape(origin: string, name: string, labels = ''): Promise<number> {
  const text = await (await fetch(`${origin}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
