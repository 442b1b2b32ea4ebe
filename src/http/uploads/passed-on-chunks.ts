// A new file for the chunks of a body, whose memory is given back as soon as they are written: sixteen clients at once would otherwise
// have V8 keep 64 MiB of what is on disk long since.
import { close, createWriteStream, open, type WriteStream, write, writev } from 'node:fs';
import { releaseMemory } from '../../kernel/release-memory.js';

/** A socket's chunks of 64 KiB are written several at a time, and wait for the disk less often. */
const BUFFER_BYTES = 512 * 1024;

type Done = (error: NodeJS.ErrnoException | null, bytes: number, written: unknown) => void;

/** Writes what nobody else has in hand: a buffer is empty once the next one is written, be it a chunk or parts of one, in their order. */
export function createChunkFile(path: string): WriteStream {
  let latest: Uint8Array | undefined;
  const pass = (written: Uint8Array): void => {
    if (latest !== undefined && latest.buffer !== written.buffer) releaseMemory(latest);
    latest = written;
  };
  const fs = {
    open,
    close,
    write(fd: number, chunk: Uint8Array, offset: number, length: number, position: number | null, done: Done): void {
      write(fd, chunk, offset, length, position, (error, bytes) => {
        // Of what was written in part the rest is still to come.
        if (error === null && bytes === length) pass(chunk);
        done(error, bytes, chunk);
      });
    },
    writev(fd: number, chunks: readonly Uint8Array[], position: number | null, done: Done): void {
      writev(fd, chunks, position as number, (error, bytes) => {
        if (error === null && bytes === chunks.reduce((sum, { length }) => sum + length, 0)) chunks.forEach(pass);
        done(error, bytes, chunks);
      });
    },
  };
  return createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark: BUFFER_BYTES, fs });
}
