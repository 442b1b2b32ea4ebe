// The blob tiers in order: asked from the nearest on, what is found is copied towards the request, and a tier that fails is
// passed over. Knows nothing of how a tier stores.
import type { Digest } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import type { BlobKind, BlobStore, FoundBlob, TierName } from '../kernel/ports/blobs.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import { type Amount, type DroppedCopies, NOTHING } from '../kernel/takedown/order.js';
import type { Slice } from '../kernel/zoom/pyramid-index.js';
import type { MemoryTier } from './memory-tier.js';
import { TierWarnings } from './tier-warnings.js';

export interface TieredBlobsOptions {
  readonly memory: MemoryTier;
  /**
   * At least one, the nearest first. The last one is where a blob must be for its record to count; those before it are
   * copies.
   */
  readonly durable: readonly [BlobStore, ...BlobStore[]];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Copies towards nearer tiers that may be under way at once; what is found beyond that is copied at its next hit. */
const MAX_PROMOTIONS = 32;

/** What asking the durable tiers came to. */
interface Lookup {
  readonly found: FoundBlob | undefined;
  readonly missed: readonly TierName[];
}

export class TieredBlobs implements Omit<BlobStore, 'tier' | 'delete' | 'dropCopies'> {
  /** Look-ups under way by digest: as many as there are requests in flight, and one per blob. */
  private readonly lookups = new Map<Digest, Promise<Lookup>>();
  /** Copies towards nearer durable tiers, which nobody waits for but `close`. */
  private readonly promotions = new Set<Promise<void>>();
  private readonly warnings: TierWarnings;

  constructor(private readonly options: TieredBlobsOptions) {
    this.warnings = new TierWarnings(options.logger, options.clock);
  }

  /**
   * The blob from the nearest tier that has it undamaged; `undefined` when none has it, or could be asked. Throws
   * `overloaded` when a tier did, since whatever the caller would do instead costs more.
   */
  async find(digest: Digest): Promise<FoundBlob | undefined> {
    const { memory, metrics, clock } = this.options;
    const bytes = memory.peek(digest);
    if (bytes !== undefined) {
      metrics.count('cache_hits_total', { tier: 'memory' });
      return { bytes, tier: 'memory' };
    }
    metrics.count('cache_misses_total', { tier: 'memory' });
    const begunAt = clock.monotonic();
    const { found, missed } = await this.once(digest, () => this.lookUp(digest));
    for (const tier of missed) metrics.count('cache_misses_total', { tier });
    if (found === undefined) return undefined;
    metrics.count('cache_hits_total', { tier: found.tier });
    metrics.observe('blob_read_seconds', (clock.monotonic() - begunAt) / 1_000);
    return found;
  }

  async get(digest: Digest): Promise<Buffer | undefined> {
    return (await this.find(digest))?.bytes;
  }

  /**
   * The same of a part of a blob. It is kept in memory by itself, under its own digest, and no further tier gets the whole for its
   * sake: who asks for one tile of a gigapixel will hardly ask for all.
   */
  async findSlice(slice: Slice): Promise<FoundBlob | undefined> {
    const { memory, metrics, clock } = this.options;
    const bytes = memory.peek(slice.digest);
    if (bytes !== undefined) {
      metrics.count('cache_hits_total', { tier: 'memory' });
      return { bytes, tier: 'memory' };
    }
    metrics.count('cache_misses_total', { tier: 'memory' });
    const begunAt = clock.monotonic();
    const { found, missed } = await this.once(slice.digest, () => this.lookUpSlice(slice));
    for (const tier of missed) metrics.count('cache_misses_total', { tier });
    if (found === undefined) return undefined;
    metrics.count('cache_hits_total', { tier: found.tier });
    metrics.observe('blob_read_seconds', (clock.monotonic() - begunAt) / 1_000);
    return found;
  }

  sliceNow(slice: Slice): Buffer | undefined {
    const { memory, durable } = this.options;
    const bytes = durable[0].sliceNow?.(slice);
    if (bytes !== undefined) memory.admit(slice.digest, bytes);
    return bytes;
  }

  async slice(slice: Slice): Promise<Buffer | undefined> {
    return (await this.findSlice(slice))?.bytes;
  }

  /** Keeps bytes in this process's memory alone: what is cheap to make again, and likely to be asked for again. */
  keepInMemory(digest: Digest, bytes: Buffer): void {
    this.options.memory.admit(digest, bytes);
  }

  /** Every durable tier is tried; then a preview is kept in memory too. Throws when the last tier does not have it. */
  async put(digest: Digest, bytes: Buffer, kind: BlobKind): Promise<void> {
    await this.putUnread(digest, bytes, kind);
    // Sources are large and hardly ever read again. The caller goes on using its buffer, so memory takes its own copy.
    if (kind === 'preview') this.options.memory.admit(digest, Buffer.from(bytes));
  }

  /** Like `put`, but memory takes the bytes when they are first asked for: most previews of a sequence never are soon. */
  async putUnread(digest: Digest, bytes: Buffer, kind: BlobKind): Promise<void> {
    await this.store((tier) => tier.put(digest, bytes, kind));
  }

  /** The same of a file. */
  async putFile(digest: Digest, path: string, kind: BlobKind, hashed = false): Promise<void> {
    await this.store((tier) => tier.putFile(digest, path, kind, hashed));
  }

  async prepareFile(path: string): Promise<void> {
    await this.options.durable.at(-1)?.prepareFile?.(path);
  }

  /** Throws when a tier failed and no other has the blob: who takes that for a loss would remove what is still there. */
  async copyTo(digest: Digest, path: string): Promise<boolean> {
    let failure: { readonly error: unknown } | undefined;
    const copied = await this.firstTrue(async (tier) => {
      try {
        return await tier.copyTo(digest, path);
      } catch (error) {
        failure ??= { error };
        throw error;
      }
    });
    if (!copied && failure) throw failure.error;
    return copied;
  }

  async has(digest: Digest): Promise<boolean> {
    return this.firstTrue((tier) => tier.has(digest));
  }

  /**
   * Drops the copy in this process's memory. A look-up under way may bring it back, which harms nobody: a blob never
   * changes, and what memory holds is bounded.
   */
  forget(digest: Digest): void {
    this.options.memory.forget(digest);
  }

  async drop(digests: readonly Digest[] | 'all', isWhole = false): Promise<DroppedCopies> {
    const first = await this.dropNow(digests, isWhole);
    // What was looked up before may be copied here still: then it goes as well.
    await Promise.allSettled([...this.lookups.values()]);
    await Promise.all(this.promotions);
    const then = await this.dropNow(digests, isWhole);
    return { memory: sumOf(first.memory, then.memory), disk: sumOf(first.disk, then.disk) };
  }

  private async dropNow(digests: readonly Digest[] | 'all', isWhole: boolean): Promise<DroppedCopies> {
    const { memory, durable } = this.options;
    let disk = NOTHING;
    for (const tier of durable.slice(0, -1)) disk = sumOf(disk, (await tier.dropCopies?.(digests)) ?? NOTHING);
    return { memory: (await memory.dropCopies?.(isWhole ? 'all' : digests)) ?? NOTHING, disk };
  }

  async lasts(digest: Digest): Promise<boolean> {
    return (await this.options.durable.at(-1)?.has(digest)) ?? false;
  }

  async close(): Promise<void> {
    await Promise.all(this.promotions);
    await Promise.all([this.options.memory, ...this.options.durable].map((tier) => tier.close()));
  }

  private once(digest: Digest, lookUp: () => Promise<Lookup>): Promise<Lookup> {
    const underWay = this.lookups.get(digest);
    if (underWay !== undefined) return underWay;
    const lookup = lookUp().finally(() => this.lookups.delete(digest));
    this.lookups.set(digest, lookup);
    return lookup;
  }

  private async lookUpSlice(slice: Slice): Promise<Lookup> {
    const missed: TierName[] = [];
    const found = await this.firstOf(this.options.durable, async (tier) => {
      const bytes = await tier.slice(slice);
      if (bytes !== undefined) {
        this.options.memory.admit(slice.digest, bytes);
        return { bytes, tier: tier.tier };
      }
      missed.push(tier.tier);
      return undefined;
    });
    return { found, missed };
  }

  private async lookUp(digest: Digest): Promise<Lookup> {
    const missed: TierName[] = [];
    const found = await this.firstOf(this.options.durable, async (tier) => {
      const bytes = await tier.get(digest);
      if (bytes === undefined) {
        missed.push(tier.tier);
        return undefined;
      }
      this.promote(digest, bytes, tier);
      return { bytes, tier: tier.tier };
    });
    return { found, missed };
  }

  /**
   * Copies what `from` gave into the tiers before it. A tier checks the digest of what it gives, and a durable one checks
   * what it is given; memory takes it as it is, because checking it once more would cost more than reading it.
   */
  private promote(digest: Digest, bytes: Buffer, from: BlobStore): void {
    const { memory, durable } = this.options;
    memory.admit(digest, bytes);
    for (const tier of durable.slice(0, durable.indexOf(from))) {
      if (this.promotions.size >= MAX_PROMOTIONS) return;
      const promotion: Promise<void> = tier
        .put(digest, bytes, 'preview')
        .catch((error: unknown) => this.warnings.warn(tier.tier, error))
        .finally(() => this.promotions.delete(promotion));
      this.promotions.add(promotion);
    }
  }

  private async store(write: (tier: BlobStore) => Promise<void>): Promise<void> {
    const { durable } = this.options;
    const outcomes = await Promise.allSettled(durable.map(write));
    const failures = outcomes.flatMap((outcome, index) =>
      outcome.status === 'rejected' ? [{ tier: durable[index]?.tier ?? 'disk', error: outcome.reason as unknown }] : [],
    );
    if (outcomes.at(-1)?.status === 'rejected') {
      // Callers go on after an unreachable shared tier, because a nearer one has the blob: not so if that one failed too.
      throw failures.length === durable.length ? failures[0]?.error : failures.at(-1)?.error;
    }
    for (const { tier, error } of failures) this.warnings.warn(tier, error);
  }

  private async firstTrue(ask: (tier: BlobStore) => Promise<boolean>): Promise<boolean> {
    const tiers = [this.options.memory, ...this.options.durable];
    return (await this.firstOf(tiers, async (tier) => (await ask(tier)) || undefined)) ?? false;
  }

  /** The first answer that is not `undefined`. A tier that fails has none; see `find` for the failure that is thrown. */
  private async firstOf<T>(
    tiers: readonly BlobStore[],
    ask: (tier: BlobStore) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    let overloaded: unknown;
    for (const tier of tiers) {
      try {
        const answer = await ask(tier);
        if (answer !== undefined) return answer;
      } catch (error) {
        if (error instanceof ProofsheetError && error.code === 'overloaded') overloaded ??= error;
        this.warnings.warn(tier.tier, error);
      }
    }
    if (overloaded !== undefined) throw overloaded;
    return undefined;
  }
}

function sumOf(one: Amount, other: Amount): Amount {
  return { blobs: one.blobs + other.blobs, bytes: one.bytes + other.bytes };
}

/** All tiers as one. */
export function createTieredBlobs(options: TieredBlobsOptions): TieredBlobs {
  return new TieredBlobs(options);
}
