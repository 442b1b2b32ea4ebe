// Which process is meant by a name in the data directory, and whether it lives. A process id says it within one PID namespace of one
// start of one machine only: in containers every server has the same one. The only place that asks whether a process is alive.
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process as file names hold it: `<12 hex of host and namespace>-<process id>-<start in ticks since boot>`. */
const NAME = /^([0-9a-f]{12})-([0-9]+)-([0-9]+)$/;

/** `foreign`: of another host, container or start of the machine, of which nothing can be seen from here. */
export type ProcessState = 'self' | 'alive' | 'dead' | 'foreign';

/** This process's name, and no other's at the same time, wherever it runs. */
export function ownName(): string {
  return `${hostId()}-${process.pid}-${startOf(process.pid) ?? 0}`;
}

/** What is known of the process called `name`; `undefined` when it is no such name. */
export function stateOf(name: string): ProcessState | undefined {
  const [, host, pid, start] = NAME.exec(name) ?? [];
  if (host === undefined) return undefined;
  if (name === ownName()) return 'self';
  if (host !== hostId()) return 'foreign';
  return startOf(Number(pid)) === Number(start) ? 'alive' : 'dead';
}

/** The process id in `name`, in that process's own PID namespace; `undefined` when it is no such name. */
export function idOf(name: string): number | undefined {
  const pid = NAME.exec(name)?.[2];
  return pid === undefined ? undefined : Number(pid);
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

/** This boot of this machine and this PID namespace of it: process ids mean something within them alone. */
function hostId(): string {
  return createHash('sha256').update(`${hostname()} ${bootId()} ${pidNamespace()}`).digest('hex').slice(0, 12);
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    // Not Linux: there are none.
    return '';
  }
}

/**
 * When the process was started, in ticks since boot (proc(5), stat field 22), which tells it from a later one with its id;
 * 0 for a living one where the system does not tell, `undefined` for none. One that has ended and that its parent has not asked
 * for yet (state Z or X) is none: its files are nobody's.
 */
function startOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets, and may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19]);
  } catch {
    return process.platform !== 'linux' && answersSignals(pid) ? 0 : undefined;
  }
}

function answersSignals(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
