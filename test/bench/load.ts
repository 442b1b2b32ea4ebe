// Load from outside the measured process: wrk, one thread, so that a server of one process has a core to itself.
import { run } from '../support/processes.js';
import { requireTool } from '../support/tools.js';

export interface LoadResult {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface LoadOptions {
  readonly url: string;
  readonly seconds: number;
  /** Keep-alive connections; default 32. */
  readonly connections?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A wrk script in Lua. */
  readonly script?: string;
  readonly scriptArguments?: readonly string[];
}

/** Runs wrk once. Throws when it cannot be run, and for any answer outside 2xx and 3xx: that would be no measurement. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const headers = Object.entries(options.headers ?? {}).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const { stdout } = await run(
    await requireTool('wrk'),
    [
      '-t1',
      `-c${options.connections ?? 32}`,
      `-d${options.seconds}s`,
      '--latency',
      // Answers that come late count as late; wrk's own 2 s would count them as failed.
      '--timeout',
      '30s',
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
  const failures =
    number(/Non-2xx or 3xx responses: (\d+)/) + (sockets?.slice(1).reduce((sum, text) => sum + Number(text), 0) ?? 0);
  const result = {
    requestsPerSecond: number(/Requests\/sec:\s+([\d.]+)/),
    p50Ms: milliseconds(/50%\s+([\d.]+)(us|ms|s)/.exec(output)),
    p99Ms: milliseconds(/99%\s+([\d.]+)(us|ms|s)/.exec(output)),
  };
  if (failures > 0 || result.requestsPerSecond === 0) throw new Error(`expected only good answers, got:\n${output}`);
  return result;
}

function milliseconds(match: RegExpExecArray | null): number {
  if (!match) return Number.NaN;
  return Number(match[1]) * { us: 0.001, ms: 1, s: 1000 }[match[2] as 'us' | 'ms' | 's'];
}
