// What is done to groups in one step on the server. All keys of a script lie in one shard.
//
// The index of a shard is one sorted set with equal scores, so that it is ordered by its members' bytes:
//   C context NUL key   every group, by context
//   K key NUL context   one group of every key: as many as there are distinct keys
//   M key NUL context   further groups of a key
// Counts are ZLEXCOUNTs and lists are ranges. It is the truth: a group that it does not name does not exist, so that a
// clear reaches all there is even after the server evicted an index.
// How many groups of the shard each context has stands in a sorted set of its own, and the number of all under '\1': when
// that differs from the index, the set is made anew from it (see context-scripts.ts).
import { script } from './link.js';
import { SEAL_CHARACTERS } from './seals.js';

/** GET that takes a key of another type as absent; whoever writes it next replaces it. */
const READ = `
local function read(key)
  local text = redis.pcall('GET', key)
  if type(text) == 'string' then return text end
end`;

/** Where the JSON of a group's record begins (see record-codec.ts): with when it was made. */
const BODY_AT = 12 + 64 + SEAL_CHARACTERS + 1;

/**
 * KEYS record, index, access, contexts. ARGV 'keep' or 'replace', record, context, key, now in ms, and the token of what may stand there
 * whenever it was made, or ''.
 * A group of the same source is written anew in every mode: who is told that it is there must not lose it to somebody who
 * decided on what stood there before.
 * Returns { 1 written or 0 kept, token and digest of the record before or '' }; or { 2, the record before } and has done nothing, where
 * that was made so lately that dates do not tell them apart (`laterThan`).
 */
export const WRITE_GROUP = script(`${READ}
local mode, record, context, key, now, seen = unpack(ARGV)
local function madeAt(text) return tonumber(string.match(string.sub(text, ${BODY_AT}), '^%[(%d+)')) end
local old = read(KEYS[1])
local indexed = redis.call('ZSCORE', KEYS[2], 'C' .. context .. '\\0' .. key)
if old and indexed then
  local same = string.sub(old, 13, 76) == string.sub(record, 13, 76)
  if mode ~= 'replace' and not same then return { 0, string.sub(old, 1, 76) } end
  local before = string.sub(old, 1, 12) ~= seen and string.sub(old, 1, 12) ~= string.sub(record, 1, 12) and madeAt(old)
  if before and madeAt(record) < before + (same and 0 or 1000) then return { 2, old } end
end
redis.call('SET', KEYS[1], record)
if not indexed then
  local first = redis.call('ZLEXCOUNT', KEYS[2], '[K' .. key .. '\\0', '(K' .. key .. '\\1') == 0
  redis.call('ZADD', KEYS[2], 0, 'C' .. context .. '\\0' .. key, 0, (first and 'K' or 'M') .. key .. '\\0' .. context)
  redis.call('ZINCRBY', KEYS[4], 1, context)
  redis.call('ZINCRBY', KEYS[4], 1, '\\1')
end
redis.call('ZADD', KEYS[3], now, context .. '\\0' .. key)
return { 1, old and string.sub(old, 1, 76) or '' }`);

/**
 * KEYS index, access, contexts, records. ARGV for each record: context, key, what must hold: 'any', 'absent' (there is no
 * record), 'is' and the first characters of the record, or 'ev', the time of the last access (0: none), a space and the
 * first characters of the record ('': there is none). A time alone tells not enough: an overwrite may have the same.
 * Returns for each record: 1 removed or 0, token and digest or ''.
 */
export const REMOVE_GROUPS = script(`${READ}
local index, access, contexts = KEYS[1], KEYS[2], KEYS[3]
local outcome, less, all = {}, {}, 0
for n = 4, #KEYS do
  local at = (n - 4) * 3
  local context, key, condition = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local old = read(KEYS[n])
  local removed = 0
  local kind, value = string.match(condition, '^(%l%l)(.*)$')
  local holds = condition == 'any' or (condition == 'absent' and not old)
    or (kind == 'is' and old and string.sub(old, 1, #value) == value)
  if kind == 'ev' then
    local score, token = string.match(value, '^(%S+) (.*)$')
    holds = tonumber(redis.call('ZSCORE', access, context .. '\\0' .. key) or 0) == tonumber(score)
      and string.sub(old or '', 1, 12) == token
  end
  if holds then
    removed = redis.call('ZREM', index, 'C' .. context .. '\\0' .. key)
    if removed == 1 then less[context], all = (less[context] or 0) + 1, all + 1 end
    if redis.call('ZREM', index, 'K' .. key .. '\\0' .. context) == 1 then
      local next = redis.call('ZRANGEBYLEX', index, '[M' .. key .. '\\0', '(M' .. key .. '\\1', 'LIMIT', 0, 1)[1]
      if next then
        redis.call('ZREM', index, next)
        redis.call('ZADD', index, 0, 'K' .. string.sub(next, 2))
      end
    else
      redis.call('ZREM', index, 'M' .. key .. '\\0' .. context)
    end
    redis.call('ZREM', access, context .. '\\0' .. key)
    redis.call('UNLINK', KEYS[n])
  else
    old = nil
  end
  outcome[#outcome + 1] = removed
  outcome[#outcome + 1] = old and string.sub(old, 1, 76) or ''
end
for context, count in pairs(less) do
  if tonumber(redis.call('ZINCRBY', contexts, -count, context)) <= 0 then redis.call('ZREM', contexts, context) end
end
if all > 0 and tonumber(redis.call('ZINCRBY', contexts, -all, '\\1')) <= 0 then redis.call('ZREM', contexts, '\\1') end
return outcome`);

/**
 * KEYS index, access, records. ARGV for each record: name, Unix ms.
 * Returns for each record the digest of its source, or ''.
 */
export const TOUCH_GROUPS = script(`${READ}
local digests = {}
for n = 3, #KEYS do
  local at = (n - 3) * 2
  local old = redis.call('ZSCORE', KEYS[1], 'C' .. ARGV[at + 1]) and read(KEYS[n])
  if old then redis.call('ZADD', KEYS[2], 'GT', ARGV[at + 2], ARGV[at + 1]) end
  digests[#digests + 1] = old and string.sub(old, 13, 76) or ''
end
return digests`);
