// The Refusals port on Redis: failed sources remembered by all nodes, each until its key expires. The entries and the
// names of them are spread over all shards, so that a flood of bad sources is no single server's load.
import type { Digest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Failure, Refusal, Refusals } from '../../kernel/ports/refusals.js';
import { ALL_SHARDS, digestShard, type Shard } from './key-layout.js';
import { decodeRefusal, FORGET_REFUSALS, NOTE_REFUSAL, REFUSAL_FIELDS, sealedRefusal } from './refusal-entry.js';
import { healingTypes, readMany, runMany, type Session } from './session.js';
import { digestOfMember, oldestNamed, withoutStrays } from './strays.js';

export interface RedisRefusalsOptions {
  /** How long a failure is remembered after its last time. */
  readonly ttlMs: number;
  /** More push out those that are forgotten soonest. */
  readonly maxEntries: number;
  /** Names what decides whether a source fails (limits, enabled types, version): failures under other rules mean nothing. */
  readonly rules: string;
}

/** Names outlive their entries by this much, so that a node whose clock is ahead takes no living one out. */
const CLOCK_MARGIN_MS = 60_000;
/** Names read of each shard at a time, and removed by one script. */
const BATCH = 50;
/** Most that one note makes room for; it adds one entry, so this keeps up with any flood. */
const MAX_REMOVED = 1_000;

export class RedisRefusals implements Refusals {
  constructor(
    private readonly session: Session,
    private readonly options: RedisRefusalsOptions,
  ) {}

  async find(source: Digest): Promise<Refusal | undefined> {
    const { link, deadlines } = this.session;
    const commands = this.reading(source);
    const [name, fields] = await healingTypes(
      this.session,
      commands.map(({ key }) => key),
      () => link.sendAll(commands, deadlines.getMs),
    );
    return name === null ? undefined : decodeRefusal(this.session.seals, source, this.options.rules, fields);
  }

  async note(source: Digest, failure: Failure): Promise<void> {
    const { keys, clock, logger } = this.session;
    const { ttlMs, rules, maxEntries } = this.options;
    const now = clock.now();
    const { code, message, certain } = failure;
    const sum = this.session.seals.of('refusal', sealedRefusal(source, rules, failure));
    const times = [Math.round(now + ttlMs), Math.ceil(ttlMs), Math.ceil(ttlMs) + CLOCK_MARGIN_MS];
    const args = [rules, sum, code, message, certain ? '1' : '0', ...times, source, Math.round(now) - CLOCK_MARGIN_MS];
    try {
      const [names] = await runMany(this.session, NOTE_REFUSAL, [
        { keys: [keys.refusal(source), keys.refusals(digestShard(source))], args },
      ]);
      // While no shard has more than its share, all of them together are not too many.
      if (Number(names) > Math.floor(maxEntries / ALL_SHARDS.length)) await this.makeRoom();
    } catch (error) {
      // A full server takes no notes. The source is tried again, and whoever sent it hears of its own failure.
      if (!(error instanceof ProofsheetError && error.code === 'storage-full')) throw error;
      logger.debug({ error }, 'a refusal was not noted');
    }
  }

  async *list(): AsyncGenerator<readonly Refusal[]> {
    for await (const sources of this.namesByEnd()) {
      const replies = await readMany(
        this.session,
        sources.flatMap((source) => this.reading(source)),
      );
      const refusals = sources.flatMap((source, at) => {
        const [name, fields] = replies.slice(2 * at);
        return (
          (name === null ? undefined : decodeRefusal(this.session.seals, source, this.options.rules, fields)) ?? []
        );
      });
      if (refusals.length > 0) yield refusals;
    }
  }

  async forget(source?: Digest): Promise<number> {
    if (source !== undefined) return this.remove([source]);
    const { keys } = this.session;
    let forgotten = 0;
    for (let shards = ALL_SHARDS; shards.length > 0; ) {
      const replies = await readMany(
        this.session,
        shards.map((shard) => {
          const key = keys.refusals(shard);
          return { key, args: ['ZRANGE', key, '0', String(BATCH - 1)] };
        }),
      );
      const left: Shard[] = [];
      for (const [at, shard] of shards.entries()) {
        const members = replies[at] as string[];
        const found = await withoutStrays(this.session, keys.refusals(shard), shard, members, digestOfMember);
        forgotten += await this.remove(found.named);
        if (members.length === BATCH && found.named.length + found.dropped > 0) left.push(shard);
      }
      shards = left;
    }
    return forgotten;
  }

  /** Whether the index names the source, and its entry. */
  private reading(source: Digest) {
    const { keys } = this.session;
    const [entry, index] = [keys.refusal(source), keys.refusals(digestShard(source))];
    return [
      { key: index, args: ['ZSCORE', index, source] },
      { key: entry, args: ['HMGET', entry, ...REFUSAL_FIELDS] },
    ];
  }

  private async makeRoom(): Promise<void> {
    const { keys } = this.session;
    const { maxEntries } = this.options;
    const counts = await readMany(
      this.session,
      ALL_SHARDS.map((shard) => ({ key: keys.refusals(shard), args: ['ZCARD', keys.refusals(shard)] })),
    );
    const over = (counts as number[]).reduce((sum, count) => sum + count, 0) - maxEntries;
    if (over <= 0) return;
    // A hundredth more than must be: in a flood not every note asks all shards for their oldest.
    const removed = Math.min(over + Math.floor(maxEntries / 100), MAX_REMOVED);
    const keyOf = (shard: Shard): string => keys.refusals(shard);
    const end = Number.POSITIVE_INFINITY;
    const { oldest, dropped } = await oldestNamed(this.session, keyOf, removed, end, digestOfMember);
    await this.remove(oldest.slice(0, Math.max(0, removed - dropped)).map(({ named }) => named));
  }

  private async remove(sources: readonly Digest[]): Promise<number> {
    const { keys } = this.session;
    const byShard = new Map<Shard, Digest[]>();
    for (const source of sources) {
      const shard = digestShard(source);
      byShard.set(shard, [...(byShard.get(shard) ?? []), source]);
    }
    const replies = await runMany(
      this.session,
      FORGET_REFUSALS,
      [...byShard].map(([shard, inShard]) => ({
        keys: [keys.refusals(shard), ...inShard.map((source) => keys.refusal(source))] as [string, ...string[]],
        args: inShard,
      })),
    );
    return (replies as number[]).reduce((sum, count) => sum + count, 0);
  }

  /** The names of all shards merged by their ends, a page of each shard at a time. */
  private async *namesByEnd(): AsyncGenerator<Digest[]> {
    let pages = ALL_SHARDS.map((shard): Page => ({ shard, names: [], from: '-inf', seen: new Set(), isLast: false }));
    for (;;) {
      pages = await this.filled(pages);
      // Beyond the end of a page its shard may have more: what ends later than that waits for the next page.
      const until = Math.min(...pages.filter(({ isLast }) => !isLast).map(({ names }) => names.at(-1)?.[1] ?? 0));
      const next = pages.flatMap(({ names }) => names.filter(([, ends]) => ends <= until));
      if (next.length > 0) yield next.toSorted(([, a], [, b]) => a - b).map(([source]) => source);
      if (until === Number.POSITIVE_INFINITY) return;
      pages = pages.map((page) => ({ ...page, names: page.names.filter(([, ends]) => ends > until) }));
    }
  }

  private async filled(pages: readonly Page[]): Promise<Page[]> {
    const { keys } = this.session;
    const isEmpty = ({ names, isLast }: Page) => names.length === 0 && !isLast;
    const replies = await readMany(
      this.session,
      pages.filter(isEmpty).map(({ shard, from, seen }) => {
        const key = keys.refusals(shard);
        const limit = String(BATCH + seen.size);
        return { key, args: ['ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', '0', limit] };
      }),
    );
    let at = 0;
    return pages.map((page) => (isEmpty(page) ? nextPage(page, replies[at++] as Name[]) : page));
  }
}

type Name = readonly [source: Digest, ends: number];

interface Page {
  readonly shard: Shard;
  readonly names: readonly Name[];
  /** The end of the last name that was read, and the names that have it: they come again. */
  readonly from: string;
  readonly seen: ReadonlySet<Digest>;
  readonly isLast: boolean;
}

function nextPage({ shard, seen }: Page, reply: readonly Name[]): Page {
  const last = reply.at(-1)?.[1];
  const atLast = reply.filter(([, ends]) => ends === last).map(([source]) => source);
  return {
    shard,
    names: reply.filter(([source]) => !seen.has(source)),
    from: last === undefined ? '+inf' : String(last),
    seen: new Set(atLast),
    isLast: reply.length < BATCH + seen.size,
  };
}
