// Which process has a job in hand, and whether it is gone. Told among those that may have the data directory open at the same time: one
// PID namespace of one start of the machine (see process-identity.ts); of any other nobody is left.
import { readFileSync } from 'node:fs';
import { processGroup } from '../process-identity.js';

/** This process's name, and no other's. */
export function ownHolder(): string {
  return `${processGroup()} ${process.pid} ${startOf(process.pid) ?? 0}`;
}

/** Whether the process called `name` has ended for sure. Where the system does not tell, its leases end by themselves. */
export function isGone(name: string): boolean {
  const [group, pid, start] = name.split(' ');
  if (group !== processGroup()) return true;
  if (process.platform !== 'linux') return false;
  return startOf(Number(pid)) !== Number(start);
}

/**
 * When the process was started, in ticks since boot (proc(5), stat field 22), which tells it from a later one with its id. One that
 * has ended and that its parent has not asked for yet (state Z or X) is none.
 */
function startOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets, and may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}
