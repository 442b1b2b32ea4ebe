// Counts anew what contexts are charged for sources, a bounded number of sources at a time: whatever a server evicted by
// itself, or a crash left behind in the sums, is put right. Counts go on under uploads and clears, and are exact: sources
// that were counted already are changed in both sums, those that were not only in the old one (see source-book.ts).
import type { Digest } from '../../kernel/digest.js';
import { ALL_SHARDS, type Shard } from './key-layout.js';
import { script } from './link.js';
import { decodeSource } from './record-codec.js';
import { digestsIn, readMany, runMany, type Session } from './session.js';
import { BOOK } from './source-book.js';
import { keysOfSource, weightOfRecord } from './source-weight.js';

/** Sources looked at in one call, and shards: some hundred commands, and as many short scripts. */
const MOST_SOURCES = 2_000;
const MOST_SHARDS = 16;
/** Sources read of a shard at a time; a server may give a few more. */
const PAGE = 100;
/** A count that another node began so long ago was given up. */
const STALE_MS = 3_600_000;

/** KEYS sums, recount. ARGV now in ms, ms after which another's count is given up. Returns the number of the count, or ''. */
const BEGIN = script(`
local now, coming = tonumber(ARGV[1]), tonumber(redis.call('ZSCORE', KEYS[2], '\\1'))
if coming and math.abs(now - coming) < tonumber(ARGV[2]) then return '' end
local last = math.max(coming or 0, tonumber(redis.call('ZSCORE', KEYS[1], '\\1')) or 0)
local epoch = string.format('%.0f', math.max(now, last + 1))
redis.call('UNLINK', KEYS[2])
redis.call('ZADD', KEYS[2], epoch, '\\1')
return epoch`);

/**
 * KEYS as in BOOK. ARGV epoch, now in ms, digest, weight or ''. Returns 1, or 0 when the count is not ours any more, or the
 * source's record when what contexts hold of it was lost: then this is to be called again with the weight.
 */
const COUNT_SOURCE = script(`${BOOK}
if tonumber(redis.call('ZSCORE', RECOUNT, '\\1')) ~= tonumber(ARGV[1]) then return 0 end
if redis.call('EXISTS', HELD) == 0 then
  if redis.call('HLEN', KEYS[2]) == 0 then return 1 end
  if ARGV[4] == '' then return redis.pcall('GET', KEYS[1]) or 1 end
  rewrite(ARGV[3], ARGV[4], ARGV[2])
end
open()
enter(ARGV[2])
return 1`);

/** KEYS sums, recount, used. ARGV epoch. The new sums take the place of the old ones. Returns 1, or 0 as above. */
const END = script(`
if tonumber(redis.call('ZSCORE', KEYS[2], '\\1')) ~= tonumber(ARGV[1]) then return 0 end
redis.call('UNLINK', KEYS[1])
if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('RENAME', KEYS[2], KEYS[1])
else
  redis.call('UNLINK', KEYS[2])
end
return 1`);

interface UnderWay {
  readonly shard: Shard;
  readonly epoch: string;
  readonly cursor: string;
}

export class Recount {
  private next = Math.floor(Math.random() * ALL_SHARDS.length);
  private underWay: UnderWay | undefined;

  constructor(private readonly session: Session) {}

  /** Goes on where the last call ended; shards whose sums were lost are first. Resolves with the sources looked at. */
  async run(): Promise<number> {
    const waiting = await this.shardsInTurn();
    let [sources, shards] = [0, 0];
    while (sources < MOST_SOURCES && shards < MOST_SHARDS) {
      if (this.underWay === undefined) {
        const shard = waiting.shift();
        if (shard === undefined) break;
        shards++;
        this.underWay = await this.begin(shard);
        if (this.underWay === undefined) continue;
      }
      sources += await this.page(this.underWay);
    }
    return sources;
  }

  /** All shards that have sources or sums, beginning with those whose sums are not there or not of all sources. */
  private async shardsInTurn(): Promise<Shard[]> {
    const { keys } = this.session;
    const replies = await readMany(
      this.session,
      ALL_SHARDS.flatMap((shard) => [
        { key: keys.used(shard), args: ['ZCARD', keys.used(shard)] },
        { key: keys.sums(shard), args: ['ZMSCORE', keys.sums(shard), '\x01', '\x02'] },
      ]),
    );
    const isInUse = (shard: Shard) => replies[2 * shard] !== 0 || (replies[2 * shard + 1] as unknown[])[0] !== null;
    const isWhole = (shard: Shard) => {
      const [epoch, partial] = replies[2 * shard + 1] as (number | null)[];
      return epoch !== null && partial === null;
    };
    const turn = (shard: Shard) => (shard - this.next + ALL_SHARDS.length) % ALL_SHARDS.length;
    return ALL_SHARDS.filter(isInUse).toSorted((a, b) => Number(isWhole(a)) - Number(isWhole(b)) || turn(a) - turn(b));
  }

  private async begin(shard: Shard): Promise<UnderWay | undefined> {
    const { keys, clock } = this.session;
    this.next = (shard + 1) % ALL_SHARDS.length;
    const [epoch] = await runMany(this.session, BEGIN, [
      { keys: [keys.sums(shard), keys.recount(shard)], args: [Math.floor(clock.now()), STALE_MS] },
    ]);
    return epoch === '' ? undefined : { shard, epoch: epoch as string, cursor: '0' };
  }

  private async page({ shard, epoch, cursor }: UnderWay): Promise<number> {
    const { keys } = this.session;
    const used = keys.used(shard);
    const [reply] = await readMany(this.session, [{ key: used, args: ['ZSCAN', used, cursor, 'COUNT', `${PAGE}`] }]);
    const [next, flat] = reply as [string, string[]];
    const digests = digestsIn(flat.filter((_, at) => at % 2 === 0));
    const isOurs = await this.count(digests.map((digest) => ({ digest, epoch, weight: '' })));
    this.underWay = isOurs ? { shard, epoch, cursor: next } : undefined;
    if (isOurs && next === '0') {
      await runMany(this.session, END, [{ keys: [keys.sums(shard), keys.recount(shard), used], args: [epoch] }]);
      this.underWay = undefined;
    }
    return digests.length;
  }

  /** Resolves with whether the count is still ours. */
  private async count(sources: readonly { digest: Digest; epoch: string; weight: string }[]): Promise<boolean> {
    const now = Math.floor(this.session.clock.now());
    const outcomes = await runMany(
      this.session,
      COUNT_SOURCE,
      sources.map(({ digest, epoch, weight }) => ({
        keys: keysOfSource(this.session, digest),
        args: [epoch, now, digest, weight],
      })),
    );
    const lost = sources.flatMap((source, at) => {
      const text = outcomes[at];
      const stored = typeof text === 'string' ? decodeSource(this.session.seals, source.digest, text) : undefined;
      return stored ? [{ ...source, weight: weightOfRecord(this.session, stored.record) }] : [];
    });
    if (outcomes.includes(0)) return false;
    return lost.length === 0 || this.count(lost);
  }
}
