// The Originals port on files of their own, beside the cache's: an original and a blob of the same bytes are two names of one file
// (a hard link), so that whatever the cache evicts, clears or sweeps takes its own name alone. The file system counts the names.
import { createHash } from 'node:crypto';
import { type FileHandle, utimes } from 'node:fs/promises';
import type { Digest } from '../../../kernel/digest.js';
import { ProofsheetError } from '../../../kernel/errors.js';
import type { OriginalName, Originals, Pieces } from '../../../kernel/ports/originals.js';
import { releaseMemory } from '../../../kernel/release-memory.js';
import { type BlobFiles, hashFile, openRegular } from '../blob-files.js';
import type { FileBlobs } from '../file-blobs.js';
import { errnoOf, storageError } from '../storage-errors.js';
import type { LibraryChanges } from './library-changes.js';

const READ_BYTES = 256 * 1024;

export class FileOriginals implements Originals {
  constructor(
    private readonly changes: LibraryChanges,
    private readonly files: BlobFiles,
    private readonly blobs: FileBlobs,
  ) {}

  async keep(digest: Digest, path: string, bytes: number): Promise<void> {
    // The note first: a crash behind it leaves at worst a note of nothing, never a file that nobody looks for.
    await this.changes.write(({ assets }) => assets.expect(digest, bytes));
    await this.blobs.putFile(digest, path, 'source', true);
  }

  copyTo(digest: Digest, path: string): Promise<boolean> {
    return this.blobs.copyTo(digest, path);
  }

  async read(original: OriginalName, start: number, end: number): Promise<Pieces | undefined> {
    try {
      const file = await this.open(original);
      if (file === undefined) return undefined;
      const read = file.createReadStream({ start, end: Math.max(start, end) - 1, highWaterMark: READ_BYTES });
      const pieces = start === 0 && end >= original.bytes ? this.checked(original.digest, read) : read;
      return {
        [Symbol.asyncIterator]: () => {
          const iterator = pieces[Symbol.asyncIterator]();
          return {
            next: () => iterator.next(),
            // Whoever leaves before the first piece has begun nothing that would close the file.
            return: async () => {
              read.destroy();
              return (await iterator.return?.()) ?? { done: true, value: undefined };
            },
          };
        },
        passed: releaseMemory,
      };
    } catch (error) {
      throw storageError(error);
    }
  }

  async isWhole(original: OriginalName): Promise<boolean> {
    try {
      const file = await this.open(original);
      if (file === undefined) return false;
      try {
        if ((await hashFile(file)) === original.digest) return true;
      } finally {
        await file.close();
      }
      await this.blobs.discard(original.digest);
      return false;
    } catch (error) {
      // The disk cannot read it: whoever can bring it again is to do so.
      if (errnoOf(error) === 'EIO') return false;
      throw storageError(error);
    }
  }

  async isThere(original: OriginalName & { readonly createdAt: number }): Promise<boolean> {
    const { digest, createdAt } = original;
    try {
      const file = await this.open(original);
      if (file === undefined) return false;
      const { mtimeMs } = await file.stat().finally(() => file.close());
      if (Math.floor(mtimeMs) <= createdAt) return true;
      if (!(await this.isWhole(original))) return false;
      // A restore has copied it, say: read once, and not at every look. A disk that notes nothing has it read again.
      const since = new Date(createdAt);
      await utimes(this.files.pathOf(digest), since, since).catch(() => undefined);
      return true;
    } catch (error) {
      throw storageError(error);
    }
  }

  /** The file of exactly so many bytes; what else stands in its place is set aside. */
  private async open({ digest, bytes }: OriginalName): Promise<FileHandle | undefined> {
    const opened = await openRegular(this.files.pathOf(digest));
    if (opened === undefined) return undefined;
    if (opened !== 'not-a-file' && opened.bytes === bytes) return opened.file;
    if (opened !== 'not-a-file') await opened.file.close();
    await this.blobs.discard(digest);
    return undefined;
  }

  /** The last piece comes only when all of them are what their name says. */
  private async *checked(digest: Digest, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let held: Uint8Array | undefined;
    for await (const piece of pieces) {
      hash.update(piece);
      if (held !== undefined) yield held;
      held = piece;
    }
    if (hash.digest('hex') !== digest) {
      await this.blobs.discard(digest);
      throw new ProofsheetError('internal', 'the original of this image is damaged; restore it from a backup');
    }
    if (held !== undefined) yield held;
  }
}
