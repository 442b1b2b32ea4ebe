// Reads one source after the other into the same memory: pages that are in use already cost a third of new ones.
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

/** Larger files get memory of their own, which is given back. Large scans and lossless photographs fit. */
const MAX_KEPT_BYTES = 32 * 1024 * 1024;
/** Grows in these steps, so that sources of about the same size share one buffer. */
const STEP_BYTES = 4 * 1024 * 1024;

export class ReadBuffer {
  private kept = Buffer.alloc(0);

  /**
   * The bytes of the file at `path`, in one go: a child has nothing else to do meanwhile. They are overwritten by the next
   * read, so whoever reads waits until the conversion before is over.
   */
  read(path: string): Buffer {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      if (size > MAX_KEPT_BYTES) return readFileSync(file);
      if (size > this.kept.length) this.kept = Buffer.allocUnsafeSlow(Math.ceil(size / STEP_BYTES) * STEP_BYTES);
      let read = 0;
      while (read < size) {
        const more = readSync(file, this.kept, read, size - read, null);
        if (more === 0) break;
        read += more;
      }
      return this.kept.subarray(0, read);
    } finally {
      closeSync(file);
    }
  }
}
