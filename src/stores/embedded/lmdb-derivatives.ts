// The Derivatives port on LMDB rows and files: `derivatives/rows` and `derivatives/blobs` in the data directory. A row is written
// before its file and removed after it, so that no file is ever without a row, whenever the process dies.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../../kernel/digest.js';
import type { Clock } from '../../kernel/ports/clock.js';
import {
  DERIVATIVE_ENTRY_BYTES,
  type Derivative,
  type Derivatives,
  type DerivativesUsage,
  type DrawnSource,
} from '../../kernel/ports/derivatives.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import { BlobFiles } from './blob-files.js';
import { BlobReader } from './blob-reads.js';
import { digestKey, endOfPrefix } from './catalog-keys.js';
import { FileBlobs } from './file-blobs.js';
import { keysFrom, LmdbEnvironment, readRow, type Table } from './lmdb-environment.js';
import { checkLength } from './lmdb-file.js';
import { makeDirs } from './make-dirs.js';

export interface LmdbDerivativesOptions {
  readonly dataDir: string;
  /** For files that are being written, on the data directory's file system. */
  readonly tmpDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

type Row = { readonly usedAt: number } & (
  | { readonly kind: 'picture'; readonly picture: Derivative }
  | { readonly kind: 'source'; readonly known: DrawnSource }
  | { readonly kind: 'tag'; readonly source: Digest }
);

/** Uses are noted so coarse, in ms: a read hardly ever writes. */
const RESOLUTION_MS = 60_000;
/** Taken away in one transaction. */
const BATCH = 16;
const TIME_BYTES = 8;
const FIRST_KEY = Buffer.of(0);
const USAGE_KEY = Buffer.from('usage');
/** Stands for no recipe: what is known of the source itself. */
const NO_RECIPE = Buffer.alloc(32);
/** The same of a client's own name for a source. */
const OF_TAG = Buffer.alloc(32, 1);

export class LmdbDerivatives implements Derivatives {
  /** source + recipe -> Row as JSON. */
  private readonly rows: Table;
  /** time of last use + source + recipe -> nothing. */
  private readonly uses: Table;
  /** digest of a picture -> number of rows that name it. */
  private readonly names: Table;
  /** `usage` -> entries and bytes. */
  private readonly facts: Table;
  private readonly files: BlobFiles;
  private readonly blobs: FileBlobs;

  private constructor(
    private readonly environment: LmdbEnvironment,
    private readonly options: LmdbDerivativesOptions,
  ) {
    this.rows = environment.table('rows');
    this.uses = environment.table('rows-by-use');
    this.names = environment.table('blob-names');
    this.facts = environment.table('facts');
    const { dataDir, tmpDir, clock, logger, metrics } = options;
    this.files = new BlobFiles(join(dataDir, 'derivatives', 'blobs'));
    const bytesOf = (): undefined => undefined;
    const reader = new BlobReader(clock);
    this.blobs = new FileBlobs({ files: this.files, reader, clock, tmpDir, bytesOf, fsync: false, logger, metrics });
  }

  /** What cannot be read is begun anew: everything in it can be drawn again. */
  static open(options: LmdbDerivativesOptions): LmdbDerivatives {
    const dir = join(options.dataDir, 'derivatives');
    const open = (): LmdbDerivatives => {
      makeDirs(join(dir, 'blobs'));
      checkLength(join(dir, 'rows', 'data.mdb'));
      const environment = LmdbEnvironment.open(join(dir, 'rows'), 'consistent');
      return environment.atOnce(() => new LmdbDerivatives(environment, options));
    };
    try {
      return open();
    } catch (error) {
      options.logger.warn({ error }, 'pictures on demand could not be opened; they are drawn anew');
      rmSync(dir, { recursive: true, force: true });
      return open();
    }
  }

  async sourceOf(source: Digest): Promise<DrawnSource | undefined> {
    const row = this.used(keyOf(source, undefined));
    return row?.kind === 'source' ? row.known : undefined;
  }

  async noteSource(source: Digest, known: DrawnSource): Promise<void> {
    await this.environment.write(() =>
      this.place(keyOf(source, undefined), { kind: 'source', known, usedAt: this.now }),
    );
  }

  async tagged(tag: Digest): Promise<Digest | undefined> {
    const row = this.used(Buffer.concat([digestKey(tag), OF_TAG]));
    return row?.kind === 'tag' ? row.source : undefined;
  }

  async noteTag(tag: Digest, source: Digest): Promise<void> {
    const key = Buffer.concat([digestKey(tag), OF_TAG]);
    await this.environment.write(() => this.place(key, { kind: 'tag', source, usedAt: this.now }));
  }

  async find(source: Digest, recipe: Digest): Promise<Derivative | undefined> {
    const row = this.used(keyOf(source, recipe));
    return row?.kind === 'picture' ? row.picture : undefined;
  }

  async put(
    source: Digest,
    recipe: Digest,
    { type, bytes, digest, widthPx, heightPx }: Derivative,
    from: string | Buffer,
    hashed = false,
  ) {
    const picture = { type, bytes, digest, widthPx, heightPx };
    const key = keyOf(source, recipe);
    await this.environment.write(() => this.place(key, { kind: 'picture', picture, usedAt: this.now }));
    try {
      await (typeof from === 'string'
        ? this.blobs.putFile(digest, from, 'preview', hashed)
        : this.blobs.put(digest, from, 'preview'));
    } catch (error) {
      await this.environment.write(() => this.remove(key));
      throw error;
    }
  }

  read({ digest }: Pick<Derivative, 'digest'>): Promise<Buffer | undefined> {
    return this.blobs.get(digest);
  }

  async usage(): Promise<DerivativesUsage> {
    this.environment.refresh();
    return this.counted();
  }

  async evict(maxBytes: number): Promise<number> {
    let evicted = 0;
    for (;;) {
      const removed = await this.environment.write(() => {
        let count = 0;
        for (const key of keysFrom(this.uses, FIRST_KEY, undefined, BATCH)) {
          if (this.counted().bytes <= maxBytes) break;
          if (this.remove(Buffer.from(key.subarray(TIME_BYTES)))) count++;
        }
        return count;
      });
      evicted += removed;
      if (removed < BATCH) return evicted;
      await setImmediate();
    }
  }

  async forgetSource(source: Digest): Promise<number> {
    const prefix = digestKey(source);
    let pictures = 0;
    for (;;) {
      const found = await this.environment.write(() => {
        const keys = keysFrom(this.rows, prefix, endOfPrefix(prefix), BATCH).map((key) => Buffer.from(key));
        for (const key of keys) {
          if (readRow(this.rows, key, decodeRow)?.kind === 'picture') pictures++;
          this.remove(key);
        }
        return keys.length;
      });
      if (found < BATCH) return pictures;
      await setImmediate();
    }
  }

  close(): Promise<void> {
    return this.environment.close();
  }

  private get now(): number {
    return Math.max(1, this.options.clock.now());
  }

  /** The row, and its use noted where the last one is long ago. */
  private used(key: Buffer): Row | undefined {
    this.environment.refresh();
    const row = readRow(this.rows, key, decodeRow);
    if (row !== undefined && Math.abs(this.now - row.usedAt) > RESOLUTION_MS)
      this.environment
        .write(() => {
          const current = readRow(this.rows, key, decodeRow);
          if (current !== undefined) this.place(key, { ...current, usedAt: this.now });
        })
        .catch((error: unknown) => this.options.logger.debug({ error }, 'the use of a picture was not noted'));
    return row;
  }

  private place(key: Buffer, row: Row): void {
    const before = readRow(this.rows, key, decodeRow);
    if (before !== undefined) this.forget(key, before, row);
    this.rows.putSync(key, Buffer.from(JSON.stringify(row)));
    this.uses.putSync(useKey(row.usedAt, key), Buffer.of(0));
    if (row.kind === 'picture') this.nameBy(row.picture.digest, 1);
    this.countBy(1, costOf(row));
  }

  private remove(key: Buffer): boolean {
    const row = readRow(this.rows, key, decodeRow);
    if (row === undefined) return false;
    this.forget(key, row, undefined);
    this.rows.removeSync(key);
    return true;
  }

  /** The file goes with the last row that names it, before the row does. */
  private forget(key: Buffer, row: Row, next: Row | undefined): void {
    this.uses.removeSync(useKey(row.usedAt, key));
    this.countBy(-1, -costOf(row));
    if (row.kind !== 'picture') return;
    const { digest } = row.picture;
    const isKept = next?.kind === 'picture' && next.picture.digest === digest;
    if (this.nameBy(digest, -1) === 0 && !isKept) this.files.unlink(digest);
  }

  private nameBy(digest: Digest, change: number): number {
    const key = digestKey(digest);
    const count = Math.max(0, (readRow(this.names, key, (bytes) => bytes.readDoubleBE(0)) ?? 0) + change);
    if (count === 0) this.names.removeSync(key);
    else this.names.putSync(key, numbers(count));
    return count;
  }

  private counted(): DerivativesUsage {
    const read = (bytes: Buffer) => ({ entries: bytes.readDoubleBE(0), bytes: bytes.readDoubleBE(8) });
    return readRow(this.facts, USAGE_KEY, read) ?? { entries: 0, bytes: 0 };
  }

  private countBy(entries: number, bytes: number): void {
    const before = this.counted();
    this.facts.putSync(USAGE_KEY, numbers(before.entries + entries, before.bytes + bytes));
  }
}

function costOf(row: Row): number {
  switch (row.kind) {
    case 'picture':
      return DERIVATIVE_ENTRY_BYTES + row.picture.bytes;
    case 'source':
      return DERIVATIVE_ENTRY_BYTES + JSON.stringify(row.known).length;
    case 'tag':
      return DERIVATIVE_ENTRY_BYTES;
  }
}

function keyOf(source: Digest, recipe: Digest | undefined): Buffer {
  return Buffer.concat([digestKey(source), recipe === undefined ? NO_RECIPE : digestKey(recipe)]);
}

/** Doubles above 0 sort by their big-endian bytes. */
function useKey(usedAt: number, key: Buffer): Buffer {
  return Buffer.concat([numbers(usedAt), key]);
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeDoubleBE(value, index * 8);
  return bytes;
}

function decodeRow(bytes: Buffer): Row {
  // Written by `place` alone.
  return JSON.parse(bytes.toString('utf8', 0, bytes.length)) as Row;
}
