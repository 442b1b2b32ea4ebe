// The queue's bookkeeping in Redis: every job stands in exactly one of due, delayed and claimed, a context has a turn exactly while
// something of it is due, and counts agree. What is committed beside it (records, see commit-script.ts) is in the same script.
//
//   job:KIND:ID        hash: record (sealed: what never changes), context (hash), due (Unix ms), attempts, lost, fence, state, lease,
//                      waiting (since when it waits for what is not its fault); of a claimed one holder, and beside (how many that one had
//                      in hand when the first of its leases ended)
//   due:KIND:CONTEXT   zset of ids by due time          delayed:KIND   zset of ids by due time
//   turns:KIND         zset of contexts by turn         claimed:KIND   zset of ids by the end of their lease
//   waiting            hash: how many are due, by kind  counters       hash: fence, turn
//   contexts           hash: contexts by their hashes
import { blameOf, MAX_DELAY_MS } from '../../../kernel/ports/jobs.js';
import { script } from '../link.js';

/** What one of 1, 2, ... jobs in hand is blamed for the end of their holder; of more it is as little as of the last. */
const blames = (most: number) => Array.from({ length: most }, (_, n) => blameOf(n + 1));

/** The functions that scripts begin with. `B`: in front of every key; `NOW`: Unix ms; `LEASE_NOW`: ms on the clock of the leases. */
export const JOB_FUNCTIONS = `
local B = KEYS[1]
local function call(...) return redis.call(...) end
local function leaseNow(given)
  if given ~= '' then return tonumber(given) end
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function text(n) return string.format('%.0f', n) end
local function counter(name) return call('HINCRBY', B .. 'counters', name, 1) end
local function row(kind, id)
  local r = call('HMGET', B .. 'job:' .. kind .. ':' .. id, 'state', 'context', 'due', 'fence', 'attempts', 'lost')
  if not r[1] then return nil end
  return {state = r[1], context = r[2], due = tonumber(r[3]), fence = r[4], attempts = tonumber(r[5]), lost = tonumber(r[6])}
end
local function lift(kind, id, r)
  if r.state == 'delayed' then call('ZREM', B .. 'delayed:' .. kind, id)
  elseif r.state == 'claimed' then call('ZREM', B .. 'claimed:' .. kind, id)
  elseif r.state == 'due' then
    local due = B .. 'due:' .. kind .. ':' .. r.context
    if call('ZREM', due, id) == 1 then call('HINCRBY', B .. 'waiting', kind, -1) end
    if call('EXISTS', due) == 0 then call('ZREM', B .. 'turns:' .. kind, r.context) end
  end
end
local function place(kind, id, context, due, now)
  local key = B .. 'job:' .. kind .. ':' .. id
  call('HDEL', key, 'lease', 'holder', 'beside')
  if due > now then
    call('HSET', key, 'due', text(due), 'state', 'delayed')
    call('ZADD', B .. 'delayed:' .. kind, text(due), id)
    return
  end
  call('HSET', key, 'due', text(due), 'state', 'due')
  if call('ZADD', B .. 'due:' .. kind .. ':' .. context, text(due), id) == 1 then
    call('HINCRBY', B .. 'waiting', kind, 1)
  end
  if not call('ZSCORE', B .. 'turns:' .. kind, context) then
    call('ZADD', B .. 'turns:' .. kind, counter('turn'), context)
  end
end
local function add(kind, id, context, record, due, now)
  local key = B .. 'job:' .. kind .. ':' .. id
  if call('EXISTS', key) == 1 then return end
  call('HSET', key, 'record', record, 'context', context, 'fence', '0', 'attempts', '0', 'lost', '0')
  place(kind, id, context, due, now)
end
local function holds(kind, id, fence)
  local r = row(kind, id)
  if r and r.state == 'claimed' and r.fence == fence then return r end
  return nil
end
local BLAME = {${blames(64).join(', ')}}
-- Of every job of the kind that is in hand: who has it, and how many that one has. Leases of one that died end one after the other.
local function inHand(kind)
  local holders, counts = {}, {}
  for _, id in ipairs(call('ZRANGE', B .. 'claimed:' .. kind, 0, 1023)) do
    local holder = call('HGET', B .. 'job:' .. kind .. ':' .. id, 'holder') or ''
    holders[id], counts[holder] = holder, (counts[holder] or 0) + 1
  end
  return holders, counts
end
local function takeBack(kind, now, leases)
  local ended = call('ZRANGEBYSCORE', B .. 'claimed:' .. kind, '-inf', text(leases), 'LIMIT', '0', '256')
  if #ended == 0 then return 0 end
  local holders, counts = inHand(kind)
  local losers, besides = {}, {}
  for _, id in ipairs(ended) do losers[holders[id] or ''] = true end
  for id, holder in pairs(holders) do
    if losers[holder] then
      local key = B .. 'job:' .. kind .. ':' .. id
      besides[id] = math.max(tonumber(call('HGET', key, 'beside') or '0'), counts[holder])
      call('HSET', key, 'beside', besides[id])
    end
  end
  for _, id in ipairs(ended) do
    local r = row(kind, id)
    if r and r.state == 'claimed' then
      call('HINCRBYFLOAT', B .. 'job:' .. kind .. ':' .. id, 'lost', BLAME[math.min(besides[id] or 1, #BLAME)])
      lift(kind, id, r)
      place(kind, id, r.context, now, now)
    else call('ZREM', B .. 'claimed:' .. kind, id) end
  end
  return #ended
end
local function promote(kind, now)
  local ready = call('ZRANGEBYSCORE', B .. 'delayed:' .. kind, '-inf', text(now), 'LIMIT', '0', '256')
  -- Later than anything can be: by a clock that was ahead.
  local ahead = call('ZRANGEBYSCORE', B .. 'delayed:' .. kind, '(' .. text(now + ${MAX_DELAY_MS}), '+inf', 'LIMIT', '0', '256')
  for _, ids in ipairs({ready, ahead}) do
    for _, id in ipairs(ids) do
      local r = row(kind, id)
      if r and r.state == 'delayed' then
        lift(kind, id, r)
        place(kind, id, r.context, math.min(r.due, now), now)
      else call('ZREM', B .. 'delayed:' .. kind, id) end
    end
  end
end
`;

/** Contexts that one claim looks at: more have something due only where there are more tenants than this. */
const CLAIM_CONTEXTS = 1_000;

/**
 * KEYS base. ARGV kind, now, lease clock or '', lease ms, limit, how many each context (hash) may have, as JSON, or '', and who claims.
 * Gives the claims, of each its id and the fields of its row, and the contexts with something due of which nothing was said.
 */
export const CLAIM = script(`${JOB_FUNCTIONS}
local kind, now, leases, limit = ARGV[1], tonumber(ARGV[2]), leaseNow(ARGV[3]), tonumber(ARGV[5])
local shares = ARGV[6] ~= '' and cjson.decode(ARGV[6]) or nil
takeBack(kind, now, leases)
promote(kind, now)
local claims, unknown, goesOn = {}, {}, true
local function claim(context, id, r)
  lift(kind, id, r)
  -- Behind all others, unless it has nothing more.
  if call('ZSCORE', B .. 'turns:' .. kind, context) then
    call('ZADD', B .. 'turns:' .. kind, counter('turn'), context)
  end
  local key, ends = B .. 'job:' .. kind .. ':' .. id, text(leases + tonumber(ARGV[4]))
  call('HSET', key, 'state', 'claimed', 'fence', counter('fence'), 'lease', ends, 'holder', ARGV[7])
  call('ZADD', B .. 'claimed:' .. kind, ends, id)
  claims[#claims + 1] = {id, call('HMGET', key, 'record', 'due', 'attempts', 'lost', 'fence', 'waiting')}
end
local function take(context)
  local due = B .. 'due:' .. kind .. ':' .. context
  while true do
    local id = call('ZRANGE', due, 0, 0)[1]
    if not id then
      call('ZREM', B .. 'turns:' .. kind, context)
      return false
    end
    local r = row(kind, id)
    if r and r.state == 'due' then
      claim(context, id, r)
      return true
    end
    -- Somebody removed the row: its name alone is no work.
    if call('ZREM', due, id) == 1 then call('HINCRBY', B .. 'waiting', kind, -1) end
  end
end
local order = call('ZRANGE', B .. 'turns:' .. kind, 0, ${CLAIM_CONTEXTS - 1})
for _, context in ipairs(order) do
  if shares and not shares[context] then
    -- A turn without work is nobody's, and would keep a place before all others.
    if call('EXISTS', B .. 'due:' .. kind .. ':' .. context) == 0 then call('ZREM', B .. 'turns:' .. kind, context)
    else unknown[#unknown + 1] = context end
  end
end
while #claims < limit and goesOn do
  goesOn = false
  for _, context in ipairs(order) do
    local share = not shares and 1 or shares[context] or 0
    if share > 0 and #claims < limit and take(context) then
      if shares then shares[context] = share - 1 end
      goesOn = true
    end
  end
end
return {claims, unknown}`);

/** KEYS base. ARGV kind, id, fence, lease clock or '', lease ms. 1, or 0 when the lease was lost. */
export const RENEW = script(`${JOB_FUNCTIONS}
local kind, id = ARGV[1], ARGV[2]
if not holds(kind, id, ARGV[3]) then return 0 end
local ends = text(leaseNow(ARGV[4]) + tonumber(ARGV[5]))
call('HSET', B .. 'job:' .. kind .. ':' .. id, 'lease', ends)
call('HDEL', B .. 'job:' .. kind .. ':' .. id, 'beside')
call('ZADD', B .. 'claimed:' .. kind, ends, id)
return 1`);

/** KEYS base. ARGV kind, id, fence, now. Back to where it stood. 1, or 0 when the lease was lost. */
export const RELEASE = script(`${JOB_FUNCTIONS}
local r = holds(ARGV[1], ARGV[2], ARGV[3])
if not r then return 0 end
lift(ARGV[1], ARGV[2], r)
place(ARGV[1], ARGV[2], r.context, r.due, tonumber(ARGV[4]))
return 1`);

/** KEYS base. ARGV kind, id, now. 1 when a delayed one is due now, 0 for any other. */
export const HASTEN = script(`${JOB_FUNCTIONS}
local r, now = row(ARGV[1], ARGV[2]), tonumber(ARGV[3])
if not r or r.state ~= 'delayed' then return 0 end
lift(ARGV[1], ARGV[2], r)
place(ARGV[1], ARGV[2], r.context, math.min(r.due, now), now)
return 1`);

/** KEYS base. ARGV kind, now, lease clock or ''. How many leases had ended. */
export const TAKE_BACK = script(`${JOB_FUNCTIONS}
return takeBack(ARGV[1], tonumber(ARGV[2]), leaseNow(ARGV[3]))`);

/** KEYS base. ARGV now, kinds. Of each kind: how many are due, delayed and claimed. */
export const COUNTS = script(`
local B, counts = KEYS[1], {}
for at = 2, #ARGV do
  local kind = ARGV[at]
  local ready = redis.call('ZCOUNT', B .. 'delayed:' .. kind, '-inf', ARGV[1])
  counts[#counts + 1] = tonumber(redis.call('HGET', B .. 'waiting', kind) or '0') + ready
  counts[#counts + 1] = redis.call('ZCARD', B .. 'delayed:' .. kind) - ready
  counts[#counts + 1] = redis.call('ZCARD', B .. 'claimed:' .. kind)
end
return counts`);

/** KEYS base. ARGV kind, now, most contexts. Since when the job that waits longest is due; nothing when none is. */
export const OLDEST_DUE = script(`
local B, kind, oldest = KEYS[1], ARGV[1], nil
local function look(key)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if first[2] and tonumber(first[2]) <= tonumber(ARGV[2]) and (not oldest or tonumber(first[2]) < tonumber(oldest)) then
    oldest = first[2]
  end
end
for _, context in ipairs(redis.call('ZRANGE', B .. 'turns:' .. kind, 0, tonumber(ARGV[3]) - 1)) do
  look(B .. 'due:' .. kind .. ':' .. context)
end
look(B .. 'delayed:' .. kind)
return oldest`);
