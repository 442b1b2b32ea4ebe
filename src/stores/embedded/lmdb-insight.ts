// The Insight port on LMDB: the ends of the tables that eviction walks from their beginnings.
import { type Context, DEFAULT_CONTEXT, type GroupRef, type ImageKey } from '../../kernel/image-key.js';
import type { ContextStanding, Insight } from '../../kernel/ports/insight.js';
import type { CatalogDamage } from './catalog-damage.js';
import {
  byKeyKey,
  ContextKeys,
  contextAtEnd,
  endOfPrefix,
  groupKeyOfByKey,
  imageKeyOf,
  splitGroupKey,
  splitUsedKey,
  weightPrefix,
} from './catalog-keys.js';
import { decodeContext } from './catalog-rows.js';
import type { CatalogTables } from './catalog-tables.js';
import { keysFrom, keysFromEnd, readRow, type Table } from './lmdb-environment.js';
import { FIRST_KEY } from './long-changes.js';

export class LmdbInsight implements Insight {
  private readonly ofDefault = new ContextKeys().contextKey(DEFAULT_CONTEXT);

  constructor(
    private readonly tables: CatalogTables,
    private readonly damage: CatalogDamage,
  ) {}

  async heaviestContexts(by: 'bytes' | 'groups', limit: number): Promise<readonly ContextStanding[]> {
    const prefix = weightPrefix(by);
    return this.fromEnd(this.tables.weights, prefix, endOfPrefix(prefix), limit, (key) => {
      const hash = Buffer.from(contextAtEnd(key));
      const context = this.nameOf(hash);
      const usage = readRow(this.tables.contexts, hash, decodeContext);
      return context !== undefined && usage && { context, groups: usage.groups, bytes: usage.bytes };
    });
  }

  async latestUsed(limit: number): Promise<readonly GroupRef[]> {
    return this.fromEnd(this.tables.usedGroups, FIRST_KEY, undefined, limit, (key) => {
      const { context, imageKey } = splitGroupKey(splitUsedKey(key).what);
      const name = this.nameOf(context);
      return name !== undefined && { context: name, imageKey: imageKeyOf(imageKey) };
    });
  }

  /** The first contexts, at most `limit`, that have an image of this key; in no order that means anything. */
  async contextsOf(imageKey: ImageKey, limit: number): Promise<readonly Context[]> {
    const prefix = byKeyKey(Buffer.from(imageKey), Buffer.alloc(0));
    const found = this.damage.passing(() => {
      this.tables.environment.refresh();
      const keys = keysFrom(this.tables.byKey, prefix, endOfPrefix(prefix), limit);
      return keys.flatMap((key) => this.nameOf(splitGroupKey(groupKeyOfByKey(key)).context) ?? []);
    });
    return found ?? [];
  }

  /** What `told` makes of the last `limit` keys, the last first; what was removed meanwhile is passed over. */
  private fromEnd<T>(
    table: Table,
    start: Buffer,
    end: Buffer | undefined,
    limit: number,
    told: (key: Buffer) => T | false | undefined,
  ): readonly T[] {
    const found = this.damage.passing(() => {
      this.tables.environment.refresh();
      return keysFromEnd(table, start, end, limit).flatMap((key) => told(key) || []);
    });
    return found ?? [];
  }

  /** `undefined` for a context that has lost its last group. */
  private nameOf(hash: Buffer): Context | undefined {
    if (hash.equals(this.ofDefault)) return DEFAULT_CONTEXT;
    return readRow(this.tables.contextNames, hash, String) as Context | undefined;
  }
}
