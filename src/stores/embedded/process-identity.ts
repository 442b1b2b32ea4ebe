// What tells the processes that may share LMDB's files from those that may not: its readers' table and the mutex of its writers know
// processes and threads by ids that mean something within one PID namespace alone.
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Differs after every start of the machine; empty where the system does not tell. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Not Linux: the callers' fallbacks are safe without it.
    return '';
  }
}

/** This start of the machine, where the system tells it; else the machine by its name. */
export function machineId(): string {
  return createHash('sha256')
    .update(bootId() || hostname())
    .digest('hex')
    .slice(0, 12);
}

/** This PID namespace of this start of the machine, as 12 hex digits: the group that a process belongs to. */
export function processGroup(): string {
  return createHash('sha256').update(`${bootId()} ${pidNamespace()}`).digest('hex').slice(0, 12);
}

/** Without a link that names it, where /proc is hidden, every process is taken for one of its own: no two share anything then. */
function pidNamespace(): string {
  if (process.platform !== 'linux') return hostname();
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return `unknown ${process.pid} ${process.hrtime.bigint()}`;
  }
}
