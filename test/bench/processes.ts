// Starts and stops what is measured: every server is a process of its own on a free port of the loopback.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { start } from '../support/processes.js';
import { NODE, type Program } from '../support/tools.js';

export interface Server {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  readonly pid: number;
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly command: Program;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Matches a line on stdout, its one group the port. */
  readonly ready: RegExp;
  /** Lines that have to match before the server counts as started; default 1. */
  readonly readyLines?: number;
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
/** Lines of stderr that a failed start is reported with. */
const TAIL_LINES = 20;

/** Starts a server and waits until it listens. Throws with what it said when it does not. */
export async function startServer({ command, args, env, ready, readyLines = 1 }: ServerOptions): Promise<Server> {
  const child = start(command, args, { env: { ...process.env, ...env } });
  const tail: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => tail.push(chunk.toString()) > TAIL_LINES && tail.shift());
  const port = await new Promise<number>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${command} ${args.join(' ')} ${why}\n${tail.join('')}`));
    const timer = setTimeout(() => fail(`was not ready within ${READY_TIMEOUT_MS} ms`), READY_TIMEOUT_MS);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code) => fail(`ended with ${code}`));
    let lines = 0;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = ready.exec(line);
      if (!match || ++lines < readyLines) return;
      clearTimeout(timer);
      resolve(Number(match[1]));
    });
  });
  return { origin: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, stop: () => stop(child) };
}

/** A peer of `peers/`, on the Node that runs the benchmark. */
export function startPeer(file: string, env: Readonly<Record<string, string>>): Promise<Server> {
  const path = new URL(`peers/${file}`, import.meta.url).pathname;
  return startServer({ command: NODE, args: [path], env, ready: /^listening (\d+)/ });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

/** Runs `use` with servers that are stopped afterwards, whatever happened. */
export async function withServers<S extends Server, T>(
  starting: readonly Promise<S>[],
  use: (...servers: S[]) => Promise<T>,
): Promise<T> {
  const started = await Promise.allSettled(starting);
  try {
    const servers = started.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
    return await use(...servers);
  } finally {
    await Promise.all(started.map((result) => (result.status === 'fulfilled' ? result.value.stop() : undefined)));
  }
}
