// Load from outside the measured process: wrk, one thread, so that the server has the other core to itself.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers outside 2xx and 3xx, and socket errors: a measurement with any is no measurement. */
  readonly failures: number;
}

export interface LoadOptions {
  readonly url: string;
  readonly seconds: number;
  readonly connections?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A wrk script in Lua. */
  readonly script?: string;
  readonly scriptArguments?: readonly string[];
}

/** Runs wrk once; throws when it cannot be run. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const headers = Object.entries(options.headers ?? {}).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const { stdout } = await run(
    'wrk',
    [
      '-t1',
      `-c${options.connections ?? 32}`,
      `-d${options.seconds}s`,
      '--latency',
      ...headers,
      ...(options.script ? ['-s', options.script] : []),
      options.url,
      ...(options.scriptArguments ? ['--', ...options.scriptArguments] : []),
    ],
    { timeout: (options.seconds + 30) * 1000 },
  );
  return parse(stdout);
}

function parse(output: string): LoadResult {
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? 0);
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output);
  return {
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    p50Ms: milliseconds(/50%\s+([\d.]+)(us|ms|s)/.exec(output)),
    p99Ms: milliseconds(/99%\s+([\d.]+)(us|ms|s)/.exec(output)),
    failures:
      number(/Non-2xx or 3xx responses: (\d+)/) + (sockets?.slice(1).reduce((sum, text) => sum + Number(text), 0) ?? 0),
  };
}

function milliseconds(match: RegExpExecArray | null): number {
  if (!match) return Number.NaN;
  return Number(match[1]) * { us: 0.001, ms: 1, s: 1000 }[match[2] as 'us' | 'ms' | 's'];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  const lower = sorted[middle - 1];
  if (upper === undefined) return Number.NaN;
  return sorted.length % 2 === 1 || lower === undefined ? upper : (lower + upper) / 2;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Runs each contender in turn, `rounds` times, so that all share the machine's moods; results by contender. */
export async function alternate<T>(
  rounds: number,
  contenders: Readonly<Record<string, () => Promise<T>>>,
): Promise<Record<string, T[]>> {
  const results: Record<string, T[]> = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) results[name]?.push(await run());
  }
  return results;
}
