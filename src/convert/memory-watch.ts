// Watches a process's own memory while it works, from outside: an estimate from a header can be wrong, and a decoder can be made to
// take what its header does not tell. Where /proc is not there, nothing is watched.
import { readFileSync } from 'node:fs';

/** Linux counts in pages; 4 KiB on every machine that the decoders are built for but some ARM ones, where it errs to the safe side. */
const PAGE_BYTES = 4096;
/** A decoder can fill some hundred MB in this time, which the limit's slack has to bear. */
const LOOK_EVERY_MS = 100;

/** What a conversion may take beside its grant: decoders' tables, metadata, strips. Headers alone have taken 100 MiB at most. */
const CHILD_SLACK_BYTES = 256 * 1024 * 1024;
/** How far off the estimate behind a grant may be. */
const GRANT_TOLERANCE = 1.5;

/** Of a source, before its header is known and anything is granted: it is read, and some decoders take a copy. */
const SOURCE_COPIES = 2;

/**
 * On top of what the process had kept from before, bytes: half as much again as was granted, or the source as often as it is held
 * before, and some slack.
 */
export function mayTake(grantedBytes: number, sourceBytes: number): number {
  return CHILD_SLACK_BYTES + Math.max(GRANT_TOLERANCE * grantedBytes, SOURCE_COPIES * sourceBytes);
}

export class MemoryWatch {
  private readonly timer: NodeJS.Timeout;

  /**
   * Looks ten times a second until `end`. `mayTake` is asked each time, since it grows with what is granted; it counts from
   * what the process has now. `exceeded` is called once at most.
   */
  constructor(pid: number, mayTake: () => number, exceeded: (bytes: number) => void) {
    const before = ownBytes(pid) ?? 0;
    this.timer = setInterval(() => {
      const bytes = ownBytes(pid);
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
  return memoryOf(pid)?.resident;
}

/**
 * The same without what is mapped of files, which the system takes back when it has no room: of a JPEG that is read by its path, the
 * whole file in the end.
 */
export function ownBytes(pid: number): number | undefined {
  const memory = memoryOf(pid);
  return memory && memory.resident - memory.ofFiles;
}

function memoryOf(pid: number): { readonly resident: number; readonly ofFiles: number } | undefined {
  try {
    // A few microseconds: the kernel writes the line from memory.
    const [, resident = Number.NaN, ofFiles = Number.NaN] = readFileSync(`/proc/${pid}/statm`, 'latin1')
      .split(' ')
      .map((pages) => Number(pages) * PAGE_BYTES);
    return Number.isFinite(resident - ofFiles) ? { resident, ofFiles } : undefined;
  } catch {
    return undefined;
  }
}
