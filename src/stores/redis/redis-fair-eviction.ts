// The FairEviction port on Redis: takes from the context that has most what it used longest ago.
import type { Digest } from '../../kernel/digest.js';
import type { Context } from '../../kernel/image-key.js';
import type { Evicted } from '../../kernel/ports/catalog.js';
import type { ContextUsage, FairEviction, Heaviest } from '../../kernel/ports/fair-eviction.js';
import { type ContextLedger, inPairs } from './context-ledger.js';
import { SAMPLE_GROUPS } from './context-scripts.js';
import type { UsedGroup } from './group-index.js';
import { ALL_SHARDS, groupOfName, groupShard, type Shard } from './key-layout.js';
import type { RedisCatalog } from './redis-catalog.js';
import { readMany, runMany, type Session } from './session.js';
import { digestOfMember, dropStrays, groupOfMember } from './strays.js';

/**
 * Groups of a context that are looked at in each shard for those used longest ago: all of them, up to about a thousand in
 * sum. Of more it is a sample, in which the oldest are among the oldest hundredth of all.
 */
const SAMPLE = 16;
/** Looking at them costs the server some ms in sum, so the oldest ones found are good for several calls, if these come soon. */
const POOL = 32;
const POOL_MS = 1_000;
const MOST_POOLS = 64;
/** Samples of which everything was used or removed meanwhile, in a row: then nothing is taken this time. */
const MOST_SAMPLES = 3;
/** Digits of a time in ms within an entry of keptOf, and characters of the digest behind it. */
const SINCE_DIGITS = 13;
const DIGEST_CHARACTERS = 64;
const NOTHING: Evicted = { groups: 0, sources: 0, bytes: 0 };

/** The oldest groups of a sample that are not taken yet, oldest first, each with the time of its last access (Unix ms). */
interface Pool {
  readonly groups: [name: string, usedAt: number][];
  /** Of the monotonic clock, in ms. */
  readonly until: number;
}

export class RedisFairEviction implements FairEviction {
  /** By context; bounded by `MOST_POOLS`. */
  private readonly pools = new Map<Context, Pool>();

  constructor(
    private readonly session: Session,
    private readonly ledger: ContextLedger,
    private readonly catalog: Pick<RedisCatalog, 'evictThese' | 'unkeepThese'>,
  ) {}

  usageOf(context: Context): Promise<ContextUsage> {
    return this.ledger.usageOf(context);
  }

  async heaviest(by: 'bytes' | 'groups'): Promise<Heaviest | undefined> {
    const found = await this.ledger.heaviest(by);
    return found && { groups: found.groups, bytes: found.bytes, alone: found.alone };
  }

  async evictSourcesOfHeaviest(limit: number): Promise<Evicted> {
    const found = await this.ledger.heaviest('bytes');
    if (found === undefined) return NOTHING;
    for (;;) {
      const entries = await this.keptLongest(found.context, limit);
      const evicted = await this.catalog.unkeepThese(entries);
      // Entries that lead to nothing any more are gone now, and hide what stands behind them no longer.
      if (evicted.sources > 0 || entries.length === 0) return evicted;
    }
  }

  async evictGroupsOfHeaviest(by: 'bytes' | 'groups', limit: number): Promise<Evicted> {
    const found = await this.ledger.heaviest(by);
    if (found === undefined) return NOTHING;
    return this.catalog.evictThese(await this.oldestOf(found.context, limit));
  }

  /** Groups of the context that were used longest ago, and not since they were looked at. */
  private async oldestOf(context: Context, limit: number): Promise<UsedGroup[]> {
    for (let samples = 0; ; ) {
      let pool = this.pools.get(context);
      if (!pool || pool.groups.length === 0 || pool.until < this.session.clock.monotonic()) {
        if (samples++ === MOST_SAMPLES) return [];
        pool = await this.sample(context, Math.max(POOL, limit));
        if (pool.groups.length === 0) return [];
      }
      const unchanged = await this.unchanged(pool.groups.splice(0, limit));
      if (unchanged.length > 0) return unchanged;
    }
  }

  private async sample(context: Context, size: number): Promise<Pool> {
    const { keys, clock } = this.session;
    const replies = await runMany(
      this.session,
      SAMPLE_GROUPS,
      ALL_SHARDS.map((shard) => ({
        keys: [keys.index(shard), keys.access(shard)],
        args: [context, Math.max(SAMPLE, Math.ceil(size / ALL_SHARDS.length)), Math.random()],
      })),
    );
    const found = (replies as string[][]).flatMap((reply, at) =>
      inPairs(reply).map((entry) => ({
        entry,
        shard: at as Shard,
        isOurs: groupOfMember(entry[0], at as Shard) !== undefined,
      })),
    );
    // Of another shard: nothing of that name stands here, and it would be among the oldest for ever.
    const strays = found.filter(({ isOurs }) => !isOurs);
    await dropStrays(
      this.session,
      strays.map(({ entry, shard }) => ({ key: keys.index(shard), member: `C${entry[0]}` })),
    );
    const ours = found.flatMap(({ entry, isOurs }) => (isOurs ? [entry] : []));
    const oldest = ours.toSorted(([, a], [, b]) => a - b);
    const pool = { groups: oldest.slice(0, size), until: clock.monotonic() + POOL_MS };
    if (this.pools.size >= MOST_POOLS) this.pools.clear();
    this.pools.set(context, pool);
    return pool;
  }

  private async unchanged(groups: readonly (readonly [name: string, usedAt: number])[]): Promise<UsedGroup[]> {
    const { keys } = this.session;
    const refs = groups.flatMap(([name, usedAt]) => {
      const ref = groupOfName(name);
      return ref === undefined ? [] : [{ ref, name, usedAt }];
    });
    const replies = await readMany(
      this.session,
      refs.flatMap(({ ref, name }) => {
        const shard = groupShard(ref.imageKey);
        return [
          { key: keys.access(shard), args: ['ZSCORE', keys.access(shard), name] },
          { key: keys.index(shard), args: ['ZSCORE', keys.index(shard), `C${name}`] },
        ];
      }),
    );
    return refs
      .filter(({ usedAt }, at) => (replies[2 * at] ?? 0) === usedAt && replies[2 * at + 1] !== null)
      .map(({ ref, usedAt }) => ({ ...ref, usedAt }));
  }

  /** Sources whose own blobs can be evicted, those that the context has held longest first. */
  private async keptLongest(context: Context, limit: number) {
    const { keys } = this.session;
    const [from, to] = [`[${context}\0`, `(${context}\x01`];
    for (;;) {
      const replies = await readMany(
        this.session,
        ALL_SHARDS.map((shard) => {
          const key = keys.keptOf(shard);
          return { key, args: ['ZRANGEBYLEX', key, from, to, 'LIMIT', '0', String(limit)] };
        }),
      );
      const found = ALL_SHARDS.flatMap((shard, at) =>
        (replies[at] as string[]).map((entry) => ({
          key: keys.keptOf(shard),
          member: entry,
          of: keptIn(entry, shard),
        })),
      );
      const strays = found.filter(({ of }) => of === undefined);
      if ((await dropStrays(this.session, strays)) > 0) continue;
      return found
        .flatMap(({ member, of }) => (of ? [{ ...of, entry: member }] : []))
        .toSorted((a, b) => (a.since < b.since ? -1 : 1))
        .slice(0, limit);
    }
  }
}

/** Behind the context all entries have the same shape, so they sort by the time. */
function keptIn(entry: string, shard: Shard): { readonly digest: Digest; readonly since: string } | undefined {
  const since = entry.slice(-SINCE_DIGITS - DIGEST_CHARACTERS);
  const digest = digestOfMember(entry.slice(-DIGEST_CHARACTERS), shard);
  return digest !== undefined && /^\d{13}/.test(since) ? { digest, since } : undefined;
}
