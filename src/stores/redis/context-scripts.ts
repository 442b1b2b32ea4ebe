// What is asked of contexts in one step on the server: which have most, which of their groups were used longest ago, and
// counting them anew. All keys of a script lie in one shard.
import { script } from './link.js';

/**
 * KEYS index, contexts. ARGV how many. Returns { 1 or 0, contexts and numbers in turns, the largest first }, with 0 when the
 * numbers are not those of the index: then they have to be counted anew.
 */
export const TOP_CONTEXTS = script(`
local all = tonumber(redis.call('ZSCORE', KEYS[2], '\\1')) or 0
local right = redis.call('ZLEXCOUNT', KEYS[1], '[C', '(D') == all
return { right and 1 or 0, redis.call('ZREVRANGE', KEYS[2], 0, ARGV[1], 'WITHSCORES') }`);

/**
 * KEYS index, contexts. ARGV where to begin ('[C' at first, which forgets all numbers), how many contexts at most.
 * Counts contexts from the index, two look-ups for each; members without a NUL, which name no group, go. Returns where to go on, or ''.
 */
export const COUNT_CONTEXTS = script(`
local from = ARGV[1]
if from == '[C' then redis.call('UNLINK', KEYS[2]) end
for n = 1, tonumber(ARGV[2]) do
  local first = redis.call('ZRANGEBYLEX', KEYS[1], from, '(D', 'LIMIT', 0, 1)[1]
  if not first then return '' end
  local nul = string.find(first, '\\0', 1, true)
  if nul then
    local context = string.sub(first, 2, nul - 1)
    local groups = redis.call('ZLEXCOUNT', KEYS[1], '[C' .. context .. '\\0', '(C' .. context .. '\\1')
    local before = tonumber(redis.call('ZSCORE', KEYS[2], context)) or 0
    redis.call('ZADD', KEYS[2], groups, context)
    redis.call('ZINCRBY', KEYS[2], groups - before, '\\1')
    from = '[C' .. context .. '\\1'
  else
    redis.call('ZREM', KEYS[1], first)
  end
end
return from`);

/**
 * KEYS index, access. ARGV context, how many at most, a number from 0 to under 1 by chance.
 * Groups of the context, spread evenly over all it has in this shard: names and times of last access, 0 if lost, in turns.
 */
export const SAMPLE_GROUPS = script(`
local context, most, chance = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local groups = redis.call('ZLEXCOUNT', KEYS[1], '[C' .. context .. '\\0', '(C' .. context .. '\\1')
if groups == 0 then return {} end
local first = redis.call('ZLEXCOUNT', KEYS[1], '-', '(C' .. context .. '\\0')
local members = {}
if groups <= most then
  members = redis.call('ZRANGE', KEYS[1], first, first + groups - 1)
else
  for n = 0, most - 1 do
    local rank = first + math.floor((n + chance) * groups / most)
    members[#members + 1] = redis.call('ZRANGE', KEYS[1], rank, rank)[1]
  end
end
local found = {}
for _, member in ipairs(members) do
  local name = string.sub(member, 2)
  found[#found + 1] = name
  found[#found + 1] = redis.call('ZSCORE', KEYS[2], name) or '0'
end
return found`);
