// One commit of the library: nothing of what was read has changed since, the job is still in the caller's hands, and then everything
// becomes visible together. Rules are no part of it: they are the kernel's, and run on the node.
import { script } from '../link.js';
import { TOKEN_CHARACTERS } from '../record-codec.js';
import { JOB_FUNCTIONS } from './job-scripts.js';

/**
 * A value as it was read: a string's key, or a hash's key and field. `null`: it was not there; else what the value began with, a
 * record's token, which no other write has.
 */
export type Check = readonly [key: string, field: string | null, begins: string | null];

/** The lease that the commit stands and falls with. */
export type Held = readonly [kind: string, id: string, fence: string];

export type Change =
  /** A command on keys of the library. */
  | readonly ['call', ...args: string[]]
  /** A job that is new; one whose id is known stays as it is. */
  | readonly ['add', kind: string, id: string, context: string, record: string, dueAt: string]
  /** The held job goes. */
  | readonly ['finish']
  /** The held job is due again, with so many attempts counted; `waits`: for what is not its fault. */
  | readonly ['retry', attempts: string, dueAt: string, waits: '0' | '1'];

/** KEYS base. ARGV: JSON of checks, held job or null, changes; now. `ok`, `changed` or `lost`. */
export const COMMIT = script(`${JOB_FUNCTIONS}
local checks, held, changes = unpack(cjson.decode(ARGV[1]))
local now, job = tonumber(ARGV[2]), nil
if held ~= cjson.null then
  job = holds(held[1], held[2], held[3])
  if not job then return 'lost' end
end
for _, check in ipairs(checks) do
  local key, field, begins = check[1], check[2], check[3]
  local value
  if field == cjson.null then value = call('GET', key) else value = call('HGET', key, field) end
  if begins == cjson.null then
    if value then return 'changed' end
  elseif not value or string.sub(value, 1, ${TOKEN_CHARACTERS}) ~= begins then return 'changed' end
end
for _, change in ipairs(changes) do
  local what = table.remove(change, 1)
  if what == 'call' then call(unpack(change))
  elseif what == 'add' then add(change[1], change[2], change[3], change[4], tonumber(change[5]), now)
  elseif what == 'finish' then
    lift(held[1], held[2], job)
    call('DEL', B .. 'job:' .. held[1] .. ':' .. held[2])
  else
    lift(held[1], held[2], job)
    local key = B .. 'job:' .. held[1] .. ':' .. held[2]
    call('HSET', key, 'attempts', change[1])
    if change[3] == '1' then call('HSETNX', key, 'waiting', text(now)) end
    place(held[1], held[2], job.context, tonumber(change[2]), now)
  end
end
return 'ok'`);
