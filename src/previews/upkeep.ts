// Keeps the store within its limits, in the background: age, number of groups, bytes; then sweeps what no record names.
// Sources go before previews, since previews are what is asked for; the least recently used go first.
import { setImmediate } from 'node:timers/promises';
import { DEFAULT_CONTEXT } from '../kernel/image-key.js';
import type { Catalog, Evicted, EvictionReason } from '../kernel/ports/catalog.js';
import type { AgingClock } from '../kernel/ports/clock.js';
import type { FairEviction } from '../kernel/ports/fair-eviction.js';
import type { Leases } from '../kernel/ports/leases.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import type { AccessJournal } from './access-journal.js';
import type { BlobTiers } from './blob-tiers.js';
import { Rounds } from './rounds.js';
import { SoleTurn } from './sole-turn.js';
import type { SourceMaker } from './source-maker.js';

/** Groups evicted and blobs swept per transaction: a few ms each, so that requests are served in between. */
const BATCH = 16;
/** Groups taken from the heaviest context at once: by so few it may fall below the next one. */
const FAIR_BATCH = 4;
/** One process at a time evicts, or several that see the same excess would each take it away. */
const LEASE = 'upkeep';
/** Stored bytes after which the limits are looked at before their time, as a share of the byte limit. */
const NUDGE_SHARE = 1 / 64;

export interface UpkeepLimits {
  /** Bytes of all blobs, previews and sources. */
  readonly maxBytes: number;
  readonly maxGroups: number;
  /** Seconds since last access; 0 sets no limit. */
  readonly maxAgeSeconds: number;
  /** Of each context by itself; 0 sets no limit. */
  readonly contextMaxBytes: number;
  readonly contextMaxGroups: number;
}

/** The file system that the blobs are on. */
export interface FreeSpace {
  /** Bytes that are missing until as much is free as is to be. */
  shortBy(): Promise<number>;
  /** Holds a little of it back, for the writing that removing takes ... */
  setAside(): Promise<void>;
  /** ... and lets that use it. */
  giveBack(): Promise<void>;
}

export interface UpkeepDeps {
  readonly catalog: Catalog;
  /** The catalog's own. */
  readonly fair: FairEviction;
  readonly blobs: BlobTiers;
  readonly journal: AccessJournal;
  readonly maker: SourceMaker;
  /** Looks for blob files that no record ever named; bounded per call. Absent where the store keeps none. */
  readonly sweepOrphans?: () => Promise<number>;
  /** Puts right what contexts are charged; bounded per call. Absent where it cannot be wrong. */
  readonly recount?: () => Promise<number>;
  /** Keeps as much free as is to be of a disk that the catalog knows nothing of; absent where there is none. */
  readonly keepFree?: () => Promise<void>;
  /** Absent where blobs are on no disk of ours, or nothing of it is to be kept free. */
  readonly space?: FreeSpace;
  /** Pictures that can all be drawn again; absent where there are none. */
  readonly drawings?: { lookAfterBound(maxBytes?: number): Promise<void> };
  /** Absent where no other process shares the catalog. */
  readonly leases?: Leases;
  readonly clock: AgingClock;
  /** What others have seen of clocks; absent where nobody else dates. */
  readonly clockNotes?: { look(): Promise<void> };
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits: UpkeepLimits;
  readonly intervalMs: number;
}

export class Upkeep {
  private readonly rounds: Rounds;
  private storedSinceRound = 0;
  /** The disk has taken no more since the last round. */
  private isFull = false;
  /** While others share the catalog: the lease under which this process evicts. */
  private readonly turn: SoleTurn;

  constructor(private readonly deps: UpkeepDeps) {
    this.turn = new SoleTurn({ name: LEASE, leases: deps.leases, clock: deps.clock });
    this.rounds = new Rounds({
      intervalMs: deps.intervalMs,
      work: () => this.lookAfterAll(),
      onFailure: (error) => deps.logger.warn({ error }, 'upkeep failed; it is tried again'),
    });
  }

  /** Takes up interrupted sequences, then looks after the limits every `intervalMs`. */
  start(): void {
    this.rounds.start();
  }

  /** Tells of stored bytes; after enough of them a round does not wait for its time. */
  stored(bytes: number): void {
    this.storedSinceRound += bytes;
    const { maxBytes, contextMaxBytes } = this.deps.limits;
    const tightest = contextMaxBytes > 0 ? Math.min(maxBytes, contextMaxBytes) : maxBytes;
    if (this.storedSinceRound > tightest * NUDGE_SHARE) void this.round();
  }

  /** Tells that the disk takes no more: what was used longest ago makes room at once. */
  full(): void {
    if (this.deps.space === undefined) return;
    this.isFull = true;
    // The round that is running may be past the point where it looks.
    void this.round().then(() => (this.isFull ? this.round() : undefined));
  }

  /** One round now, or the one that is running. Never rejects. */
  round(): Promise<void> {
    return this.rounds.now();
  }

  async close(): Promise<void> {
    await this.rounds.close();
    await this.deps.journal.flush();
  }

  private async lookAfterAll(): Promise<void> {
    if (this.rounds.isClosed) return;
    this.storedSinceRound = 0;
    const { journal, sweepOrphans, recount, keepFree } = this.deps;
    // Before anything else is written; a disk that cannot be asked keeps nobody from the other limits.
    const onFailure = (error: unknown) =>
      this.deps.logger.warn({ error }, 'no room could be made on the disk; it is tried again');
    // This process's own: whoever else evicts from the catalog.
    await keepFree?.().catch(onFailure);
    await this.alone(() => this.makeRoom()).catch(onFailure);
    await journal.flush();
    await recount?.();
    await this.deps.clockNotes?.look();
    await this.alone(() => this.evictAll());
    await this.sweep();
    await sweepOrphans?.();
    await this.resumeUnfinished();
  }

  /** Evicts, and removes what was evicted, until as much of the disk is free as is to be; a batch at least when it was full. */
  private async makeRoom(): Promise<void> {
    const { space } = this.deps;
    if (space === undefined) return;
    let mustEvict = this.isFull;
    this.isFull = false;
    if (!mustEvict && (await space.shortBy()) === 0) return space.setAside();
    await space.giveBack();
    await this.deps.drawings?.lookAfterBound(0);
    await this.evict('disk', async () => {
      await this.sweep();
      if (!mustEvict && (await space.shortBy()) === 0) return undefined;
      mustEvict = false;
      return this.evictLeastUsed();
    });
    await this.sweep();
    if ((await space.shortBy()) > 0)
      this.deps.logger.warn({}, 'the disk has less free space than it is to have, and nothing is left to evict');
    else await space.setAside();
  }

  /** Does `work` unless another process does. */
  private alone(work: () => Promise<void>): Promise<void> {
    return this.turn.run(work);
  }

  /** Whether this process may go on taking away. */
  private async isMyTurn(): Promise<boolean> {
    return !this.rounds.isClosed && this.turn.isMine();
  }

  /** What is over the limits goes: age first, then what single contexts have too much of, then what all have. */
  private async evictAll(): Promise<void> {
    const { catalog, limits, clock } = this.deps;
    await catalog.redateFutureUses?.();
    await this.deps.drawings?.lookAfterBound();
    const before = () => clock.agesCountFrom() - limits.maxAgeSeconds * 1000;
    if (limits.maxAgeSeconds > 0) await this.evict('age', () => catalog.evictGroups(BATCH, before()));
    await this.lookAfterContexts();
    await this.evict('groups', async () => {
      const over = (await catalog.usage()).groups - limits.maxGroups;
      if (over <= 0) return undefined;
      // From who has most: so nobody is pushed below an equal share by somebody who has more.
      const crowd = await this.heaviestOfMany('groups');
      return crowd
        ? crowd.evictGroupsOfHeaviest('groups', Math.min(FAIR_BATCH, over))
        : catalog.evictGroups(Math.min(BATCH, over));
    });
    await this.evict('bytes', async () => {
      return (await this.isOverBytes()) ? this.evictLeastUsed() : undefined;
    });
  }

  /** A few sources, or groups where no source is left: of who has most, of all when one has all. */
  private async evictLeastUsed(): Promise<Evicted> {
    const { catalog } = this.deps;
    const crowd = await this.heaviestOfMany('bytes');
    if (crowd) return evictBytes(crowd);
    const sources = await catalog.evictSources(BATCH);
    return sources.sources > 0 ? sources : catalog.evictGroups(BATCH);
  }

  /** Each context within its own limits, at the cost of its own groups alone: the heaviest first, as long as it is over. */
  private async lookAfterContexts(): Promise<void> {
    const { fair, limits } = this.deps;
    if (limits.contextMaxGroups > 0)
      await this.evict('context-groups', async () => {
        const over = ((await fair.heaviest('groups'))?.groups ?? 0) - limits.contextMaxGroups;
        return over > 0 ? fair.evictGroupsOfHeaviest('groups', Math.min(BATCH, over)) : undefined;
      });
    if (limits.contextMaxBytes > 0)
      await this.evict('context-bytes', async () => {
        const bytes = (await fair.heaviest('bytes'))?.bytes ?? 0;
        return bytes > limits.contextMaxBytes ? evictBytes(fair) : undefined;
      });
  }

  /** The fair eviction where there are several contexts; alone, one has the limits of all, and its order is the global one. */
  private async heaviestOfMany(by: 'bytes' | 'groups'): Promise<FairEviction | undefined> {
    const heaviest = await this.deps.fair.heaviest(by);
    return heaviest === undefined || heaviest.alone ? undefined : this.deps.fair;
  }

  private async isOverBytes(): Promise<boolean> {
    const { previewBytes, sourceBytes } = await this.deps.catalog.usage();
    return previewBytes + sourceBytes > this.deps.limits.maxBytes;
  }

  /** Repeats `batch` until it finds nothing more to take away. */
  private async evict(reason: EvictionReason, batch: () => Promise<Evicted | undefined>): Promise<void> {
    while (await this.isMyTurn()) {
      const evicted = await batch();
      if (evicted === undefined || evicted.groups + evicted.sources === 0) return;
      this.deps.metrics.count('evictions_total', { reason, kind: 'group' }, evicted.groups);
      this.deps.metrics.count('evictions_total', { reason, kind: 'source' }, evicted.sources);
      await setImmediate();
    }
  }

  private async sweep(): Promise<void> {
    while (!this.rounds.isClosed) {
      const swept = await this.deps.catalog.sweep(BATCH);
      if (swept.length === 0) return;
      this.deps.metrics.count('swept_blobs_total', {}, swept.length);
      // Only our own copies: the same blob may have been stored again since, and then it is somebody's.
      for (const digest of swept) this.deps.blobs.forget(digest);
      await setImmediate();
    }
  }

  /** Sequences that a crash or an overload cut short: one at a time, behind everything that somebody waits for. */
  private async resumeUnfinished(): Promise<void> {
    for await (const digest of this.deps.catalog.unfinished()) {
      if (this.rounds.isClosed) return;
      const record = await this.deps.catalog.findSource(digest);
      if (!record || record.complete || this.deps.maker.isBusyWith(digest)) continue;
      try {
        await this.deps.maker.finish(record, { priority: 'background', context: DEFAULT_CONTEXT });
      } catch (error) {
        this.deps.logger.warn({ error, source: digest }, 'an interrupted sequence could not be finished');
      }
    }
  }
}

/** Bytes of the heaviest context: its kept sources before its previews, since previews are what is asked for. */
async function evictBytes(fair: FairEviction): Promise<Evicted> {
  const sources = await fair.evictSourcesOfHeaviest(FAIR_BATCH);
  return sources.sources > 0 ? sources : fair.evictGroupsOfHeaviest('bytes', FAIR_BATCH);
}
