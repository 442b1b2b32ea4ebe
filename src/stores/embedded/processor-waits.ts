// How long this thread has waited for a processor since it was last asked: what seems to be a slow disk may be a busy machine.
import { closeSync, openSync, readSync } from 'node:fs';

/** Of this thread: time it ran, time it waited to run, in ns, and how often it ran (Documentation/scheduler/sched-stats.rst). */
const SCHEDSTAT = '/proc/thread-self/schedstat';

/** Gives ms since the call before; 0 at the first one, and where the system does not tell. Takes some 10 µs. */
export function processorWaits(path = SCHEDSTAT): () => number {
  const buffer = Buffer.alloc(128);
  let lastMs = readMs(path, buffer);
  return () => {
    const nowMs = readMs(path, buffer);
    const waitedMs = nowMs - lastMs;
    lastMs = nowMs;
    return Math.max(0, waitedMs);
  };
}

function readMs(path: string, buffer: Buffer): number {
  try {
    const file = openSync(path, 'r');
    try {
      const length = readSync(file, buffer, 0, buffer.length, 0);
      return Number(buffer.toString('latin1', 0, length).split(' ')[1]) / 1e6 || 0;
    } finally {
      closeSync(file);
    }
  } catch {
    return 0;
  }
}
