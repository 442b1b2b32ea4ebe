// The Originals port on files of their own, beside the cache's: an original and a blob of the same bytes are two names of one file
// (a hard link), so that whatever the cache evicts, clears or sweeps takes its own name alone. The file system counts the names.
import type { Digest } from '../../../kernel/digest.js';
import type { Originals } from '../../../kernel/ports/originals.js';
import { type BlobFiles, openRegular } from '../blob-files.js';
import type { FileBlobs } from '../file-blobs.js';
import { storageError } from '../storage-errors.js';
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

  async read(digest: Digest, start: number, end: number): Promise<AsyncIterable<Uint8Array> | undefined> {
    try {
      const opened = await openRegular(this.files.pathOf(digest));
      if (opened === undefined || opened === 'not-a-file') return undefined;
      return opened.file.createReadStream({ start, end: Math.max(start, end) - 1, highWaterMark: READ_BYTES });
    } catch (error) {
      throw storageError(error);
    }
  }

  has(digest: Digest): Promise<boolean> {
    return this.blobs.has(digest);
  }
}
