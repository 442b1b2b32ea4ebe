// The directory for a process's unfinished files: one per process, so that the files of dead ones can be told and removed.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { makeDirs } from './make-dirs.js';

/** Directories of other hosts (containers of an earlier start, mostly) count as left behind when untouched this long. */
const FOREIGN_MS = 24 * 3_600_000;

const OWNED = /^run-([0-9a-f]{12})-([0-9]+)-([0-9]+)$/;

/** Makes this process's own directory under `root`, and removes those of processes that are gone. Returns its path. */
export function openScratchDir(root: string, nowMs: number): string {
  makeDirs(root);
  const own = `run-${hostId()}-${process.pid}-${startOf(process.pid) ?? 0}`;
  for (const name of readdirSync(root)) {
    if (name !== own && isLeftBehind(root, name, nowMs)) rmSync(join(root, name), { recursive: true, force: true });
  }
  const path = join(root, own);
  makeDirs(path);
  return path;
}

/** Whether `name` is a directory of ours whose process is gone; what has another name is not ours and stays. */
function isLeftBehind(root: string, name: string, nowMs: number): boolean {
  const [, host, pid, start] = OWNED.exec(name) ?? [];
  if (host === undefined) return false;
  if (host === hostId()) return startOf(Number(pid)) !== Number(start);
  const stat = statSync(join(root, name), { throwIfNoEntry: false });
  return stat !== undefined && nowMs - stat.mtimeMs > FOREIGN_MS;
}

/** This boot of this machine (or container): process ids mean something within it alone. */
function hostId(): string {
  return createHash('sha256').update(`${hostname()} ${bootId()}`).digest('hex').slice(0, 12);
}

/** Differs after every start of the machine; empty where the system does not tell. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Not Linux: the callers' fallbacks are safe without it.
    return '';
  }
}

/**
 * When the process was started, in ticks since boot (proc(5), stat field 22), which tells it from a later one with its id;
 * 0 for a living one where the system does not tell, `undefined` for none.
 */
function startOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets, and may hold blanks.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return process.platform !== 'linux' && isAlive(pid) ? 0 : undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
