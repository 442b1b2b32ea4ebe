// The CatalogWalk port on LMDB: batches in the order of keys, each a read of its own, so that no reader holds old pages for long.
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../../kernel/digest.js';
import { type Context, DEFAULT_CONTEXT } from '../../kernel/image-key.js';
import type { CatalogWalk, WalkedGroup } from '../../kernel/ports/catalog-walk.js';
import type { GroupRange } from '../../kernel/takedown/purge.js';
import type { CatalogDamage } from './catalog-damage.js';
import {
  ContextKeys,
  digestKey,
  digestOfKey,
  endOfPrefix,
  groupKeyOfByKey,
  imageKeyOf,
  keyAfter,
  splitGroupKey,
} from './catalog-keys.js';
import { decodeGroup } from './catalog-rows.js';
import type { CatalogTables } from './catalog-tables.js';
import { keysFrom, readRow, type Table } from './lmdb-environment.js';

/** About a millisecond each. */
const BATCH = 250;
const FIRST_KEY = Buffer.of(0);

export class LmdbCatalogWalk implements CatalogWalk {
  private readonly names = new ContextKeys();

  constructor(
    private readonly tables: CatalogTables,
    private readonly damage: Pick<CatalogDamage, 'needing' | 'passing'>,
  ) {}

  async *groups({ context, imageKey, prefix = imageKey ?? '' }: GroupRange): AsyncGenerator<readonly WalkedGroup[]> {
    const { groups, byKey } = this.tables;
    const isWhole = context === undefined && prefix !== '';
    // No name holds a control character: with one behind it, a key of all contexts is that one alone.
    const begun = Buffer.from(isWhole && imageKey !== undefined ? `${imageKey}\0` : prefix);
    const from = context === undefined ? begun : Buffer.concat([this.names.contextKey(context), begun]);
    const table = isWhole ? byKey : groups;
    for await (const keys of this.keys(table, from.length === 0 ? FIRST_KEY : from, endOfPrefix(from))) {
      const found = keys.flatMap(
        (key) => this.damage.passing(() => this.groupAt(isWhole ? groupKeyOfByKey(key) : key)) ?? [],
      );
      const asked = imageKey === undefined ? found : found.filter(({ ref }) => ref.imageKey === imageKey);
      if (asked.length > 0) yield asked;
    }
  }

  async *sources(after?: Digest): AsyncGenerator<readonly Digest[]> {
    const from = after === undefined ? FIRST_KEY : keyAfter(digestKey(after));
    for await (const keys of this.keys(this.tables.sources, from, undefined)) yield keys.map((key) => digestOfKey(key));
  }

  private groupAt(key: Buffer): WalkedGroup | undefined {
    const row = readRow(this.tables.groups, key, decodeGroup);
    const { context, imageKey } = splitGroupKey(key);
    const name = context.equals(this.names.contextKey(DEFAULT_CONTEXT))
      ? DEFAULT_CONTEXT
      : readRow(this.tables.contextNames, context, String);
    // Without a row or a name it was removed meanwhile.
    if (row === undefined || name === undefined) return undefined;
    return { ref: { context: name as Context, imageKey: imageKeyOf(imageKey) }, source: row.sourceDigest };
  }

  private async *keys(table: Table, from: Buffer, end: Buffer | undefined): AsyncGenerator<readonly Buffer[]> {
    let start = from;
    for (;;) {
      this.tables.environment.refresh();
      const first = start;
      const keys = this.damage.needing(() => keysFrom(table, first, end, BATCH));
      if (keys.length > 0) yield keys;
      const last = keys.at(-1);
      if (last === undefined || keys.length < BATCH) return;
      start = keyAfter(last);
      await setImmediate();
    }
  }
}
