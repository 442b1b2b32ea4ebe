// What contexts have, summed over all shards, and which has most. The numbers of groups are checked against the index, and
// made anew from it where a server has evicted them.
import type { Context } from '../../kernel/image-key.js';
import type { ContextUsage, Heaviest } from '../../kernel/ports/fair-eviction.js';
import type { ContextStanding } from '../../kernel/ports/insight.js';
import { COUNT_CONTEXTS, TOP_CONTEXTS } from './context-scripts.js';
import type { GroupIndex } from './group-index.js';
import { ALL_SHARDS, type Shard } from './key-layout.js';
import { readMany, runMany, type Session } from './session.js';

/** Contexts that are looked at of each shard, those that have most there. */
const TOP = 32;
/** Of all those, the ones that are summed over all shards. */
const CANDIDATES = 8;
/** Contexts counted by one script: about half a millisecond of the server's time. */
const COUNT_BATCH = 100;

/** Of sums: entries that are not about a context. Their names begin with a control character. */
const OWN_ENTRIES = 4;

type Sums = readonly (readonly [name: string, sum: number])[];

export interface HeaviestContext extends Heaviest {
  readonly context: Context;
}

export class ContextLedger {
  constructor(
    private readonly session: Session,
    private readonly groups: GroupIndex,
  ) {}

  async usageOf(context: Context): Promise<ContextUsage> {
    const { keys } = this.session;
    const [groups, bytes] = await Promise.all([
      this.groups.count({ context }),
      readMany(
        this.session,
        ALL_SHARDS.map((shard) => ({ key: keys.sums(shard), args: ['ZSCORE', keys.sums(shard), context] })),
      ),
    ]);
    return { groups, bytes: (bytes as (number | null)[]).reduce<number>((sum, of) => sum + (of ?? 0), 0) };
  }

  /**
   * The context that has most. Exact up to `TOP` contexts; of more, it is looked for among those that have most in some
   * shard: what is spread so evenly that it stands out in none has not much more than others.
   */
  async heaviest(by: 'bytes' | 'groups'): Promise<HeaviestContext | undefined> {
    const [tops, all] = await Promise.all([this.tops(by), this.groups.count('groups')]);
    const found = await this.heaviestOf(by, tops, all);
    if (found !== undefined || by === 'bytes' || all === 0) return found;
    // There are groups, and all that are said to have most have none: numbers that nobody counted. (Sums of bytes are counted anew by rounds.)
    for (const shard of ALL_SHARDS) if ((tops[shard]?.length ?? 0) > 0) await this.countAnew(shard);
    return this.heaviestOf(by, await this.tops(by), all);
  }

  private async heaviestOf(by: 'bytes' | 'groups', tops: Sums[], all: number): Promise<HeaviestContext | undefined> {
    let best: HeaviestContext | undefined;
    for (const [context, most] of candidatesOf(tops, CANDIDATES)) {
      // No other can have more.
      if (best !== undefined && best[by] >= most) break;
      const usage = await this.usageOf(context);
      // What a crash has left charged to a context without groups cannot be taken from it.
      if (usage.groups > 0 && usage[by] > (best?.[by] ?? -1)) best = { ...usage, context, alone: usage.groups === all };
    }
    return best;
  }

  /** As `heaviest`, of at most `limit` contexts, the one with most first. */
  async heaviestContexts(by: 'bytes' | 'groups', limit: number): Promise<readonly ContextStanding[]> {
    const candidates = candidatesOf(await this.tops(by), limit);
    const standings: ContextStanding[] = [];
    for (const [context] of candidates) standings.push({ context, ...(await this.usageOf(context)) });
    return standings.filter(({ groups }) => groups > 0).toSorted((a, b) => b[by] - a[by]);
  }

  private tops(by: 'bytes' | 'groups'): Promise<Sums[]> {
    return by === 'groups' ? this.topsByGroups() : this.topsByBytes();
  }

  private async topsByBytes(): Promise<Sums[]> {
    const { keys } = this.session;
    const last = String(TOP + OWN_ENTRIES - 1);
    const replies = await readMany(
      this.session,
      ALL_SHARDS.map((shard) => {
        const key = keys.sums(shard);
        return { key, args: ['ZREVRANGE', key, '0', last, 'WITHSCORES'] };
      }),
    );
    return (replies as Sums[]).map(ofContexts);
  }

  private async topsByGroups(): Promise<Sums[]> {
    const tops = await this.askForTops(ALL_SHARDS);
    const wrong = ALL_SHARDS.filter((_, at) => tops[at] === undefined);
    for (const shard of wrong) await this.countAnew(shard);
    // Told at last or not: whoever asks again finds out.
    const again = await this.askForTops(wrong);
    return ALL_SHARDS.map((shard, at) => tops[at] ?? again[wrong.indexOf(shard)] ?? []);
  }

  /** `undefined` for shards whose numbers are not those of their index. */
  private async askForTops(shards: readonly Shard[]): Promise<(Sums | undefined)[]> {
    const { keys } = this.session;
    const last = TOP + OWN_ENTRIES - 1;
    const replies = await runMany(
      this.session,
      TOP_CONTEXTS,
      shards.map((shard) => ({ keys: [keys.index(shard), keys.contexts(shard)], args: [last] })),
    );
    return (replies as [number, string[]][]).map(([right, flat]) =>
      right === 1 ? ofContexts(inPairs(flat)) : undefined,
    );
  }

  private async countAnew(shard: Shard): Promise<void> {
    const { keys, logger } = this.session;
    logger.warn({ shard }, 'numbers of groups by context were lost in Redis, and are counted anew');
    for (let from = '[C'; from !== ''; ) {
      const call = { keys: [keys.index(shard), keys.contexts(shard)], args: [from, COUNT_BATCH] } as const;
      [from] = (await runMany(this.session, COUNT_CONTEXTS, [call])) as [string];
    }
  }
}

/** Contexts with the most that each can have, the largest first: where a shard has not told of one, up to its least top. */
function candidatesOf(tops: readonly Sums[], limit: number): (readonly [Context, number])[] {
  const most = new Map<string, number>();
  let untold = 0;
  for (const top of tops) {
    const least = top.length < TOP ? 0 : (top.at(-1)?.[1] ?? 0);
    untold += least;
    for (const [name, sum] of top) most.set(name, (most.get(name) ?? 0) + sum - least);
  }
  return [...most]
    .map(([name, sum]) => [name as Context, sum + untold] as const)
    .toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, limit);
}

function ofContexts(sums: Sums): Sums {
  return sums.filter(([name]) => name < '\x01' || name > '\x1f').slice(0, TOP);
}

/** What a script returns of a sorted set: names and numbers in turns, as text. */
export function inPairs(flat: readonly string[]): [string, number][] {
  const pairs: [string, number][] = [];
  for (let at = 0; at < flat.length; at += 2) pairs.push([flat[at] ?? '', Number(flat[at + 1])]);
  return pairs;
}
