// What each context is charged for the sources that its groups point to, as the scripts of sources keep it. Sums lie where
// the sources do, one per context in each shard of digests, so that they change in the very step that changes a source.
//
// Of every source:     held       context -> 'references bytes since': what the context was charged, and from when on
// Of a shard:          sums       context -> bytes charged in this shard; of all its sources, each once: previews under
//                                 '\3', own blobs under '\4'
//                      keptOf     context NUL since digest, ordered by bytes: sources whose own blobs can be evicted
//                      recount    sums that are being counted anew (see recount.ts)
//
// A server may evict any of them. Sums bear the number of the count that they are of (the epoch), and so does each source
// that is in them: nothing is ever taken out of sums that it was not added to.
// Names of contexts hold no control characters, so fields that begin with one are ours.

/**
 * Contexts that share a source, up to which a change of its weight is charged to all of them in one step. Beyond, some are
 * charged what it weighed before, until they let it go.
 */
const MOST_HOLDERS = 500;
/** References up to which a lost book of a source is written anew in one step; of more, those behind are forgotten. */
const MOST_REFERENCES = 2_000;

/**
 * For scripts whose keys are, in this order: record, refs, used, evictable, unfinished, held, sums, keptOf, recount.
 * Weights are 'previews source': the bytes of all previews, and those of the source's own blob while it is kept.
 */
export const BOOK = `
local HELD, SUMS, KEPT, RECOUNT = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local book = {}
local function open()
  local at = tonumber(redis.call('HGET', HELD, '\\1e'))
  book.current = tonumber(redis.call('ZSCORE', SUMS, '\\1'))
  book.coming = tonumber(redis.call('ZSCORE', RECOUNT, '\\1'))
  book.recounted = at ~= nil and at == book.coming
  book.counted = book.recounted or (at ~= nil and at == book.current)
end
local function add(sums, context, bytes)
  if bytes ~= 0 and tonumber(redis.call('ZINCRBY', sums, bytes, context)) <= 0 then
    redis.call('ZREM', sums, context)
  end
end
local function charge(context, bytes)
  if book.counted then add(SUMS, context, bytes) end
  if book.recounted then add(RECOUNT, context, bytes) end
end
local function total(weight, sign)
  local previews, source = string.match(weight or '', '^(%d+) (%d+)$')
  charge('\\3', sign * (tonumber(previews) or 0))
  charge('\\4', sign * (tonumber(source) or 0))
end
local function parse(holding)
  local groups, bytes, since = string.match(holding or '', '^(%d+) (%d+) (%d+)$')
  return tonumber(groups), tonumber(bytes), since
end
local function holdings()
  local fields
  if redis.call('HLEN', HELD) > ${MOST_HOLDERS} then
    fields = redis.call('HSCAN', HELD, '0', 'COUNT', ${MOST_HOLDERS})[2]
  else
    fields = redis.call('HGETALL', HELD)
  end
  local found = {}
  for n = 1, #fields, 2 do
    local groups, bytes, since = parse(fields[n + 1])
    if string.byte(fields[n]) ~= 1 and groups then
      found[#found + 1] = { context = fields[n], groups = groups, bytes = bytes, since = since }
    end
  end
  return found
end
local function weighs(weight)
  local previews, source = string.match(weight or '', '^(%d+) (%d+)$')
  return (tonumber(previews) or 0) + (tonumber(source) or 0)
end
-- Puts the source into the sums, if it is not there. Sums that were lost are marked: they are not those of all sources.
local function enter(now)
  if book.counted and (book.recounted or not book.coming) then return end
  if not book.current then
    book.current = math.floor(tonumber(now))
    redis.call('ZADD', SUMS, book.current, '\\1')
    if redis.call('ZCARD', KEYS[3]) > 1 then redis.call('ZADD', SUMS, 1, '\\2') end
  end
  -- What follows is charged to the sums that do not have it yet.
  book.counted, book.recounted = not book.counted, book.coming ~= nil
  for _, holding in ipairs(holdings()) do charge(holding.context, holding.bytes) end
  total(redis.call('HGET', HELD, '\\1w'), 1)
  book.counted = true
  redis.call('HSET', HELD, '\\1e', string.format('%.0f', book.coming or book.current))
end
-- Writes the book of a source anew, from the references that are left of it.
local function rewrite(digest, weight, now)
  local fields
  if redis.call('HLEN', KEYS[2]) > ${MOST_REFERENCES} then
    fields = redis.call('HSCAN', KEYS[2], '0', 'COUNT', ${MOST_REFERENCES})[2]
  else
    fields = redis.call('HGETALL', KEYS[2])
  end
  local groups, since = {}, string.format('%013.0f', now)
  for n = 2, #fields, 2 do
    if fields[n] ~= '' then groups[string.sub(fields[n], 2)] = (groups[string.sub(fields[n], 2)] or 0) + 1 end
  end
  redis.call('HSET', HELD, '\\1w', weight)
  for context, count in pairs(groups) do
    redis.call('HSET', HELD, context, string.format('%.0f %.0f %s', count, weighs(weight), since))
    if redis.call('ZSCORE', KEYS[4], digest) then
      redis.call('ZADD', KEPT, 0, context .. '\\0' .. since .. digest)
    end
  end
end
-- Notes references of groups: tokens and their contexts, in turns, from ARGV[first] on.
local function attach(first, digest, weight, now)
  if redis.call('EXISTS', HELD) == 0 and redis.call('HLEN', KEYS[2]) > 0 then rewrite(digest, weight, now) end
  local more, contexts = {}, {}
  for n = first, #ARGV, 2 do
    if redis.call('HSET', KEYS[2], ARGV[n], 'C' .. ARGV[n + 1]) == 1 then
      if not more[ARGV[n + 1]] then contexts[#contexts + 1] = ARGV[n + 1] end
      more[ARGV[n + 1]] = (more[ARGV[n + 1]] or 0) + 1
    end
  end
  if #contexts == 0 then return end
  open()
  enter(now)
  local known = redis.call('HGET', HELD, '\\1w')
  if not known then
    redis.call('HSET', HELD, '\\1w', weight)
    total(weight, 1)
  end
  weight = known or weight
  for _, context in ipairs(contexts) do
    local groups, bytes, since = parse(redis.call('HGET', HELD, context))
    if not groups then
      groups, bytes, since = 0, weighs(weight), string.format('%013.0f', now)
      charge(context, bytes)
      if redis.call('ZSCORE', KEYS[4], digest) then
        redis.call('ZADD', KEPT, 0, context .. '\\0' .. since .. digest)
      end
    end
    redis.call('HSET', HELD, context, string.format('%.0f %.0f %s', groups + more[context], bytes, since))
  end
end
-- The source got another weight, or its blob can be evicted (no more).
local function reweigh(digest, weight)
  if redis.call('EXISTS', HELD) == 0 then return end
  open()
  total(redis.call('HGET', HELD, '\\1w'), -1)
  total(weight, 1)
  redis.call('HSET', HELD, '\\1w', weight)
  local bytes, change = weighs(weight), redis.call('ZSCORE', KEYS[4], digest) and 'ZADD' or 'ZREM'
  for _, holding in ipairs(holdings()) do
    local member = holding.context .. '\\0' .. holding.since .. digest
    if change == 'ZADD' then redis.call('ZADD', KEPT, 0, member) else redis.call('ZREM', KEPT, member) end
    if holding.bytes ~= bytes then
      charge(holding.context, bytes - holding.bytes)
      redis.call('HSET', HELD, holding.context, string.format('%.0f %.0f %s', holding.groups, bytes, holding.since))
    end
  end
end
local function give_back(context, digest, bytes, since)
  redis.call('HDEL', HELD, context)
  redis.call('ZREM', KEPT, context .. '\\0' .. since .. digest)
  charge(context, -bytes)
end
-- Ends the references whose tokens stand from ARGV[first] on.
local function detach(first, digest)
  local less = {}
  for from = first, #ARGV, 1000 do
    local to = math.min(from + 999, #ARGV)
    local values = redis.call('HMGET', KEYS[2], unpack(ARGV, from, to))
    redis.call('HDEL', KEYS[2], unpack(ARGV, from, to))
    for _, value in ipairs(values) do
      if value and value ~= '' then
        local context = string.sub(value, 2)
        less[context] = (less[context] or 0) + 1
      end
    end
  end
  open()
  for context, count in pairs(less) do
    local groups, bytes, since = parse(redis.call('HGET', HELD, context))
    if groups and groups > count then
      redis.call('HSET', HELD, context, string.format('%.0f %.0f %s', groups - count, bytes, since))
    elseif groups then
      give_back(context, digest, bytes, since)
    end
  end
end
-- The source is gone, and so is whatever somebody is still charged for it.
local function close(digest)
  for _, holding in ipairs(holdings()) do give_back(holding.context, digest, holding.bytes, holding.since) end
  total(redis.call('HGET', HELD, '\\1w'), -1)
  redis.call('UNLINK', HELD)
end`;
