// Groups and their index: writing, removing, counting, listing. Knows of sources only the digest and the token that a
// group's record begins with.
import { type Digest, parseDigest } from '../../kernel/digest.js';
import type { Context, GroupRef, ImageKey } from '../../kernel/image-key.js';
import type { CommitRequest, Selection } from '../../kernel/ports/catalog.js';
import { REMOVE_GROUPS, TOUCH_GROUPS, WRITE_GROUP } from './group-scripts.js';
import { ALL_SHARDS, groupName, groupShard, type Shard } from './key-layout.js';
import { TOKEN_CHARACTERS, type Token } from './record-codec.js';
import { readMany, readTokens, runMany, type Session } from './session.js';
import { groupOfMember, oldestNamed, withoutStrays } from './strays.js';

/** A group and when it was used last (Unix ms; 0: unknown), as it was read. */
export type UsedGroup = GroupRef & { readonly usedAt: number };

/** What a group's record said of its source: the reference to end. */
export interface Reference {
  readonly token: Token;
  readonly digest: Digest;
}

export interface WrittenGroup {
  readonly ref: GroupRef;
  readonly record: string;
  /** The token of what may stand there whenever it was made. */
  readonly seen?: string;
}

/**
 * What must still hold when a group is removed, as the script has it: what was decided on something that was read must not hit
 * what was written since. `any` is for clears, which mean whatever stands there.
 */
export type RemovalCondition = 'any' | 'absent' | `is${string}` | `ev${number} ${string}`;

/** Groups removed by one script: about 15 operations each, so about half a millisecond of the server's time. */
const REMOVE_BATCH = 50;

export class GroupIndex {
  constructor(private readonly session: Session) {}

  /**
   * Writes each group's record; resolves, in order, with whether it was written and what stood there before. `again`: the record that
   * comes later than `before`, which stands there and was made so lately that dates would not tell them apart.
   */
  async write<G extends WrittenGroup>(
    groups: readonly G[],
    existing: CommitRequest['existing'],
    again: (group: G, before: string) => string,
  ): Promise<{ readonly written: boolean; readonly before: Reference | undefined }[]> {
    const outcomes = await this.writeOnce(groups, existing);
    for (const [at, { before, isTooSoon }] of outcomes.entries()) {
      let group = groups[at];
      for (let standing = isTooSoon ? before : undefined; group && standing !== undefined; ) {
        group = { ...group, record: again(group, standing), seen: standing.slice(0, TOKEN_CHARACTERS) };
        const [outcome] = await this.writeOnce([group], existing);
        if (outcome) outcomes[at] = outcome;
        standing = outcome?.isTooSoon ? outcome.before : undefined;
      }
    }
    return outcomes.map(({ written, before }) => ({ written, before: referenceOf(before) }));
  }

  private async writeOnce(
    groups: readonly WrittenGroup[],
    existing: CommitRequest['existing'],
  ): Promise<{ readonly written: boolean; readonly isTooSoon: boolean; readonly before: string }[]> {
    const { keys, clock } = this.session;
    const replies = await runMany(
      this.session,
      WRITE_GROUP,
      groups.map(({ ref, record, seen = '' }) => {
        const shard = groupShard(ref.imageKey);
        return {
          keys: [keys.group(ref), keys.index(shard), keys.access(shard), keys.contexts(shard)],
          args: [existing, record, ref.context, ref.imageKey, clock.now(), seen],
        };
      }),
    );
    return (replies as [number, string][]).map(([outcome, before]) => ({
      written: outcome === 1,
      isTooSoon: outcome === 2,
      before,
    }));
  }

  /** Takes the groups out, each only while its condition holds (none: any); adds their references to `ended`. */
  async remove(
    refs: readonly (GroupRef & { readonly condition?: RemovalCondition })[],
    ended: Map<Digest, Token[]>,
  ): Promise<number> {
    const { keys } = this.session;
    const calls = [...groupedBy(refs, ({ imageKey }) => groupShard(imageKey))].flatMap(([shard, inShard]) =>
      inBatches(inShard, REMOVE_BATCH).map((batch) => ({
        keys: [keys.index(shard), keys.access(shard), keys.contexts(shard), ...batch.map((ref) => keys.group(ref))] as [
          string,
          ...string[],
        ],
        args: batch.flatMap(({ context, imageKey, condition }) => [context, imageKey, condition ?? 'any']),
      })),
    );
    let removed = 0;
    // One script after the other: others are to be served in between.
    for (const call of calls) {
      const [reply] = await runMany(this.session, REMOVE_GROUPS, [call]);
      const outcome = reply as (number | string)[];
      for (let at = 0; at < outcome.length; at += 2) {
        removed += outcome[at] as number;
        const reference = referenceOf(outcome[at + 1] as string);
        if (reference) ended.set(reference.digest, [...(ended.get(reference.digest) ?? []), reference.token]);
      }
    }
    return removed;
  }

  /** What must hold for groups to be evicted: that they were neither written nor used since they were found. */
  async evictable(refs: readonly UsedGroup[]): Promise<(GroupRef & { readonly condition: RemovalCondition })[]> {
    const tokens = await readTokens(
      this.session,
      refs.map((ref) => this.session.keys.group(ref)),
    );
    return refs.map((ref, at) => ({ ...ref, condition: `ev${ref.usedAt} ${tokens[at] ?? ''}` as const }));
  }

  /** The groups that a selection names, in batches of at most `REMOVE_BATCH`; what is not removed comes again. */
  async *select(selection: Selection): AsyncGenerator<GroupRef[]> {
    const { context, imageKey } = selection;
    if (imageKey !== undefined) {
      const found = context === undefined ? await this.contextsOf(imageKey) : [{ context, imageKey }];
      yield* inBatches(found, REMOVE_BATCH);
      return;
    }
    const [from, to] = context === undefined ? ['[C', '(D'] : [`[C${context}\0`, `(C${context}\x01`];
    for (const shard of ALL_SHARDS) {
      for (;;) {
        const members = await this.range(shard, from, to, REMOVE_BATCH);
        const { keys } = this.session;
        const found = await withoutStrays(this.session, keys.index(shard), shard, members, groupOfIndex);
        if (found.named.length > 0) yield [...found.named];
        if (members.length < REMOVE_BATCH || found.named.length + found.dropped === 0) break;
      }
    }
  }

  /** Notes accesses; resolves with the sources of the groups that exist. */
  async touch(accesses: readonly { readonly ref: GroupRef; readonly at: number }[]): Promise<Map<Digest, number>> {
    const { keys } = this.session;
    const calls = [...groupedBy(accesses, ({ ref }) => groupShard(ref.imageKey))].flatMap(([shard, inShard]) =>
      inBatches(inShard, REMOVE_BATCH).map((batch) => ({ shard, batch })),
    );
    const replies = await runMany(
      this.session,
      TOUCH_GROUPS,
      calls.map(({ shard, batch }) => ({
        keys: [keys.index(shard), keys.access(shard), ...batch.map(({ ref }) => keys.group(ref))] as [
          string,
          ...string[],
        ],
        args: batch.flatMap(({ ref, at }) => [groupName(ref), at]),
      })),
    );
    const sources = new Map<Digest, number>();
    for (const [at, { batch }] of calls.entries()) {
      for (const [n, digest] of (replies[at] as string[]).entries()) {
        const accessedAt = batch[n]?.at ?? 0;
        const source = parseDigest(digest);
        if (source) sources.set(source, Math.max(accessedAt, sources.get(source) ?? 0));
      }
    }
    return sources;
  }

  /** Distinct image keys over all contexts, those of one context, or all groups. */
  count(of: 'keys' | 'groups' | { readonly context: Context }): Promise<number> {
    if (of === 'keys') return this.sumOver('[K', '(L');
    if (of === 'groups') return this.sumOver('[C', '(D');
    return this.sumOver(`[C${of.context}\0`, `(C${of.context}\x01`);
  }

  /** The groups used longest ago, at most `limit`, only those last used before `before` (Unix ms). */
  async oldest(limit: number, before = Number.POSITIVE_INFINITY): Promise<UsedGroup[]> {
    const { keys } = this.session;
    const keyOf = (shard: Shard): string => keys.access(shard);
    const { oldest } = await oldestNamed(this.session, keyOf, limit, before, groupOfMember);
    return oldest.map(({ named, score }) => ({ ...named, usedAt: score }));
  }

  /** Members of a shard's index from `from` to `to` (ends as ZRANGEBYLEX has them), at most `limit`. */
  async range(shard: Shard, from: string, to: string, limit: number): Promise<string[]> {
    const [members] = await readMany(this.session, [rangeCommand(this.session, shard, from, to, limit)]);
    return members as string[];
  }

  private async contextsOf(imageKey: ImageKey): Promise<GroupRef[]> {
    const shard = groupShard(imageKey);
    const refs: GroupRef[] = [];
    for (const kind of ['K', 'M']) {
      let from = `[${kind}${imageKey}\0`;
      for (;;) {
        const members = await this.range(shard, from, `(${kind}${imageKey}\x01`, 1_000);
        refs.push(...members.map((member) => ({ imageKey, context: member.slice(imageKey.length + 2) as Context })));
        if (members.length < 1_000) break;
        from = `(${members.at(-1)}`;
      }
    }
    return refs;
  }

  private async sumOver(from: string, to: string): Promise<number> {
    const counts = await readMany(
      this.session,
      ALL_SHARDS.map((shard) => {
        const key = this.session.keys.index(shard);
        return { key, args: ['ZLEXCOUNT', key, from, to] };
      }),
    );
    return counts.reduce<number>((sum, count) => sum + (count as number), 0);
  }
}

/** The group of a member of an index, which begins with a letter for its order. */
function groupOfIndex(member: string, shard: Shard): GroupRef | undefined {
  return groupOfMember(member.slice(1), shard);
}

export function rangeCommand({ keys }: Session, shard: Shard, from: string, to: string, limit: number) {
  const key = keys.index(shard);
  return { key, args: ['ZRANGEBYLEX', key, from, to, 'LIMIT', '0', String(limit)] };
}

export function referenceOf(head: string): Reference | undefined {
  const digest = parseDigest(head.slice(TOKEN_CHARACTERS));
  // A damaged record refers to nothing; what it referred to once ages out.
  return digest && { token: head.slice(0, TOKEN_CHARACTERS) as Token, digest };
}

function groupedBy<T>(items: readonly T[], shardOf: (item: T) => Shard): Map<Shard, T[]> {
  const groups = new Map<Shard, T[]>();
  for (const item of items) {
    const shard = shardOf(item);
    const group = groups.get(shard);
    if (group) group.push(item);
    else groups.set(shard, [item]);
  }
  return groups;
}

function inBatches<T>(items: readonly T[], size: number): T[][] {
  const batches: T[][] = [];
  for (let from = 0; from < items.length; from += size) batches.push(items.slice(from, from + size));
  return batches;
}
