// Watches a process's resident memory while it works, from outside: an estimate from a header can be wrong, and a decoder
// can be made to take what its header does not tell. Where /proc is not there, nothing is watched.
import { readFileSync } from 'node:fs';

/** Linux counts in pages; 4 KiB on every machine that the decoders are built for but some ARM ones, where it errs to the safe side. */
const PAGE_BYTES = 4096;
/** A decoder can fill some hundred MB in this time, which the limit's slack has to bear. */
const LOOK_EVERY_MS = 100;

export class MemoryWatch {
  private readonly timer: NodeJS.Timeout;

  /**
   * Looks ten times a second until `end`. `mayTake` is asked each time, since it grows with what is granted; it counts from
   * what the process has now. `exceeded` is called once at most.
   */
  constructor(pid: number, mayTake: () => number, exceeded: (bytes: number) => void) {
    const before = residentBytes(pid) ?? 0;
    this.timer = setInterval(() => {
      const bytes = residentBytes(pid);
      if (bytes === undefined || bytes - before <= mayTake()) return;
      this.end();
      exceeded(bytes);
    }, LOOK_EVERY_MS);
  }

  end(): void {
    clearInterval(this.timer);
  }
}

/** Resident memory of a process in bytes; `undefined` when it is gone or the system does not tell. */
export function residentBytes(pid: number): number | undefined {
  try {
    // A few microseconds: the kernel writes the line from memory.
    const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
    return Number.isFinite(pages) ? pages * PAGE_BYTES : undefined;
  } catch {
    return undefined;
  }
}
