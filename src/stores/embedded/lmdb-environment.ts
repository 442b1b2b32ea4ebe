// One LMDB environment and how we use it: binary keys and values, grouped durable commits, reads that see every process.
// The only file that knows LMDB's options; it must not know what is stored.
import { type Database, open, type RootDatabase } from 'lmdb';
import { storageError } from './storage-errors.js';

/** Keys and values are bytes: what they mean is ours, and no library version can change it. */
export type Table = Database<Buffer, Buffer>;

/** Address space reserved for the map, not disk: growing a map that several processes share is what is best avoided. */
const MAP_BYTES = 64 * 1024 ** 3;

/**
 * Processes that read at the same time: a slot of 64 bytes each. Twice the largest number of workers, since a server that takes
 * another's place runs beside it, and as many again for commands and slots of the dead that nobody has cleared yet. The first
 * opener decides for all, so it must be the same number everywhere.
 */
const MAX_READERS = 1_024;

/**
 * What a commit that resolved survives. All survive `kill -9`, since a commit ends with `pwrite` into the page cache.
 * `none`: after a power cut the environment may be damaged; only for what is never read after one. `consistent`: after a
 * power cut the last commits may be missing, but the environment is whole. `full`: nothing is missing.
 */
export type Durability = 'none' | 'consistent' | 'full';

interface NativeEnvironment {
  info(): { readonly lastTxnId: number };
}

export class LmdbEnvironment {
  private readonly native: NativeEnvironment;
  /** Told why a transaction failed; by default nobody. */
  onFailure: (error: unknown) => void = () => undefined;
  private seenTxnId = -1;
  private closing: Promise<void> | undefined;
  /** Of writes whose commit is waited for. */
  private readonly waiting = new Set<(error: unknown) => void>();
  /** Why nothing can be written any more. */
  private ended: { readonly cause: unknown } | undefined;

  private constructor(private readonly root: RootDatabase<Buffer, Buffer>) {
    // The library's types leave `env` out; it is how its own getStats() asks, which also walks the free list: too slow here.
    this.native = (root as unknown as { readonly env: NativeEnvironment }).env;
  }

  /** Opens or makes the environment in the directory `path`. Throws LMDB's error when it is damaged. */
  static open(path: string, durability: Durability): LmdbEnvironment {
    return new LmdbEnvironment(
      open<Buffer, Buffer>({
        path,
        // A name like "catalog.v1" would otherwise be taken for a file.
        noSubdir: false,
        maxDbs: 64,
        maxReaders: MAX_READERS,
        mapSize: MAP_BYTES,
        encoding: 'binary',
        keyEncoding: 'binary',
        // Plain LMDB commits: data first, then the page that makes it current. The library's overlapping sync resolves no
        // sooner (measured 0.42 against 0.21 ms) and has rules of its own about what a crash leaves.
        overlappingSync: false,
        noSync: durability === 'none',
        noMetaSync: durability === 'consistent',
      }),
    );
  }

  /** Whatever `open` opens is one commit. Each table by itself would be one, and is synced where it is new: of the twenty of a catalog that took a start 0.2 s. */
  atOnce<T>(open: () => T): T {
    return this.root.transactionSync(open);
  }

  table(name: string): Table {
    return this.root.openDB<Buffer, Buffer>(name, { encoding: 'binary', keyEncoding: 'binary' });
  }

  /**
   * Runs `work` as one transaction: alone over all processes, everything or nothing. Concurrent calls share a commit.
   * `work` must not await, and must not keep bytes that it reads. Resolves once committed. Throws `storage-full`, `internal`,
   * or what `work` throws.
   */
  async write<T>(work: () => T): Promise<T> {
    if (this.ended) throw storageError(this.ended.cause);
    let thrown: { readonly error: unknown } | undefined;
    try {
      // A child transaction, because what shares a commit would otherwise share a failure half-way too.
      const committed = this.root.childTransaction(() => {
        try {
          return work();
        } catch (error) {
          thrown = { error };
          throw error;
        }
      });
      setImmediate(this.heedBatch);
      return await this.unlessEnded(committed);
    } catch (error) {
      if (thrown) {
        this.onFailure(thrown.error);
        throw thrown.error;
      }
      this.endUnlessWritable();
      const cause = await causeOf(error);
      this.onFailure(cause);
      throw storageError(cause);
    }
  }

  /**
   * The library closes the batch of an event turn by an operation of its own, whose promise it gives to nobody: when the
   * commit fails, that is an unhandled rejection and the end of the process. At this point it is the current one.
   */
  private readonly heedBatch = (): void => {
    void this.root.committed.then(undefined, () => undefined);
  };

  /** As `committed` settles; rejects when nothing can be written any more: the library leaves it hanging then, and an end that waits for it with it. */
  private unlessEnded<T>(committed: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.waiting.add(reject);
      const settled = (): unknown => this.waiting.delete(reject);
      committed.then(resolve, reject).then(settled, settled);
    });
  }

  /**
   * A commit that failed for want of space left everything as it was. But when not even the page could be written that
   * makes a commit current, LMDB refuses everything from then on, reads too, and the library leaves writes hanging: only
   * a new process helps, and finds everything that was acknowledged.
   */
  private endUnlessWritable(): void {
    try {
      this.root.transactionSync(() => undefined);
    } catch (error) {
      this.ended = { cause: error };
      for (const reject of [...this.waiting]) reject(error);
      setImmediate(() => {
        throw new Error('the catalog could not be written and cannot be used any more by this process', {
          cause: error,
        });
      });
    }
  }

  /**
   * Makes the reads that follow, up to the next await, see everything that any process has committed. Returns a number
   * that differs after every commit. About 1 µs: LMDB keeps the number of its last transaction in shared memory.
   */
  refresh(): number {
    const { lastTxnId } = this.native.info();
    if (lastTxnId !== this.seenTxnId) {
      this.root.resetReadTxn();
      this.seenTxnId = lastTxnId;
    }
    return lastTxnId;
  }

  /** Writes a copy of one commit into the existing empty directory `path`, while everybody reads and writes on. */
  async copyTo(path: string): Promise<void> {
    await this.root.backup(path, false);
  }

  /** Waits for commits under way, then closes; not where they hang. */
  async close(): Promise<void> {
    if (this.ended) return;
    this.closing ??= this.root.close();
    await this.closing;
  }
}

/** A failed commit names its cause by a promise that rejects with it. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error && 'commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}

/** The first at most `limit` keys from `start` (included) up to `end` (excluded, or the last one). */
export function keysFrom(table: Table, start: Buffer, end: Buffer | undefined, limit: number): Buffer[] {
  return [...table.getKeys(end === undefined ? { start, limit } : { start, end, limit })];
}

/** The last key from `start` (included) up to `end` (excluded); `undefined` when there is none. */
export function lastKey(table: Table, start: Buffer, end: Buffer | undefined): Buffer | undefined {
  return keysFromEnd(table, start, end, 1)[0];
}

/** The last at most `limit` keys from `start` up to the end of the table, or before `end` where no key is `end` itself; the last first. */
export function keysFromEnd(table: Table, start: Buffer, end: Buffer | undefined, limit: number): Buffer[] {
  // Backwards the library wants the greater border first, and leaves out the lesser one.
  return [...table.getKeys({ ...(end && { start: end }), end: start, reverse: true, limit })];
}

/** The row of `key`, read without a copy; `undefined` when there is none. */
export function readRow<T>(table: Table, key: Buffer, decode: (bytes: Buffer) => T): T | undefined {
  const bytes = table.getBinaryFast(key);
  return bytes && decode(bytes);
}
