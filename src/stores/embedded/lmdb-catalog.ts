// The Catalog port on LMDB: every process of the machine reads it without a lock and writes it one transaction at a time.
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../../kernel/digest.js';
import type { Context, GroupRef, ImageKey } from '../../kernel/image-key.js';
import type { Catalog, Clock, CommitRequest, Evicted, Selection, Usage } from '../../kernel/ports.js';
import type { CatalogEntry, SourceRecord } from '../../kernel/source.js';
import {
  byKeyKey,
  contextKey,
  digestKey,
  digestOfKey,
  endOfPrefix,
  groupKey,
  groupKeyOfByKey,
  imageKeyOf,
  imageKeyOfByKey,
  keyAfter,
  secondsOf,
  splitGroupKey,
  splitUsedKey,
} from './catalog-keys.js';
import { blobsOf, CatalogLedger, decodeRecord } from './catalog-ledger.js';
import {
  decodeBlob,
  decodeCount,
  decodeGeneration,
  decodeGroup,
  decodeSource,
  decodeTotals,
  type GroupRow,
  type SourceRow,
} from './catalog-rows.js';
import { type CatalogTables, TOTALS_KEY } from './catalog-tables.js';
import { keysFrom, readRow, type Table } from './lmdb-environment.js';

/** Groups or sources per write transaction: about 2 ms, in which no other writer and no request of this process runs. */
const WRITE_BATCH = 48;
/** Blob files unlinked per write transaction: about 2 ms too. */
const SWEEP_BATCH = 32;
/** Keys per batch of a listing: about 1 ms. */
const LIST_BATCH = 1000;

const NO_BYTES = Buffer.alloc(0);
const FIRST_KEY = Buffer.of(0);

/** What the catalog needs of the blob files; both calls block, which is why they are few and cheap. */
export interface BlobFileCheck {
  /** Whether the blob's file is there with exactly this many bytes. */
  isStored(digest: Digest, bytes: number): boolean;
  /** Removes the file; one that is not there is removed. `false` when it could not be removed. */
  unlink(digest: Digest): boolean;
}

export class LmdbCatalog implements Catalog {
  private generationTxnId = -1;
  private lastGeneration = 0;

  constructor(
    private readonly tables: CatalogTables,
    private readonly files: BlobFileCheck,
    private readonly clock: Clock,
  ) {}

  async find(ref: GroupRef): Promise<CatalogEntry | undefined> {
    this.tables.environment.refresh();
    const row = readRow(this.tables.groups, groupKey(ref), decodeGroup);
    if (row === undefined) return undefined;
    const key = digestKey(row.sourceDigest);
    const sourceRow = readRow(this.tables.sources, key, decodeSource);
    const source = readRow(this.tables.records, key, decodeRecord);
    if (sourceRow === undefined || source === undefined) return undefined;
    return {
      source,
      group: {
        context: ref.context,
        imageKey: ref.imageKey,
        sourceDigest: row.sourceDigest,
        createdAt: row.createdAt,
        lastAccess: row.lastUsed * 1000,
        ...(row.fileName === undefined ? {} : { fileName: row.fileName }),
        revision: revisionText(row, sourceRow),
      },
    };
  }

  async findSource(digest: Digest): Promise<SourceRecord | undefined> {
    this.tables.environment.refresh();
    return readRow(this.tables.records, digestKey(digest), decodeRecord);
  }

  /**
   * Why a blob cannot vanish under a record: LMDB runs one write transaction at a time over all processes. The commit looks
   * at the files inside its transaction, and the sweep unlinks inside one of its own, after looking that no record names
   * the blob. So either the sweep comes first, and the commit finds the file missing and has it stored again, or the commit
   * comes first, and the sweep finds the blob named.
   */
  async commit(request: CommitRequest): Promise<readonly Digest[]> {
    if (request.groups.some((group) => group.sourceDigest !== request.source.digest))
      throw new Error('expected groups that point to the committed source, got another digest');
    return this.write((ledger) => this.commitIn(ledger, request));
  }

  private commitIn(ledger: CatalogLedger, { source, groups, existing }: CommitRequest): readonly Digest[] {
    const blobs = blobsOf(source);
    const known = ledger.source(source.digest);
    const effective = groups
      .map((group) => ({ ...group, key: groupKey(group) }))
      .filter(({ key }) => existing === 'replace' || ledger.group(key) === undefined);
    if (known === undefined && effective.length === 0) {
      ledger.disown(blobs);
      return [];
    }
    // Late work of a sequence that somebody else finished meanwhile: what is complete stays.
    const late =
      known?.complete === true && !source.complete && ledger.record(source.digest)?.sequenceId === source.sequenceId;
    if (!late) {
      const missing = blobs.filter(({ digest, bytes }) => !this.files.isStored(digest, bytes));
      if (missing.length > 0) return missing.map(({ digest }) => digest);
    }
    const now = this.clock.now();
    if (!late) ledger.putSource(source, secondsOf(now));
    for (const { key, fileName } of effective) {
      ledger.putGroup(key, {
        sourceDigest: source.digest,
        createdAt: now,
        lastUsed: secondsOf(now),
        revision: ledger.change(),
        fileName,
      });
    }
    if (late) ledger.disown(blobs);
    return [];
  }

  async remove(selection: Selection, signal?: AbortSignal): Promise<number> {
    let removed = 0;
    for (;;) {
      signal?.throwIfAborted();
      const inBatch = await this.write((ledger) => {
        for (const key of this.selectedGroups(selection)) ledger.removeGroup(key);
        return ledger.removedGroups;
      });
      removed += inBatch;
      if (inBatch < WRITE_BATCH) return removed;
      // A turn of the event loop for those who only read, before the next batch holds it again.
      await setImmediate();
    }
  }

  /** The keys of the first groups that are selected, at most a batch. */
  private selectedGroups({ context, imageKey }: Selection): readonly Buffer[] {
    if (imageKey !== undefined && context !== undefined) return [groupKey({ context, imageKey })];
    if (imageKey !== undefined) {
      const prefix = byKeyKey(Buffer.from(imageKey), NO_BYTES);
      return keysFrom(this.tables.byKey, prefix, endOfPrefix(prefix), WRITE_BATCH).map(groupKeyOfByKey);
    }
    const prefix = context === undefined ? NO_BYTES : contextKey(context);
    return keysFrom(this.tables.groups, prefix.length > 0 ? prefix : FIRST_KEY, endOfPrefix(prefix), WRITE_BATCH);
  }

  async count(context?: Context): Promise<number> {
    if (context === undefined) return (await this.usage()).keys;
    this.tables.environment.refresh();
    return readRow(this.tables.contexts, contextKey(context), decodeCount) ?? 0;
  }

  async *keys(context?: Context): AsyncGenerator<readonly ImageKey[]> {
    const prefix = context === undefined ? NO_BYTES : contextKey(context);
    const table = context === undefined ? this.tables.byKey : this.tables.groups;
    let last: ImageKey | undefined;
    for await (const batch of this.walk(table, prefix)) {
      const keys: ImageKey[] = [];
      for (const key of batch) {
        const imageKey = imageKeyOf(context === undefined ? imageKeyOfByKey(key) : splitGroupKey(key).imageKey);
        // A key in several contexts stands there several times, one after the other.
        if (imageKey !== last) keys.push(imageKey);
        last = imageKey;
      }
      if (keys.length > 0) yield keys;
    }
  }

  async usage(): Promise<Usage> {
    this.tables.environment.refresh();
    const totals = readRow(this.tables.facts, TOTALS_KEY, decodeTotals);
    if (totals === undefined) throw new Error('expected totals in the catalog, got none');
    const { generation: _, ...usage } = totals;
    return usage;
  }

  async touch(accesses: readonly { readonly ref: GroupRef; readonly at: number }[]): Promise<void> {
    for (let from = 0; from < accesses.length; from += WRITE_BATCH) {
      await this.write((ledger) => {
        for (const { ref, at } of accesses.slice(from, from + WRITE_BATCH)) ledger.use(groupKey(ref), secondsOf(at));
      });
    }
  }

  async evictSources(limit: number): Promise<Evicted> {
    return this.evict(limit, (ledger, batch) => {
      for (const key of keysFrom(this.tables.usedSources, FIRST_KEY, undefined, batch))
        ledger.dropSourceBlob(digestOfKey(splitUsedKey(key).what));
      return ledger.droppedSources;
    });
  }

  async evictGroups(limit: number, before?: number): Promise<Evicted> {
    return this.evict(limit, (ledger, batch) => {
      for (const key of keysFrom(this.tables.usedGroups, FIRST_KEY, undefined, batch)) {
        const { seconds, what } = splitUsedKey(key);
        if (before !== undefined && seconds * 1000 >= before) break;
        ledger.removeGroup(what);
      }
      return ledger.removedGroups;
    });
  }

  /** Takes away batch by batch; `take` tells how many it found, and fewer than it was asked for is the end. */
  private async evict(limit: number, take: (ledger: CatalogLedger, batch: number) => number): Promise<Evicted> {
    let [left, groups, sources, bytes] = [limit, 0, 0, 0];
    while (left > 0) {
      const batch = Math.min(left, WRITE_BATCH);
      const taken = await this.write((ledger) => {
        const count = take(ledger, batch);
        groups += ledger.removedGroups;
        sources += ledger.droppedSources;
        bytes += ledger.freedBytes;
        return count;
      });
      left -= batch;
      if (taken < batch) break;
      await setImmediate();
    }
    return { groups, sources, bytes };
  }

  async sweep(limit: number): Promise<readonly Digest[]> {
    const swept: Digest[] = [];
    while (swept.length < limit) {
      const batch = Math.min(limit - swept.length, SWEEP_BATCH);
      const found = await this.tables.environment.write(() => this.sweepIn(batch, swept));
      if (found < batch) break;
      await setImmediate();
    }
    return swept;
  }

  /** See `commit` for why the files are unlinked in here. Returns how many blobs were looked at. */
  private sweepIn(batch: number, swept: Digest[]): number {
    const keys = keysFrom(this.tables.garbage, FIRST_KEY, undefined, batch);
    for (const key of keys) {
      this.tables.garbage.removeSync(key);
      const refs = readRow(this.tables.blobs, key, decodeBlob)?.refs ?? 0;
      if (refs > 0) continue;
      // A file that cannot be removed is an orphan from now on: the orphan sweep tries it again.
      this.tables.blobs.removeSync(key);
      if (this.files.unlink(digestOfKey(key))) swept.push(digestOfKey(key));
    }
    return keys.length;
  }

  /** Unlinks those of `digests` that no record names and nobody waits to sweep. Resolves with how many were removed. */
  async unlinkUnknown(digests: readonly Digest[], isOld: (digest: Digest) => boolean): Promise<number> {
    return this.tables.environment.write(
      () => digests.filter((digest) => !this.isKnown(digest) && isOld(digest) && this.files.unlink(digest)).length,
    );
  }

  /** Whether the catalog counts the blob. May be out of date by the time it is used. */
  isKnown(digest: Digest): boolean {
    return this.bytesOf(digest) !== undefined;
  }

  /** The blob's length as its record has it; `undefined` when no record names it. */
  bytesOf(digest: Digest): number | undefined {
    this.tables.environment.refresh();
    return readRow(this.tables.blobs, digestKey(digest), decodeBlob)?.bytes;
  }

  async *unfinished(): AsyncGenerator<Digest> {
    for await (const batch of this.walk(this.tables.unfinished, NO_BYTES))
      for (const key of batch) yield digestOfKey(key);
  }

  generation(): number {
    const txnId = this.tables.environment.refresh();
    if (txnId !== this.generationTxnId) {
      // Accesses, sweeps and renewals are commits as well, so only the counter tells whether an entry changed.
      this.lastGeneration = readRow(this.tables.facts, TOTALS_KEY, decodeGeneration) ?? 0;
      this.generationTxnId = txnId;
    }
    return this.lastGeneration;
  }

  revisionOf(ref: GroupRef): string | undefined {
    this.tables.environment.refresh();
    const group = readRow(this.tables.groups, groupKey(ref), decodeGroup);
    const source = group && readRow(this.tables.sources, digestKey(group.sourceDigest), decodeSource);
    return group && source && revisionText(group, source);
  }

  close(): Promise<void> {
    return this.tables.environment.close();
  }

  private write<T>(work: (ledger: CatalogLedger) => T): Promise<T> {
    return this.tables.environment.write(() => {
      const ledger = new CatalogLedger(this.tables);
      const result = work(ledger);
      ledger.close();
      return result;
    });
  }

  /** All keys with `prefix` in batches; each batch is a read of its own, so that no reader holds old pages for long. */
  private async *walk(table: Table, prefix: Buffer): AsyncGenerator<readonly Buffer[]> {
    const end = endOfPrefix(prefix);
    let start = prefix.length > 0 ? prefix : FIRST_KEY;
    for (;;) {
      this.tables.environment.refresh();
      const keys = keysFrom(table, start, end, LIST_BATCH);
      if (keys.length > 0) yield keys;
      const last = keys.at(-1);
      if (last === undefined || keys.length < LIST_BATCH) return;
      start = keyAfter(last);
      await setImmediate();
    }
  }
}

/** Both parts rise with every commit, so no pair comes twice: the group's own and that of its source's record. */
function revisionText(group: GroupRow, source: SourceRow): string {
  return `${group.revision.toString(36)}.${source.revision.toString(36)}`;
}
