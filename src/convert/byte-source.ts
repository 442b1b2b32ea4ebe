// Bytes that are looked at here and there: of a buffer, or of a file that is not read for it.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** What a buffer has of this. */
export interface ByteSource {
  readonly length: number;
  /** From `start` to before `end`, cut at the end of what there is. */
  subarray(start: number, end: number): Buffer;
}

/** No look takes more than this: what is told of a picture is small, and a file may say of anything that it is large. */
const MAX_LOOK_BYTES = 64 * 1024;

/** A file on the disk; whoever opens it closes it. */
export class FileBytes implements ByteSource {
  private readonly file: number;
  readonly length: number;

  /** Throws the system's error. */
  constructor(path: string) {
    this.file = openSync(path, 'r');
    this.length = fstatSync(this.file).size;
  }

  /** At most 64 KiB of it. */
  subarray(start: number, end: number): Buffer {
    const from = Math.min(start, this.length);
    const buffer = Buffer.alloc(Math.max(0, Math.min(end, this.length, from + MAX_LOOK_BYTES) - from));
    let read = 0;
    while (read < buffer.length) {
      const more = readSync(this.file, buffer, read, buffer.length - read, from + read);
      if (more === 0) break;
      read += more;
    }
    return buffer.subarray(0, read);
  }

  close(): void {
    closeSync(this.file);
  }
}

/** What `look` sees in the file at `path`. */
export function lookingAt<T>(path: string, look: (bytes: ByteSource) => T): T {
  const bytes = new FileBytes(path);
  try {
    return look(bytes);
  } finally {
    bytes.close();
  }
}
