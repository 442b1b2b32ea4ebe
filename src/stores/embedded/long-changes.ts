// Changes of the catalog that may be long: removing, noting accesses, evicting, sweeping. Cut into transactions of a few
// milliseconds each, so that those who read and those who write are served in between.
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../../kernel/digest.js';
import type { GroupRef } from '../../kernel/image-key.js';
import type { Evicted, Selection } from '../../kernel/ports/catalog.js';
import type { Clock } from '../../kernel/ports/clock.js';
import {
  byKeyKey,
  type ContextKeys,
  contextAtEnd,
  contextOfKey,
  digestOfKey,
  endOfPrefix,
  groupKeyOfByKey,
  secondsOf,
  splitUsedKey,
  usedKey,
  type WeightKind,
  weightPrefix,
  whatOfUsedOfKey,
} from './catalog-keys.js';
import { CatalogLedger } from './catalog-ledger.js';
import { decodeBlob } from './catalog-rows.js';
import type { CatalogTables } from './catalog-tables.js';
import { keysFrom, lastKey, readRow, type Table } from './lmdb-environment.js';

/** A write transaction of many steps ends after this time: no other writer and no request of this process runs meanwhile. */
const WRITE_MS = 0.5;
/** Steps of one write transaction at most. */
const WRITE_BATCH = 256;
const NO_BYTES = Buffer.alloc(0);
/** LMDB has no empty keys. */
export const FIRST_KEY = Buffer.of(0);

export interface Access {
  readonly ref: GroupRef;
  /** Unix ms. */
  readonly at: number;
}

/** What the catalog needs of the blob files; both calls block, which is why they are few and cheap. */
export interface BlobFileCheck {
  /** Whether the blob's file is there with exactly this many bytes. */
  isStored(digest: Digest, bytes: number): boolean;
  /** Removes the file; one that is not there is removed. `false` when it could not be removed. */
  unlink(digest: Digest): boolean;
}

/** A long change, cut into transactions; every step takes what it worked on out of what `list` finds next. */
interface Batch<T> {
  list(most: number): readonly T[];
  step(ledger: CatalogLedger, item: T): void;
  /** Inside the transaction, with the number of steps. */
  done?(ledger: CatalogLedger, steps: number): void;
}

/** Runs `work` on a ledger in one transaction. */
export function withLedger<T>(tables: CatalogTables, work: (ledger: CatalogLedger) => T): Promise<T> {
  return tables.environment.write(() => {
    const ledger = new CatalogLedger(tables);
    const result = work(ledger);
    ledger.close();
    return result;
  });
}

/** The key of the context that has most, and whether it is the only one. */
export function heaviestContext(
  tables: CatalogTables,
  by: WeightKind,
): { readonly context: Buffer; readonly alone: boolean } | undefined {
  const prefix = weightPrefix(by);
  const last = lastKey(tables.weights, prefix, endOfPrefix(prefix));
  if (last === undefined) return undefined;
  const alone = keysFrom(tables.weights, prefix, endOfPrefix(prefix), 2).length < 2;
  return { context: Buffer.from(contextAtEnd(last)), alone };
}

export class LongChanges {
  constructor(
    private readonly tables: CatalogTables,
    private readonly files: BlobFileCheck,
    private readonly names: ContextKeys,
    private readonly clock: Clock,
  ) {}

  async remove(selection: Selection): Promise<number> {
    let removed = 0;
    for (let more = true; more; ) {
      more = await this.writeBatch(WRITE_BATCH, {
        list: (most) => this.selectedGroups(selection, most),
        step: (ledger, key) => ledger.removeGroup(key),
        done: (ledger) => {
          removed += ledger.removedGroups;
        },
      });
    }
    return removed;
  }

  /** The keys of the first groups that are selected, at most a batch. */
  private selectedGroups({ context, imageKey }: Selection, most: number): readonly Buffer[] {
    if (imageKey !== undefined && context !== undefined) return [this.names.groupKey({ context, imageKey })];
    if (imageKey !== undefined) {
      const prefix = byKeyKey(Buffer.from(imageKey), NO_BYTES);
      return keysFrom(this.tables.byKey, prefix, endOfPrefix(prefix), most).map(groupKeyOfByKey);
    }
    const prefix = context === undefined ? NO_BYTES : this.names.contextKey(context);
    return keysFrom(this.tables.groups, prefix.length > 0 ? prefix : FIRST_KEY, endOfPrefix(prefix), most);
  }

  async touch(accesses: readonly Access[]): Promise<void> {
    const left = [...accesses];
    for (let more = true; more; ) {
      more = await this.writeBatch(WRITE_BATCH, {
        list: (most) => left.slice(0, most),
        step: (ledger, { ref, at }) => {
          ledger.use(this.names.groupKey(ref), secondsOf(at));
          left.shift();
        },
      });
    }
  }

  /** Uses that were noted after `latest` (Unix seconds) count as made at `now`. */
  async redateUses(latest: number, now: number): Promise<void> {
    const from = usedKey(latest + 1, NO_BYTES);
    for (let more = true; more; ) {
      more = await this.writeBatch(WRITE_BATCH, {
        list: (most) => keysFrom(this.tables.usedGroups, from, undefined, most),
        step: (ledger, key) => ledger.redateUse(splitUsedKey(key).what, now),
      });
    }
  }

  async evictSources(limit: number): Promise<Evicted> {
    return this.evict(limit, {
      list: (most) => keysFrom(this.tables.usedSources, FIRST_KEY, undefined, most),
      step: (ledger, key) => ledger.dropSourceBlob(digestOfKey(splitUsedKey(key).what)),
    });
  }

  async evictGroups(limit: number, before = Number.POSITIVE_INFINITY): Promise<Evicted> {
    return this.evict(limit, {
      list: (most) =>
        keysFrom(this.tables.usedGroups, FIRST_KEY, undefined, most).filter(
          (key) => splitUsedKey(key).seconds * 1000 < before,
        ),
      step: (ledger, key) => ledger.removeGroup(splitUsedKey(key).what),
    });
  }

  async evictSourcesOfHeaviest(limit: number): Promise<Evicted> {
    return this.evict(limit, {
      list: (most) => this.keysOfHeaviest(this.tables.keptOf, 'bytes', most),
      step: (ledger, key) => ledger.dropSourceBlob(digestOfKey(whatOfUsedOfKey(key))),
    });
  }

  async evictGroupsOfHeaviest(by: WeightKind, limit: number): Promise<Evicted> {
    return this.evict(limit, {
      list: (most) => this.keysOfHeaviest(this.tables.usedOf, by, most),
      step: (ledger, key) => ledger.removeGroup(Buffer.concat([contextOfKey(key), whatOfUsedOfKey(key)])),
    });
  }

  private keysOfHeaviest(table: Table, by: WeightKind, most: number): readonly Buffer[] {
    const context = heaviestContext(this.tables, by)?.context;
    return context === undefined ? [] : keysFrom(table, context, endOfPrefix(context), most);
  }

  private async evict(limit: number, batch: Pick<Batch<Buffer>, 'list' | 'step'>): Promise<Evicted> {
    let [left, groups, sources, bytes] = [limit, 0, 0, 0];
    for (let more = true; more && left > 0; ) {
      more = await this.writeBatch(Math.min(left, WRITE_BATCH), {
        ...batch,
        done: (ledger, steps) => {
          left -= steps;
          groups += ledger.removedGroups;
          sources += ledger.droppedSources;
          bytes += ledger.freedBytes;
        },
      });
    }
    return { groups, sources, bytes };
  }

  async sweep(limit: number): Promise<readonly Digest[]> {
    const swept: Digest[] = [];
    for (let [more, left] = [true, limit]; more && left > 0; ) {
      more = await this.writeBatch(Math.min(left, WRITE_BATCH), {
        list: (most) => keysFrom(this.tables.garbage, FIRST_KEY, undefined, most),
        step: (_ledger, key) => this.sweepBlob(key, swept),
        done: (_ledger, steps) => {
          left -= steps;
        },
      });
    }
    return swept;
  }

  /** See `commit` for why the file is unlinked in here. */
  private sweepBlob(key: Buffer, swept: Digest[]): void {
    this.tables.garbage.removeSync(key);
    if ((readRow(this.tables.blobs, key, decodeBlob)?.refs ?? 0) > 0) return;
    // A file that cannot be removed is an orphan from now on: the orphan sweep tries it again.
    this.tables.blobs.removeSync(key);
    if (this.files.unlink(digestOfKey(key))) swept.push(digestOfKey(key));
  }

  /**
   * One transaction over the first `most` of what `list` finds, or as many as there is time for. Resolves with whether
   * there may be more, after a turn of the event loop for those who only read.
   */
  private async writeBatch<T>(most: number, { list, step, done }: Batch<T>): Promise<boolean> {
    const more = await withLedger(this.tables, (ledger) => {
      const endMs = this.clock.monotonic() + WRITE_MS;
      const found = list(most);
      let steps = 0;
      for (const item of found) {
        step(ledger, item);
        steps++;
        if (this.clock.monotonic() > endMs) break;
      }
      done?.(ledger, steps);
      return steps < found.length || found.length === most;
    });
    if (more) await setImmediate();
    return more;
  }
}
