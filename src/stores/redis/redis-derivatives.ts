// The Derivatives port on Redis: a row for each picture, beside the times of use and the costs of its shard; bytes are blobs like all
// others, taken away with the last row that names them unless a source does too. Whatever the server evicts by itself is drawn again.
import { LRUCache } from 'lru-cache';
import { type Digest, parseDigest } from '../../kernel/digest.js';
import {
  DERIVATIVE_ENTRY_BYTES,
  type Derivative,
  type Derivatives,
  type DerivativesUsage,
  type DrawnSource,
} from '../../kernel/ports/derivatives.js';
import { ALL_SHARDS, type Shard, shardOfName } from './key-layout.js';
import { script } from './link.js';
import { derivativeIn, drawnIn } from './parsed-record.js';
import { readIn } from './record-fields.js';
import type { RedisBlobStore } from './redis-blob-store.js';
import { SEAL_CHARACTERS } from './seals.js';
import { healingTypes, readMany, runMany, type Session } from './session.js';
import { digestOfMember, oldestNamed } from './strays.js';

/** KEYS row, uses, costs. ARGV row, name, cost, digest or '', Unix ms, ms to live. Returns what the name cost and named before. */
const PUT = script(`
local row, name, cost, digest, now, ttl = unpack(ARGV)
local before = redis.call('HGET', KEYS[3], name) or ''
redis.call('SET', KEYS[1], row, 'PX', ttl)
redis.call('ZADD', KEYS[2], now, name)
redis.call('HSET', KEYS[3], name, cost .. ' ' .. digest)
redis.call('HINCRBY', KEYS[3], 'all', cost - (tonumber(string.match(before, '^%d+')) or 0))
redis.call('PEXPIRE', KEYS[2], ttl)
redis.call('PEXPIRE', KEYS[3], ttl)
return before`);

/** KEYS uses, costs, rows. ARGV their names. Returns what each cost and named, '' for one that was not there. With the last use the sum goes. */
const TAKE = script(`
local taken = {}
for n = 3, #KEYS do
  local name = ARGV[n - 2]
  local before = redis.call('HGET', KEYS[2], name) or ''
  redis.call('ZREM', KEYS[1], name)
  redis.call('HDEL', KEYS[2], name)
  redis.call('HINCRBY', KEYS[2], 'all', -(tonumber(string.match(before, '^%d+')) or 0))
  redis.call('UNLINK', KEYS[n])
  taken[n - 2] = before
end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('UNLINK', KEYS[2]) end
return taken`);

/** KEYS names, owners, blob. ARGV name. */
const UNNAME = script(`
redis.call('SREM', KEYS[1], ARGV[1])
if redis.call('SCARD', KEYS[1]) == 0 and redis.call('EXISTS', KEYS[2]) == 0 then redis.call('UNLINK', KEYS[3]) end
return 1`);

/** Uses are noted so coarse, in ms: most reads write nothing. */
const RESOLUTION_MS = 60_000;
const MAX_NOTED = 20_000;
/** Taken away at once. */
const BATCH = 64;
const SCANNED = '1000';
const OF_SOURCE = 'source';
const OF_TAG = 'tag';

export class RedisDerivatives implements Derivatives {
  private readonly noted: LRUCache<string, true>;

  constructor(
    private readonly session: Session,
    private readonly blobs: RedisBlobStore,
  ) {
    const perf = { now: () => session.clock.monotonic() };
    this.noted = new LRUCache({ max: MAX_NOTED, ttl: RESOLUTION_MS, perf });
  }

  async sourceOf(source: Digest): Promise<DrawnSource | undefined> {
    const text = await this.row(`${source}:${OF_SOURCE}`);
    return text === undefined ? undefined : readIn(text, drawnIn);
  }

  async noteSource(source: Digest, known: DrawnSource): Promise<void> {
    const text = JSON.stringify(known);
    await this.place(`${source}:${OF_SOURCE}`, text, DERIVATIVE_ENTRY_BYTES + text.length, undefined);
  }

  async tagged(tag: Digest): Promise<Digest | undefined> {
    const text = await this.row(`${tag}:${OF_TAG}`);
    return text === undefined ? undefined : parseDigest(text);
  }

  async noteTag(tag: Digest, source: Digest): Promise<void> {
    await this.place(`${tag}:${OF_TAG}`, source, DERIVATIVE_ENTRY_BYTES, undefined);
  }

  async find(source: Digest, recipe: Digest): Promise<Derivative | undefined> {
    const text = await this.row(`${source}:${recipe}`);
    return text === undefined ? undefined : readIn(text, derivativeIn);
  }

  async put(source: Digest, recipe: Digest, derivative: Derivative, from: string | Buffer): Promise<void> {
    const { type, widthPx, heightPx, bytes, digest } = derivative;
    const name = `${source}:${recipe}`;
    // The blob goes by itself after a while where the row never comes.
    await (typeof from === 'string'
      ? this.blobs.putFile(digest, from, 'preview')
      : this.blobs.put(digest, from, 'preview'));
    const { keys, link, deadlines, blobTtlMs } = this.session;
    const names = keys.derivativeNames(digest);
    await healingTypes(this.session, [names], () => link.send(names, ['SADD', names, name], deadlines.setMs));
    await link.send(names, ['PEXPIRE', names, String(blobTtlMs)], deadlines.setMs);
    const text = JSON.stringify({ type, widthPx, heightPx, bytes, digest });
    await this.place(name, text, DERIVATIVE_ENTRY_BYTES + bytes, digest);
  }

  read({ digest }: Pick<Derivative, 'digest'>): Promise<Buffer | undefined> {
    return this.blobs.get(digest);
  }

  async usage(): Promise<DerivativesUsage> {
    const { keys } = this.session;
    const replies = await readMany(
      this.session,
      ALL_SHARDS.flatMap((shard) => [
        { key: keys.derivativeUses(shard), args: ['ZCARD', keys.derivativeUses(shard)] },
        { key: keys.derivativeCosts(shard), args: ['HGET', keys.derivativeCosts(shard), 'all'] },
      ]),
    );
    const sum = (parity: number): number =>
      replies.reduce<number>((all, reply, at) => (at % 2 === parity ? all + Number(reply ?? 0) : all), 0);
    return { entries: sum(0), bytes: Math.max(0, sum(1)) };
  }

  async evict(maxBytes: number): Promise<number> {
    let evicted = 0;
    let { bytes } = await this.usage();
    while (bytes > maxBytes) {
      const { keys } = this.session;
      const keyOf = (shard: Shard): string => keys.derivativeUses(shard);
      const { oldest } = await oldestNamed(this.session, keyOf, BATCH, Number.POSITIVE_INFINITY, nameOfMember);
      if (oldest.length === 0) return evicted;
      for (const { named } of oldest) {
        if (bytes <= maxBytes) return evicted;
        bytes -= await this.take(named);
        evicted++;
      }
      if (bytes > maxBytes) bytes = (await this.usage()).bytes;
    }
    return evicted;
  }

  async forgetSource(source: Digest): Promise<number> {
    const { keys } = this.session;
    const costs = keys.derivativeCosts(shardOfName(source));
    let pictures = 0;
    let cursor = '0';
    do {
      // Of one shard, a 64th of all: nobody waits for a takedown as for a picture.
      const args = ['HSCAN', costs, cursor, 'MATCH', `${source}:*`, 'COUNT', SCANNED];
      const [reply] = await readMany(this.session, [{ key: costs, args }]);
      const [next, fields] = reply as [string, string[]];
      for (const name of fields.map(String).filter((field) => field.startsWith(`${source}:`))) {
        if (parseDigest(name.slice(source.length + 1))) pictures++;
        await this.take(name);
      }
      cursor = String(next);
    } while (cursor !== '0');
    return pictures;
  }

  /** The connection is closed by whoever opened it. */
  async close(): Promise<void> {}

  /** Removes the entry; resolves with what it cost. */
  private async take(name: string): Promise<number> {
    const { keys } = this.session;
    const shard = shardOfName(name);
    const [reply] = await runMany(this.session, TAKE, [
      { keys: [keys.derivativeUses(shard), keys.derivativeCosts(shard), keys.derivative(name)], args: [name] },
    ]);
    const [cost = '', digest = ''] = String((reply as string[])[0] ?? '').split(' ');
    await this.unname(parseDigest(digest), name);
    return Number(cost);
  }

  private async unname(digest: Digest | undefined, name: string): Promise<void> {
    if (digest === undefined) return;
    const { keys } = this.session;
    await runMany(this.session, UNNAME, [
      { keys: [keys.derivativeNames(digest), keys.owners(digest), keys.blob(digest)], args: [name] },
    ]);
  }

  private async place(name: string, text: string, cost: number, digest: Digest | undefined): Promise<void> {
    const { keys, seals, clock, blobTtlMs } = this.session;
    const shard = shardOfName(name);
    const row = seals.of('derivative', `${name}\0${text}`) + text;
    const [before] = await runMany(this.session, PUT, [
      {
        keys: [keys.derivative(name), keys.derivativeUses(shard), keys.derivativeCosts(shard)],
        args: [row, name, cost, digest ?? '', Math.round(clock.now()), blobTtlMs],
      },
    ]);
    this.noted.set(name, true);
    const replaced = parseDigest(String(before).split(' ')[1] ?? '');
    if (replaced !== digest) await this.unname(replaced, name);
  }

  /** The text of a row with a seal of ours. */
  private async row(name: string): Promise<string | undefined> {
    const { keys, link, seals, deadlines } = this.session;
    const key = keys.derivative(name);
    const reply = await healingTypes(this.session, [key], () => link.send(key, ['GET', key], deadlines.getMs));
    if (typeof reply !== 'string') return undefined;
    const [seal, text] = [reply.slice(0, SEAL_CHARACTERS), reply.slice(SEAL_CHARACTERS)];
    if (!seals.proves('derivative', `${name}\0${text}`, seal)) return undefined;
    this.note(name);
    // Under no key everybody could have made it: what it holds is looked at by who asked.
    return text;
  }

  /** In the background: if this fails it is a later reader's turn. */
  private note(name: string): void {
    if (this.noted.has(name)) return;
    this.noted.set(name, true);
    const { keys, link, clock, deadlines, blobTtlMs } = this.session;
    const uses = keys.derivativeUses(shardOfName(name));
    const row = keys.derivative(name);
    const commands = [
      { key: uses, args: ['ZADD', uses, 'XX', String(Math.round(clock.now())), name] },
      { key: row, args: ['PEXPIRE', row, String(blobTtlMs)] },
    ];
    link.sendAll(commands, deadlines.setMs).catch(() => this.noted.delete(name));
  }
}

/** `<digest>:<digest>` of a picture, `<digest>:source`, `<digest>:tag`. */
function nameOfMember(member: string, shard: Shard): string | undefined {
  const [begin, end] = [digestOfMember(member.slice(0, 64), shard), member.slice(65)];
  const isName = member[64] === ':' && (end === OF_SOURCE || end === OF_TAG || parseDigest(end) !== undefined);
  return begin !== undefined && isName ? member : undefined;
}
