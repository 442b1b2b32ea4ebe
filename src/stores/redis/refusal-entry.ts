// How a refusal stands in Redis, and what is done to one in one step on the server. Entry and index lie in one shard. An
// entry that the index does not name does not exist, so that forgetting all forgets what an evicted index named.
import type { Digest } from '../../kernel/digest.js';
import { ERROR_NAMES } from '../../kernel/errors.js';
import type { Failure, Refusal } from '../../kernel/ports/refusals.js';
import { script } from './link.js';
import type { Seals } from './seals.js';

/**
 * KEYS entry, index. ARGV rules, checksum, code, message, '1' when certain, end in Unix ms, ms to live of the entry and
 * of the index, digest, Unix ms before whose end names are left over. Returns how many names the index has.
 */
export const NOTE_REFUSAL = script(`
local rules, sum, code, message, certain, ends, ttl, indexTtl, digest, stale = unpack(ARGV)
local before = redis.call('HGET', KEYS[1], 'rules')
if before and (before ~= rules or not redis.call('ZSCORE', KEYS[2], digest)) then redis.call('DEL', KEYS[1]) end
local strikes = (tonumber(redis.call('HGET', KEYS[1], 'strikes') or '') or 0) + 1
redis.call('HSET', KEYS[1], 'rules', rules, 'sum', sum, 'code', code, 'message', message, 'strikes', strikes, 'ends', ends)
if certain == '1' then redis.call('HSET', KEYS[1], 'certain', '1') end
redis.call('PEXPIRE', KEYS[1], ttl)
redis.call('ZADD', KEYS[2], ends, digest)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. stale)
redis.call('PEXPIRE', KEYS[2], indexTtl)
return redis.call('ZCARD', KEYS[2])`);

/** KEYS index, entries. ARGV their digests. Returns how many there were. */
export const FORGET_REFUSALS = script(`
local forgotten = 0
for n = 2, #KEYS do
  local named = redis.call('ZREM', KEYS[1], ARGV[n - 1])
  if redis.call('UNLINK', KEYS[n]) == 1 and named == 1 then forgotten = forgotten + 1 end
end
return forgotten`);

/** Fields of an entry as `decodeRefusal` takes them. */
export const REFUSAL_FIELDS = ['rules', 'sum', 'code', 'message', 'strikes', 'certain', 'ends'];

/** What an entry is sealed over: what somebody noted for this very source under these rules. */
export function sealedRefusal(
  source: Digest,
  rules: string,
  { code, message }: Pick<Failure, 'code' | 'message'>,
): string {
  return `${source}\0${rules}\0${code}\0${message}`;
}

/** `undefined` when there is no entry, one of other rules, or one that was damaged: then the source is tried again. */
export function decodeRefusal(seals: Seals, source: Digest, rules: string, reply: unknown): Refusal | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [ofRules, sum, code, message, strikes, certain, ends] = reply.map((field) =>
    typeof field === 'string' ? field : '',
  );
  const name = ERROR_NAMES.find((known) => known === code);
  if (ofRules !== rules || name === undefined || message === undefined || sum === undefined) return undefined;
  const failure = { code: name, message };
  if (!seals.proves('refusal', sealedRefusal(source, rules, failure), sum)) return undefined;
  const [count, until] = [Number(strikes), Number(ends)];
  if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(until) || until < 1) return undefined;
  return { source, ...failure, strikes: count, certain: certain === '1', until };
}
