// The Catalog port on LMDB: every process of the machine reads it without a lock and writes it one transaction at a time.
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../../kernel/digest.js';
import { type Context, DEFAULT_CONTEXT, type GroupRef, type ImageKey } from '../../kernel/image-key.js';
import type { Catalog, CommitRequest, Evicted, Selection, Usage } from '../../kernel/ports/catalog.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { ContextUsage, FairEviction, Heaviest } from '../../kernel/ports/fair-eviction.js';
import type { CatalogEntry, NamedBlob, SourceRecord } from '../../kernel/source.js';
import type { PagePyramid } from '../../kernel/zoom/pyramid-index.js';
import { addPyramidIn, type CommitParts, commitIn } from './catalog-commit.js';
import type { CatalogDamage } from './catalog-damage.js';
import {
  ContextKeys,
  digestKey,
  digestOfKey,
  endOfPrefix,
  imageKeyOf,
  imageKeyOfByKey,
  keyAfter,
  secondsOf,
  splitGroupKey,
  splitUsedKey,
} from './catalog-keys.js';
import { decodeRecord } from './catalog-ledger.js';
import {
  decodeBlob,
  decodeContext,
  decodeGeneration,
  decodeGroup,
  decodeSource,
  decodeTotals,
  type GroupRow,
  type SourceRow,
} from './catalog-rows.js';
import { type CatalogTables, TOTALS_KEY } from './catalog-tables.js';
import { keysFrom, lastKey, readRow, type Table } from './lmdb-environment.js';
import {
  type Access,
  type BlobFileCheck,
  FIRST_KEY,
  heaviestContext,
  LongChanges,
  withLedger,
} from './long-changes.js';
import { DamagedRow } from './row-seal.js';

/** Keys per batch of a listing: about 1 ms. */
const LIST_BATCH = 1000;

/** Clocks are set by this much in passing. */
const CLOCK_MARGIN_SECONDS = 300;

const NO_BYTES = Buffer.alloc(0);
const NO_USAGE: ContextUsage = { groups: 0, bytes: 0 };

export class LmdbCatalog implements Catalog, FairEviction {
  private readonly names = new ContextKeys();
  private readonly changes: LongChanges;
  private readonly parts: CommitParts;
  private generationTxnId = -1;
  private lastGeneration = 0;

  constructor(
    private readonly tables: CatalogTables,
    private readonly files: BlobFileCheck,
    private readonly clock: Clock,
    private readonly damage: CatalogDamage,
  ) {
    tables.environment.onFailure = (error) => void damage.met(error);
    this.changes = new LongChanges(tables, files, this.names, clock);
    this.parts = { names: this.names, files, clock };
  }

  async find(ref: GroupRef): Promise<CatalogEntry | undefined> {
    return this.reading(() => this.entryOf(ref));
  }

  private entryOf(ref: GroupRef): CatalogEntry | undefined {
    const row = readRow(this.tables.groups, this.names.groupKey(ref), decodeGroup);
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
    return this.reading(() => readRow(this.tables.records, digestKey(digest), decodeRecord));
  }

  async holds(context: Context, source: Digest): Promise<boolean> {
    const key = Buffer.concat([digestKey(source), this.names.contextKey(context)]);
    return this.reading(() => this.tables.holders.doesExist(key)) ?? false;
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
    return withLedger(this.tables, (ledger) => commitIn(ledger, this.parts, request));
  }

  addPyramid(source: Digest, pyramid: PagePyramid): Promise<'added' | 'no-source' | 'no-blob'> {
    return withLedger(this.tables, (ledger) => addPyramidIn(ledger, this.parts, source, pyramid));
  }

  remove(selection: Selection): Promise<number> {
    return this.changes.remove(selection);
  }

  removeGroup(ref: GroupRef, revision: string, lost?: Pick<NamedBlob, 'digest' | 'bytes'>): Promise<boolean> {
    return withLedger(this.tables, (ledger) => {
      // In the transaction: who stores the blob after this look finds the group gone, or before it, the blob.
      if (lost && this.files.isStored(lost.digest, lost.bytes)) return false;
      const key = this.names.groupKey(ref);
      const group = ledger.group(key);
      const source = group && ledger.source(group.sourceDigest);
      if (!group || !source || revisionText(group, source) !== revision) return false;
      ledger.removeGroup(key);
      return true;
    });
  }

  async count(context?: Context): Promise<number> {
    if (context === undefined) return (await this.usage()).keys;
    return (await this.usageOf(context)).groups;
  }

  async *keys(context?: Context): AsyncGenerator<readonly ImageKey[]> {
    const prefix = context === undefined ? NO_BYTES : this.names.contextKey(context);
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

  /** All groups in batches, in no order that means anything; for copying them elsewhere. */
  async *groups(): AsyncGenerator<readonly GroupRef[]> {
    const ofDefault = this.names.contextKey(DEFAULT_CONTEXT);
    for await (const batch of this.walk(this.tables.groups, NO_BYTES)) {
      const refs: GroupRef[] = [];
      for (const key of batch) {
        const { context, imageKey } = splitGroupKey(key);
        const name = context.equals(ofDefault) ? DEFAULT_CONTEXT : readRow(this.tables.contextNames, context, String);
        // Without a name the context lost its last group meanwhile.
        if (name !== undefined) refs.push({ context: name as Context, imageKey: imageKeyOf(imageKey) });
      }
      yield refs;
    }
  }

  async usage(): Promise<Usage> {
    if (this.damage.isBeyondRepair) throw new DamagedRow('expected a catalog that is whole, got a damaged one');
    this.tables.environment.refresh();
    const totals = this.damage.needing(() => readRow(this.tables.facts, TOTALS_KEY, decodeTotals));
    if (totals === undefined) throw new Error('expected totals in the catalog, got none');
    const { generation: _, ...usage } = totals;
    return usage;
  }

  async oldestUse(): Promise<number | undefined> {
    this.tables.environment.refresh();
    const [first] = this.damage.needing(() => keysFrom(this.tables.usedGroups, FIRST_KEY, undefined, 1));
    return first && splitUsedKey(first).seconds * 1_000;
  }

  touch(accesses: readonly Access[]): Promise<void> {
    return this.changes.touch(accesses);
  }

  async redateFutureUses(): Promise<void> {
    const now = secondsOf(this.clock.now());
    const latest = now + CLOCK_MARGIN_SECONDS;
    const last = this.damage.needing(() => {
      this.tables.environment.refresh();
      return lastKey(this.tables.usedGroups, FIRST_KEY, undefined);
    });
    // Nearly always there is none, and no transaction.
    if (last !== undefined && splitUsedKey(last).seconds > latest) await this.changes.redateUses(latest, now);
  }

  evictSources(limit: number): Promise<Evicted> {
    return this.changes.evictSources(limit);
  }

  evictGroups(limit: number, before?: number): Promise<Evicted> {
    return this.changes.evictGroups(limit, before);
  }

  async usageOf(context: Context): Promise<ContextUsage> {
    return this.damage.needing(() => {
      this.tables.environment.refresh();
      return readRow(this.tables.contexts, this.names.contextKey(context), decodeContext) ?? NO_USAGE;
    });
  }

  async heaviest(by: 'bytes' | 'groups'): Promise<Heaviest | undefined> {
    return this.damage.needing(() => {
      this.tables.environment.refresh();
      const found = heaviestContext(this.tables, by);
      const usage = found && readRow(this.tables.contexts, found.context, decodeContext);
      return found && usage && { ...usage, alone: found.alone };
    });
  }

  evictSourcesOfHeaviest(limit: number): Promise<Evicted> {
    return this.changes.evictSourcesOfHeaviest(limit);
  }

  evictGroupsOfHeaviest(by: 'bytes' | 'groups', limit: number): Promise<Evicted> {
    return this.changes.evictGroupsOfHeaviest(by, limit);
  }

  sweep(limit: number): Promise<readonly Digest[]> {
    return this.changes.sweep(limit);
  }

  /** Unlinks those of `digests` that the catalog does not know and that are old. Resolves with how many were removed. */
  unlinkUnknown(digests: readonly Digest[], isOld: (digest: Digest) => boolean): Promise<number> {
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
    return this.reading(() => readRow(this.tables.blobs, digestKey(digest), decodeBlob)?.bytes);
  }

  async *unfinished(): AsyncGenerator<Digest> {
    for await (const batch of this.walk(this.tables.unfinished, NO_BYTES))
      for (const key of batch) yield digestOfKey(key);
  }

  generation(): number {
    const txnId = this.tables.environment.refresh();
    if (txnId !== this.generationTxnId) {
      // Accesses, sweeps and renewals are commits as well, so only the counter tells whether an entry changed.
      this.lastGeneration = this.damage.needing(() => readRow(this.tables.facts, TOTALS_KEY, decodeGeneration)) ?? 0;
      this.generationTxnId = txnId;
    }
    return this.lastGeneration;
  }

  revisionOf(ref: GroupRef): string | undefined {
    return this.reading(() => {
      const group = readRow(this.tables.groups, this.names.groupKey(ref), decodeGroup);
      const source = group && readRow(this.tables.sources, digestKey(group.sourceDigest), decodeSource);
      return group && source && revisionText(group, source);
    });
  }

  close(): Promise<void> {
    this.damage.close();
    return this.tables.environment.close();
  }

  /** What `read` finds of what was committed last. */
  private reading<T>(read: () => T): T | undefined {
    return this.damage.passing(() => {
      this.tables.environment.refresh();
      return read();
    });
  }

  /** All keys with `prefix` in batches; each batch is a read of its own, so that no reader holds old pages for long. */
  private async *walk(table: Table, prefix: Buffer): AsyncGenerator<readonly Buffer[]> {
    const end = endOfPrefix(prefix);
    let start = prefix.length > 0 ? prefix : FIRST_KEY;
    for (;;) {
      this.tables.environment.refresh();
      const from = start;
      const keys = this.damage.needing(() => keysFrom(table, from, end, LIST_BATCH));
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
