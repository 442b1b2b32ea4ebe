// Members of our sets that name nothing of ours there: no digest, no group, or one that belongs in another shard. Whoever can write to the
// server can put them there, and a bug or a broken move between servers may. Nothing that takes a named thing away takes them with it, so
// they are taken out where they are met: else those that come first would hide what stands behind them, for ever.
import { type Digest, parseDigest } from '../../kernel/digest.js';
import type { GroupRef } from '../../kernel/image-key.js';
import { ALL_SHARDS, digestShard, groupOfName, groupShard, type Shard } from './key-layout.js';
import { script } from './link.js';
import { readMany, runMany, type Session } from './session.js';

/** What a member names in the set of a shard; `undefined`: a stray. */
export type ReadMember<T> = (member: string, shard: Shard) => T | undefined;

/** A member and its score, as it stands in one of our sorted sets. */
export interface Scored<T> {
  readonly named: T;
  readonly score: number;
}

/** Looks for the oldest in one go; each but the last took strays away, and the next looks at that many of each shard. */
const MOST_LOOKS = 16;
const BEHIND_STRAYS = 256;
/** Members that are looked at for such as no text of ours can name, since they are no UTF-8. */
const UNREADABLE_AT_A_TIME = 1_000;

/** KEYS sorted set. ARGV the strays. Those that are no UTF-8 cannot be named from here: they go where they stand among the first. */
const DROP = script(`
local dropped = redis.call('ZREM', KEYS[1], unpack(ARGV))
if dropped == #ARGV then return dropped end
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, ${UNREADABLE_AT_A_TIME - 1})) do
  local left = string.gsub(member, '[\\194-\\223][\\128-\\191]', '')
  left = string.gsub(left, '[\\224-\\239][\\128-\\191][\\128-\\191]', '')
  left = string.gsub(left, '[\\240-\\244][\\128-\\191][\\128-\\191][\\128-\\191]', '')
  if string.find(left, '[\\128-\\255]') then dropped = dropped + redis.call('ZREM', KEYS[1], member) end
end
return dropped`);

/** Takes strays out of sorted sets, and counts them like other damage. Resolves with how many went. */
export async function dropStrays(
  session: Session,
  strays: readonly { readonly key: string; readonly member: string }[],
): Promise<number> {
  if (strays.length === 0) return 0;
  const byKey = new Map<string, string[]>();
  for (const { key, member } of strays) byKey.set(key, [...(byKey.get(key) ?? []), member]);
  const calls = [...byKey].map(([key, members]) => ({ keys: [key] as const, args: members }));
  const dropped = (await runMany(session, DROP, calls)).reduce<number>((sum, some) => sum + Number(some), 0);
  if (dropped === 0) return 0;
  session.metrics.count('damaged_records_total', {}, dropped);
  session.logger.warn({ members: dropped }, 'members of sets in Redis that name nothing were removed');
  return dropped;
}

/** What members name, each with its place; strays are taken out. */
export async function withoutStrays<T>(
  session: Session,
  key: string,
  shard: Shard,
  members: readonly string[],
  read: ReadMember<T>,
): Promise<{ readonly named: readonly T[]; readonly dropped: number }> {
  const found = members.map((member) => ({ key, member, named: read(member, shard) }));
  const dropped = await dropStrays(
    session,
    found.filter(({ named }) => named === undefined),
  );
  return { named: found.flatMap(({ named }) => (named === undefined ? [] : [named])), dropped };
}

/**
 * What has the lowest scores under `before` over the sorted sets of all shards. Of each shard only a few times
 * its fair share is looked at, so that with a large `limit` and very uneven shards the order is nearly, not exactly, right. `dropped`:
 * strays that went.
 */
export async function oldestNamed<T>(
  session: Session,
  keyOf: (shard: Shard) => string,
  limit: number,
  before: number,
  read: ReadMember<T>,
): Promise<{ readonly oldest: readonly Scored<T>[]; readonly dropped: number }> {
  let ofEach = Math.min(limit, Math.max(16, Math.ceil((4 * limit) / ALL_SHARDS.length)));
  let allDropped = 0;
  const max = Number.isFinite(before) ? `(${before}` : '+inf';
  for (let looks = 1; ; looks++) {
    const replies = await readMany(
      session,
      ALL_SHARDS.map((shard) => {
        const key = keyOf(shard);
        return { key, args: ['ZRANGEBYSCORE', key, '-inf', max, 'WITHSCORES', 'LIMIT', '0', String(ofEach)] };
      }),
    );
    const found = ALL_SHARDS.flatMap((shard, at) =>
      (replies[at] as [string, number][]).map(([member, score]) => {
        return { key: keyOf(shard), member, score, named: read(member, shard) };
      }),
    );
    const dropped = await dropStrays(
      session,
      found.filter(({ named }) => named === undefined),
    );
    allDropped += dropped;
    ofEach = Math.max(ofEach, BEHIND_STRAYS);
    if (dropped > 0 && looks < MOST_LOOKS) continue;
    const oldest = found
      .flatMap(({ named, score }) => (named === undefined ? [] : [{ named, score }]))
      .toSorted((a, b) => a.score - b.score)
      .slice(0, limit);
    return { oldest, dropped: allDropped };
  }
}

export function digestOfMember(member: string, shard: Shard): Digest | undefined {
  const digest = parseDigest(member);
  return digest !== undefined && digestShard(digest) === shard ? digest : undefined;
}

export function groupOfMember(member: string, shard: Shard): GroupRef | undefined {
  const ref = groupOfName(member);
  return ref !== undefined && groupShard(ref.imageKey) === shard ? ref : undefined;
}
