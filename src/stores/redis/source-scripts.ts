// What is done to sources and blobs in one step on the server. All keys of a script lie in one shard.
//
// A source's record is kept while groups refer to it, each under the token of its commit: an old commit's farewell can
// never take away what a newer one relies on. In the same way a blob is owned by states of source records, each under
// its own token. A blob that loses its last owner is an orphan, and is swept unless it is owned again before that.
// Whose groups refer to a source, and what they are charged for it, is kept in the same steps (see source-book.ts).
import { script } from './link.js';
import { BOOK } from './source-book.js';

const READ = `
local function read(key)
  local text = redis.pcall('GET', key)
  if type(text) == 'string' then return text end
end`;

/** A complete record never gives way to an incomplete one of the same sequence. */
const OUTDATED = `
local function outdated(old, complete, sequence)
  return string.sub(old, 14, 14) == '1' and complete == '0' and string.sub(old, 15, 30) == sequence
end`;

/** A commit is a use, whether it found the record as it would have written it or not: else the sweep takes it for aged. */
const USED = `
local function used(digest, now)
  redis.call('ZADD', KEYS[3], 'GT', now, digest)
  redis.call('ZADD', KEYS[4], 'XX', 'GT', now, digest)
end`;

/**
 * KEYS as in BOOK. ARGV kept, complete, sequence, checksum, digest, now in ms, weight, SHA-1 of the record's JSON, then token and
 * context of each group. Lets the groups refer to the record as it is, if it says what the caller would write, to its last byte: the
 * checksum that it brings is as good as the bytes behind it. Returns 1 or 0; or, where the caller's is outdated, the record that
 * stands, which only the caller can check.
 */
export const ATTACH = script(`${READ}${OUTDATED}${USED}${BOOK}
local kept, complete, sequence, sum, digest, now, weight, sha = unpack(ARGV, 1, 8)
local old = read(KEYS[1])
if not old then return 0 end
local same = string.find(string.sub(old, 1, 12), '^[%w_%-]+$')
  and string.sub(old, 13, 62) == kept .. complete .. sequence .. sum
  and redis.sha1hex(string.sub(old, 63)) == sha
local late = not same and outdated(old, complete, sequence)
if not same and not late then return 0 end
used(digest, now)
attach(9, digest, weight, now)
return late and old or 1`);

/** KEYS record. ARGV its text. Removes the record if it still is this one, which is damaged; its references stay. */
export const REMOVE_DAMAGED = script(`${READ}
if read(KEYS[1]) == ARGV[1] then redis.call('UNLINK', KEYS[1]) end
return 1`);

/**
 * KEYS as in BOOK. ARGV digest, now in ms, 1 if its blob can be evicted or 0, complete, sequence, record, weight, the first characters
 * that what stands there must have: token and whether its blob is kept; or '', where it must name no pyramids; then token and context
 * of each group. Returns { 1 written, 0 nobody refers to it, 2 outdated or 3 another stands there, the record that stood there or '' }.
 */
export const REPLACE_SOURCE = script(`${READ}${OUTDATED}${USED}${BOOK}
local digest, now, evictable, complete, sequence, record, weight, standing = unpack(ARGV, 1, 8)
local old = read(KEYS[1])
if #ARGV == 8 and redis.call('HLEN', KEYS[2]) == 0 then return { 0, '' } end
if standing ~= '' then
  if string.sub(old or '', 1, 13) ~= standing then return { 3, old or '' } end
elseif old and not outdated(old, complete, sequence) then
  if string.find(old, '"pyramid":{', 1, true) or string.find(old, '"pagePyramids":[', 1, true) then return { 3, old } end
end
if old and outdated(old, complete, sequence) then
  used(digest, now)
  attach(9, digest, weight, now)
  return { 2, old }
end
redis.call('SET', KEYS[1], record)
redis.call('ZADD', KEYS[3], 'GT', now, digest)
if evictable == '1' and complete == '1' then
  redis.call('ZADD', KEYS[4], redis.call('ZSCORE', KEYS[3], digest), digest)
else
  redis.call('ZREM', KEYS[4], digest)
end
if complete == '1' then redis.call('SREM', KEYS[5], digest) else redis.call('SADD', KEYS[5], digest) end
reweigh(digest, weight)
attach(9, digest, weight, now)
return { 1, old or '' }`);

/**
 * KEYS as in BOOK. ARGV digest, the time of last use that must still hold or '', tokens of groups.
 * Ends the references; returns the record if it is gone with the last of them, else ''.
 */
export const RELEASE_SOURCE = script(`${READ}${BOOK}
if ARGV[2] ~= '' and tonumber(redis.call('ZSCORE', KEYS[3], ARGV[1]) or -1) ~= tonumber(ARGV[2]) then return '' end
detach(3, ARGV[1])
if redis.call('HLEN', KEYS[2]) > 0 then return '' end
local old = read(KEYS[1])
close(ARGV[1])
redis.call('UNLINK', KEYS[1], KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('SREM', KEYS[5], ARGV[1])
return old or ''`);

/** KEYS record, used, evictable. ARGV digest, Unix ms. */
export const TOUCH_SOURCE = script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('ZADD', KEYS[2], 'GT', ARGV[2], ARGV[1])
return redis.call('ZADD', KEYS[3], 'XX', 'GT', ARGV[2], ARGV[1])`);

/**
 * KEYS as in BOOK. ARGV digest, member of keptOf that led to it or '', what must still hold: the first characters of the
 * record ('': there is none), and the time of last use or ''. The blob is kept no more; returns the record's text before
 * that if it was, else ''.
 */
export const UNKEEP_SOURCE = script(`${READ}${BOOK}
local old = read(KEYS[1])
if string.sub(old or '', 1, 12) ~= ARGV[3] then return '' end
if ARGV[4] ~= '' and tonumber(redis.call('ZSCORE', KEYS[4], ARGV[1]) or -1) ~= tonumber(ARGV[4]) then return '' end
redis.call('ZREM', KEYS[4], ARGV[1])
if ARGV[2] ~= '' then redis.call('ZREM', KEPT, ARGV[2]) end
if not old or string.sub(old, 13, 14) ~= '11' then return '' end
redis.call('SETRANGE', KEYS[1], 12, '0')
local previews = string.match(redis.call('HGET', HELD, '\\1w') or '', '^(%d+) ')
if previews then reweigh(ARGV[1], previews .. ' 0') end
return old`);

/**
 * KEYS blob, owners, orphans, totals. ARGV digest, owner, 'p' preview or 's' source, bytes, time to live in ms.
 * Returns 1, or 0 when the blob is gone.
 */
export const OWN_BLOB = script(`
local digest, owner, kind, bytes, ttl = unpack(ARGV)
if redis.call('PEXPIRE', KEYS[1], ttl) == 0 then return 0 end
if redis.call('HLEN', KEYS[2]) == 0 then redis.call('HINCRBY', KEYS[4], kind, bytes) end
redis.call('HSET', KEYS[2], owner, kind .. bytes)
redis.call('SREM', KEYS[3], digest)
return 1`);

/** KEYS owners, orphans, totals. ARGV digest, owner. Returns the bytes that are free once it is swept. */
export const DISOWN_BLOB = script(`
local value = redis.call('HGET', KEYS[1], ARGV[2])
if not value then return 0 end
redis.call('HDEL', KEYS[1], ARGV[2])
if redis.call('HLEN', KEYS[1]) > 0 then return 0 end
local bytes = tonumber(string.sub(value, 2))
redis.call('HINCRBY', KEYS[3], string.sub(value, 1, 1), -bytes)
redis.call('SADD', KEYS[2], ARGV[1])
return bytes`);

/** KEYS blob, owners, orphans. ARGV digest. Returns 1 when it was an orphan and is gone. */
export const SWEEP_BLOB = script(`
redis.call('SREM', KEYS[3], ARGV[1])
if redis.call('HLEN', KEYS[2]) > 0 then return 0 end
redis.call('UNLINK', KEYS[1], KEYS[2])
return 1`);
