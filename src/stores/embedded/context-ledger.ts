// What each context has, kept in the same transaction as its groups and sources: groups, bytes, order of use, and which
// context weighs most. Part of the catalog's bookkeeping; knows nothing of groups beyond their keys.
import type { Digest } from '../../kernel/digest.js';
import { type Context, DEFAULT_CONTEXT } from '../../kernel/image-key.js';
import { contextAtEnd, digestKey, endOfPrefix, splitGroupKey, usedOfKey, weightKey } from './catalog-keys.js';
import {
  type ContextRow,
  decodeContext,
  decodeHolding,
  encodeContext,
  encodeHolding,
  type SourceRow,
} from './catalog-rows.js';
import type { CatalogTables } from './catalog-tables.js';
import { keysFrom, readRow } from './lmdb-environment.js';
import { DamagedRow } from './row-seal.js';

const NOTHING = Buffer.of(0);
/** Contexts that hold one source, looked at in one go. */
const HOLDERS_BATCH = 1_000;

interface Changed {
  readonly context: Buffer;
  readonly before: ContextRow;
  groups: number;
  bytes: number;
}

/** Lives as long as one transaction; `close` writes the weights, once per context however often they changed. */
export class ContextLedger {
  private readonly changed = new Map<string, Changed>();

  constructor(private readonly tables: CatalogTables) {}

  close(): void {
    for (const { context, before, groups, bytes } of this.changed.values()) {
      for (const kind of ['groups', 'bytes'] as const) {
        const now = { groups, bytes }[kind];
        if (before.groups > 0 && (before[kind] !== now || groups === 0))
          this.tables.weights.removeSync(weightKey(kind, before[kind], context));
        if (groups > 0 && (before[kind] !== now || before.groups === 0))
          this.tables.weights.putSync(weightKey(kind, now, context), NOTHING);
      }
      if (groups > 0) this.tables.contexts.putSync(context, encodeContext({ groups, bytes }));
      else {
        this.tables.contexts.removeSync(context);
        this.tables.contextNames.removeSync(context);
      }
    }
  }

  /** Notes what the context of a group is called, in the transaction that adds the group. The default one has no name. */
  named(context: Buffer, name: Context): void {
    if (name !== DEFAULT_CONTEXT && !this.tables.contextNames.doesExist(context))
      this.tables.contextNames.putSync(context, Buffer.from(name));
  }

  groupAdded(key: Buffer, usedSeconds: number): void {
    const { context, imageKey } = splitGroupKey(key);
    this.of(context).groups++;
    this.tables.usedOf.putSync(usedOfKey(context, usedSeconds, imageKey), NOTHING);
  }

  groupUsed(key: Buffer, beforeSeconds: number, usedSeconds: number): void {
    if (beforeSeconds === usedSeconds) return;
    const { context, imageKey } = splitGroupKey(key);
    this.tables.usedOf.removeSync(usedOfKey(context, beforeSeconds, imageKey));
    this.tables.usedOf.putSync(usedOfKey(context, usedSeconds, imageKey), NOTHING);
  }

  groupRemoved(key: Buffer, usedSeconds: number): void {
    const { context, imageKey } = splitGroupKey(key);
    this.of(context).groups--;
    this.tables.usedOf.removeSync(usedOfKey(context, usedSeconds, imageKey));
  }

  /** One more group of the context points to the source. */
  held(context: Buffer, digest: Digest, source: SourceRow, nowSeconds: number): void {
    const key = Buffer.concat([context, digestKey(digest)]);
    const holding = readRow(this.tables.holdings, key, decodeHolding);
    const { groups, since } = holding ?? { groups: 0, since: nowSeconds };
    this.tables.holdings.putSync(key, encodeHolding({ groups: groups + 1, since }));
    if (holding !== undefined) return;
    this.tables.holders.putSync(Buffer.concat([digestKey(digest), context]), NOTHING);
    this.of(context).bytes += source.weight;
    if (isEvictable(source)) this.tables.keptOf.putSync(usedOfKey(context, since, digestKey(digest)), NOTHING);
  }

  /** One group less of the context points to the source, whose row is as it was. */
  unheld(context: Buffer, digest: Digest, source: SourceRow): void {
    const key = Buffer.concat([context, digestKey(digest)]);
    const holding = readRow(this.tables.holdings, key, decodeHolding);
    if (holding === undefined)
      throw new DamagedRow('expected the source of a group to be held by its context, got none');
    if (holding.groups > 1) {
      this.tables.holdings.putSync(key, encodeHolding({ ...holding, groups: holding.groups - 1 }));
      return;
    }
    this.tables.holdings.removeSync(key);
    this.tables.holders.removeSync(Buffer.concat([digestKey(digest), context]));
    this.of(context).bytes -= source.weight;
    if (isEvictable(source)) this.tables.keptOf.removeSync(usedOfKey(context, holding.since, digestKey(digest)));
  }

  /** The source got another weight, or its blob is kept no more: all contexts that hold it are told. */
  sourceChanged(digest: Digest, before: SourceRow, now: SourceRow): void {
    if (before.weight === now.weight && isEvictable(before) === isEvictable(now)) return;
    for (const context of this.holdersOf(digest)) {
      this.of(context).bytes += now.weight - before.weight;
      if (isEvictable(before) === isEvictable(now)) continue;
      const holding = readRow(this.tables.holdings, Buffer.concat([context, digestKey(digest)]), decodeHolding);
      if (holding === undefined) throw new DamagedRow('expected a holding of each holder, got none');
      const key = usedOfKey(context, holding.since, digestKey(digest));
      if (isEvictable(now)) this.tables.keptOf.putSync(key, NOTHING);
      else this.tables.keptOf.removeSync(key);
    }
  }

  private *holdersOf(digest: Digest): Generator<Buffer> {
    const prefix = digestKey(digest);
    for (let start = prefix; ; ) {
      const keys = keysFrom(this.tables.holders, start, endOfPrefix(prefix), HOLDERS_BATCH);
      for (const key of keys) yield contextAtEnd(key);
      const last = keys.at(-1);
      if (last === undefined || keys.length < HOLDERS_BATCH) return;
      start = Buffer.concat([last, NOTHING]);
    }
  }

  private of(context: Buffer): Changed {
    const name = context.toString('latin1');
    let changed = this.changed.get(name);
    if (changed === undefined) {
      const before = readRow(this.tables.contexts, context, decodeContext) ?? { groups: 0, bytes: 0 };
      changed = { context: Buffer.from(context), before, ...before };
      this.changed.set(name, changed);
    }
    return changed;
  }
}

/** Its own blob is kept, and nothing is still to be made of it. */
function isEvictable({ kept, complete }: SourceRow): boolean {
  return kept && complete;
}
