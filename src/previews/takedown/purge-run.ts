// One purge at work: finds the groups that a selection takes, removes each as it was found, and sees what of their bytes leaves the last
// tier. In rounds of a few thousand groups, so that a context of millions takes no more memory than a small one.
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../../kernel/digest.js';
import type { Catalog } from '../../kernel/ports/catalog.js';
import type { CatalogWalk, WalkedGroup } from '../../kernel/ports/catalog-walk.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Derivatives } from '../../kernel/ports/derivatives.js';
import { type CatalogEntry, contentDigestOf, namedBlobs, type SourceRecord } from '../../kernel/source.js';
import {
  MAX_NAMED_BLOBS,
  MAX_NAMED_GROUPS,
  MAX_SURROGATE_KEYS,
  type TakedownOrder,
} from '../../kernel/takedown/order.js';
import { type PurgeSelection, rangeOf, takes } from '../../kernel/takedown/purge.js';
import { SurrogateKeySet } from '../../kernel/takedown/surrogate-keys.js';
import { pyramidsOf } from '../../kernel/zoom/kept-pyramids.js';
import type { BlobTiers } from '../blob-tiers.js';

export interface PurgeRunDeps {
  readonly catalog: Pick<Catalog, 'find' | 'remove' | 'removeGroup' | 'sweep'>;
  readonly walk: Pick<CatalogWalk, 'groups'>;
  readonly blobs: Pick<BlobTiers, 'lasts' | 'forget'>;
  /** Absent where nothing is drawn on demand. */
  readonly derivatives?: Pick<Derivatives, 'forgetSource'>;
  readonly clock: Clock;
}

/** What a purge came to. */
export type Purged = Pick<
  TakedownOrder,
  'groups' | 'named' | 'stillNamed' | 'derivatives' | 'blobs' | 'hasTiles' | 'surrogateKeys'
> & { readonly left: { readonly blobs: number; readonly bytes: number } };

/** Sources that lose groups between two looks at the blobs that they leave. */
const SOURCES_A_ROUND = 1_000;
/** Groups at once: commits of so many share a transaction. */
const AT_ONCE = 16;
const SWEPT_AT_A_TIME = 64;
/** What others have left to be swept may come first; what is not swept by then goes by the upkeep. */
const SWEEP_MS = 60_000;
/** A group that is written again and again meanwhile. */
const MAX_ATTEMPTS = 8;

export class PurgeRun {
  private groups = 0;
  private readonly named: TakedownOrder['named'][number][] = [];
  private readonly keys: SurrogateKeySet;
  /** Of this round: what removed records named. */
  private round = new Map<Digest, number>();
  private records = new Map<Digest, SourceRecord>();
  /** Whose copies are to be dropped, `MAX_NAMED_BLOBS` at most; more once `isMore`. */
  private readonly gone = new Set<Digest>();
  private isMore = false;
  private hasTiles = false;
  private left = { blobs: 0, bytes: 0 };
  private stillNamed = 0;
  private derivatives = 0;

  constructor(
    private readonly deps: PurgeRunDeps,
    private readonly selection: PurgeSelection,
    /** Told of contents before their groups go. */
    private readonly before: (contents: readonly Digest[]) => Promise<void>,
  ) {
    this.keys = new SurrogateKeySet(selection, MAX_SURROGATE_KEYS);
  }

  async run(): Promise<Purged> {
    const { selection } = this;
    for await (const batch of this.deps.walk.groups(rangeOf(selection))) {
      const taken = batch.filter(({ ref, source }) => takes(selection, ref, source));
      for (let from = 0; from < taken.length; from += AT_ONCE)
        await this.removeThese(taken.slice(from, from + AT_ONCE));
      if (this.records.size >= SOURCES_A_ROUND) await this.endRound();
    }
    if (selection.by === 'content') {
      this.round.set(selection.content, this.round.get(selection.content) ?? 0);
      this.derivatives += (await this.deps.derivatives?.forgetSource(selection.content)) ?? 0;
    }
    await this.endRound();
    return {
      ...{ groups: this.groups, named: this.named, stillNamed: this.stillNamed, derivatives: this.derivatives },
      ...{ left: this.left, blobs: this.isMore ? 'all' : [...this.gone], surrogateKeys: this.keys.keys },
      ...(this.hasTiles && { hasTiles: true as const }),
    };
  }

  private async removeThese(groups: readonly WalkedGroup[]): Promise<void> {
    const entries = await Promise.all(groups.map(({ ref }) => this.deps.catalog.find(ref)));
    await this.before([...new Set(entries.flatMap((entry) => (entry ? [contentDigestOf(entry.source)] : [])))]);
    await Promise.all(groups.map((group) => this.remove(group)));
  }

  private async remove({ ref }: WalkedGroup): Promise<void> {
    const { catalog } = this.deps;
    for (let attempts = 1; attempts <= MAX_ATTEMPTS; attempts++) {
      const entry = await catalog.find(ref);
      if (entry === undefined) {
        // Its source is lost, which answers nobody, or it was removed meanwhile: nothing of what is named is to stay.
        if (this.selection.by !== 'content') await catalog.remove(ref);
        return;
      }
      // Of another content since.
      if (!takes(this.selection, ref, entry.source.digest)) return;
      if (await catalog.removeGroup(ref, entry.group.revision)) return this.note(entry);
    }
    this.groups += await catalog.remove(ref);
  }

  private note({ group: { context, imageKey }, source }: CatalogEntry): void {
    this.groups++;
    const content = contentDigestOf(source);
    if (this.named.length < MAX_NAMED_GROUPS) this.named.push({ context, imageKey, content });
    this.keys.add({ context, imageKey });
    this.records.set(source.digest, source);
    for (const { digest, bytes } of namedBlobs(source)) this.round.set(digest, bytes);
    if (pyramidsOf(source).length > 0) this.hasTiles = true;
  }

  /** What no record names any more leaves the last tier now, and is counted. */
  private async endRound(): Promise<void> {
    const { blobs, derivatives } = this.deps;
    for (const digest of this.records.keys()) this.derivatives += (await derivatives?.forgetSource(digest)) ?? 0;
    await this.sweep();
    for (const [digest, bytes] of this.round) {
      if (await blobs.lasts(digest)) {
        this.stillNamed++;
        continue;
      }
      // A blob that is named without a length was not known to be there.
      if (bytes > 0) this.left = { blobs: this.left.blobs + 1, bytes: this.left.bytes + bytes };
      if (this.gone.size < MAX_NAMED_BLOBS) this.gone.add(digest);
      else this.isMore ||= !this.gone.has(digest);
    }
    this.round = new Map();
    this.records = new Map();
  }

  private async sweep(): Promise<void> {
    const { catalog, blobs, clock } = this.deps;
    const endsAt = clock.monotonic() + SWEEP_MS;
    while (clock.monotonic() < endsAt) {
      const swept = await catalog.sweep(SWEPT_AT_A_TIME);
      if (swept.length === 0) return;
      // Copies of what this purge takes are dropped, and counted, by whoever follows its order.
      for (const digest of swept) if (!this.round.has(digest)) blobs.forget(digest);
      await setImmediate();
    }
  }
}
