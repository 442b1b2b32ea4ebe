// The one place where tests and the benchmark start programs. Each leads a process group of its own, which is ended with
// everything in it when the test file ends, and, should that end be missed (killed, interrupted), by the reaper of the run.
import {
  type ChildProcess,
  type ChildProcessByStdio,
  execFile,
  type ForkOptions,
  fork,
  type SpawnSyncReturns,
  spawn,
  spawnSync,
} from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { RUN_VARIABLE } from './run-variable.js';
import type { Program } from './tools.js';

const RUN_MS = 600_000;
const MOST_OUTPUT = 64 << 20;

interface Surroundings {
  /** Instead of this process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
}

/** Leaders of the groups that may still have a process. */
const groups = new Set<number>();
process.once('exit', endAll);

/** Starts `program`; whoever starts it reads its output. */
export function start(
  program: Program,
  args: readonly string[],
  options: Surroundings = {},
): ChildProcessByStdio<null, Readable, Readable> {
  return watched(spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true }));
}

/** Starts a module on this Node, with a channel for messages. */
export function startModule(
  module: string | URL,
  args: readonly string[] = [],
  options: Omit<ForkOptions, 'detached'> = {},
): ChildProcess {
  return watched(fork(module, args, { ...options, detached: true }));
}

/** Runs `program` to its end. Rejects for any exit code but 0, with `code`, `stdout` and `stderr` on the error. */
export function run(
  program: Program,
  args: readonly string[],
  options: Surroundings & { readonly timeout?: number } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: RUN_MS, maxBuffer: MOST_OUTPUT, ...options };
    execFile(program, args, limits, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr });
      else reject(Object.assign(error, { stdout, stderr }));
    });
  });
}

/** Runs `program` to its end, and nothing else meanwhile. */
export function runSync(
  program: Program,
  args: readonly string[],
  options: Surroundings & { readonly input?: string; readonly timeout?: number } = {},
): SpawnSyncReturns<string> {
  return spawnSync(program, args, { timeout: RUN_MS, maxBuffer: MOST_OUTPUT, ...options, encoding: 'utf8' });
}

/** Starts the reaper of a run: in a session of its own, at the end of a pipe that closes when this process ends in whatever way. */
export function startReaper(module: string, directories: readonly string[]): ChildProcessByStdio<Writable, null, null> {
  const reaper = spawn(process.execPath, [module, ...directories], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  reaper.unref();
  return reaper;
}

/** Ends every process group that was started here and still has a process. */
export function endAll(): void {
  for (const leader of groups) {
    signalGroup(leader, 'SIGKILL');
    forget(leader);
  }
}

/** Whether a process is there and has not ended: a zombie has, and waits only to be asked for. */
export function isRunning(pid: number): boolean {
  return /^[^ZX]/.test(statOf(String(pid)) ?? '');
}

/** Processor time in ms of a process and of all below it, also of those that have ended; as coarse as the kernel counts, 10 ms. */
export function cpuMsOf(pid: number): number {
  const ticks = [pid, ...descendantsOf(pid)].flatMap((id) => {
    // Behind the name: state and ten more; then what it took for itself and in the system, and what its ended children took.
    const fields = statOf(String(id))?.split(' ') ?? [];
    return fields.slice(11, 15).map(Number);
  });
  return ticks.reduce((sum, some) => sum + some, 0) * 10;
}

/** Process ids of the children of `pid` and of theirs: what a terminal sends its signals to. */
export function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Process ids of the children of `pid`, as Linux tells them; none when it has ended. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number);
}

/** What a process was started with; of one that has been forked and not started yet, what its parent was; none when it has ended. */
export function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch {
    return []; // It has ended meanwhile.
  }
}

const parentOf = (pid: string): number => Number(statOf(pid)?.split(' ')[1]);

/** What Linux tells of a process behind its name, which stands in brackets and may hold anything: its state comes first. */
function statOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1);
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

function watched<Child extends ChildProcess>(child: Child): Child {
  const { pid } = child;
  // Without a pid it never began.
  if (pid === undefined) return child;
  groups.add(pid);
  const directory = process.env[RUN_VARIABLE];
  if (directory !== undefined) writeFileSync(join(directory, String(pid)), '');
  // A test may look at what a killed process leaves running: only an empty group is forgotten.
  child.once('exit', () => {
    if (!signalGroup(pid, 0)) forget(pid);
  });
  return child;
}

function forget(leader: number): void {
  groups.delete(leader);
  const directory = process.env[RUN_VARIABLE];
  if (directory !== undefined) rmSync(join(directory, String(leader)), { force: true });
}

/** Signals one process of many that end on their own, or with each other: one that has gone meanwhile needs none. */
export function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** False: there is no such group any more. */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-leader, signal);
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
