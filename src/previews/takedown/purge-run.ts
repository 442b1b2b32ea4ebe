// One purge at work: finds the groups that a selection takes, writes down what is about to go, removes each as it was found, and sees what
// of their bytes leaves the last tier. In rounds of a few thousand groups, so that a context of millions takes no more memory than a small
// one. Begun again after a crash, it takes up what was written down.
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import type { GroupRef } from '../../kernel/image-key.js';
import type { Catalog } from '../../kernel/ports/catalog.js';
import type { CatalogWalk, WalkedGroup } from '../../kernel/ports/catalog-walk.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Derivatives } from '../../kernel/ports/derivatives.js';
import type { Takedowns } from '../../kernel/ports/takedowns.js';
import type { CatalogEntry } from '../../kernel/source.js';
import { type BegunPurge, type PurgeStep, stepOf } from '../../kernel/takedown/begun-purge.js';
import {
  MAX_NAMED_BLOBS,
  MAX_NAMED_GROUPS,
  MAX_SURROGATE_KEYS,
  type TakedownOrder,
} from '../../kernel/takedown/order.js';
import { rangeOf, takes } from '../../kernel/takedown/purge.js';
import { SurrogateKeySet } from '../../kernel/takedown/surrogate-keys.js';
import type { BlobTiers } from '../blob-tiers.js';

export interface PurgeRunDeps {
  readonly catalog: Pick<Catalog, 'find' | 'remove' | 'removeGroup' | 'sweep'>;
  readonly walk: Pick<CatalogWalk, 'groups'>;
  readonly blobs: Pick<BlobTiers, 'lasts' | 'forget'>;
  /** Absent where nothing is drawn on demand. */
  readonly derivatives?: Pick<Derivatives, 'forgetSource'>;
  readonly takedowns: Pick<Takedowns, 'noteStep' | 'stepOf'>;
  readonly clock: Clock;
}

export interface PurgeTold {
  /** Told of contents before their groups go. */
  readonly before: (contents: readonly Digest[]) => Promise<void>;
  /** Whether this process may go on: another one may have taken it for dead. */
  readonly mayGoOn: () => Promise<boolean>;
}

/** What a purge came to. */
export type Purged = Pick<
  TakedownOrder,
  'groups' | 'named' | 'stillNamed' | 'undeleted' | 'derivatives' | 'blobs' | 'hasTiles' | 'surrogateKeys'
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
/** Blobs that others name so far, which may lose that name in a later round: of more, they count as named. */
const MAX_WATCHED_BLOBS = 50_000;

export class PurgeRun {
  private groups = 0;
  private readonly named: TakedownOrder['named'][number][] = [];
  private readonly keys: SurrogateKeySet;
  /** What removed records named, as far as it had not left the last tier by the end of the round before. */
  private watched = new Map<Digest, number>();
  /** Records of this round, by what they are found by. */
  private records = new Set<Digest>();
  /** Whose copies are to be dropped, `MAX_NAMED_BLOBS` at most; more once `isMore`. */
  private readonly gone = new Set<Digest>();
  private isMore = false;
  private hasTiles = false;
  private left = { blobs: 0, bytes: 0 };
  private stillNamed = 0;
  /** Of what is watched, what the catalog has given up: where the last tier has it still, it could not delete it. */
  private readonly swept = new Set<Digest>();
  private undeleted = 0;
  private derivatives = 0;
  private steps = 0;

  constructor(
    private readonly deps: PurgeRunDeps,
    private readonly purge: BegunPurge,
    private readonly told: PurgeTold,
  ) {
    this.keys = new SurrogateKeySet(purge.selection, MAX_SURROGATE_KEYS);
  }

  /** Throws what `before` and the store throw; then it can be run anew. */
  async run(): Promise<Purged> {
    const { selection } = this.purge;
    await this.takeUp();
    for await (const batch of this.deps.walk.groups(rangeOf(selection))) {
      await this.removeThese(batch.filter(({ ref, source }) => takes(selection, ref, source)));
      if (this.records.size >= SOURCES_A_ROUND) await this.endRound();
      await this.checkTurn();
    }
    if (selection.by === 'content') {
      this.keys.addContent(selection.content);
      this.watched.set(selection.content, this.watched.get(selection.content) ?? 0);
      this.derivatives += (await this.deps.derivatives?.forgetSource(selection.content)) ?? 0;
    }
    return this.end();
  }

  /** What it has come to so far. */
  async end(): Promise<Purged> {
    await this.endRound();
    this.countWatched();
    const { stillNamed, undeleted } = this;
    return {
      ...{ groups: this.groups, named: this.named, stillNamed, ...(undeleted > 0 && { undeleted }) },
      ...{ derivatives: this.derivatives, left: this.left, blobs: this.isMore ? 'all' : [...this.gone] },
      surrogateKeys: this.keys.keys,
      ...(this.hasTiles && { hasTiles: true as const }),
    };
  }

  /** What was written down before a crash: groups that are gone by now count as removed, the others are found again. */
  private async takeUp(): Promise<void> {
    const { catalog } = this.deps;
    for (let step = await this.nextStep(); step !== undefined; step = await this.nextStep()) {
      this.steps++;
      await this.told.before([...new Set(step.groups.map(({ content }) => content))]);
      for (let from = 0; from < step.groups.length; from += AT_ONCE) {
        const some = step.groups.slice(from, from + AT_ONCE);
        const entries = await Promise.all(some.map((ref) => catalog.find(ref)));
        for (const [at, group] of some.entries()) {
          const entry = entries[at];
          // By content, another picture has taken its place since.
          if (entry === undefined || !takes(this.purge.selection, group, entry.source.digest)) this.note(group);
        }
      }
      this.noteBytes(step);
      if (this.records.size >= SOURCES_A_ROUND) await this.endRound();
      await this.checkTurn();
    }
  }

  private nextStep(): Promise<PurgeStep | undefined> {
    return this.deps.takedowns.stepOf(this.purge.id, this.steps);
  }

  private async checkTurn(): Promise<void> {
    if (!(await this.told.mayGoOn()))
      throw new ProofsheetError('overloaded', 'this purge is carried on by another process; ask for its receipt');
  }

  private async removeThese(groups: readonly WalkedGroup[]): Promise<void> {
    const found: { readonly ref: GroupRef; readonly entry: CatalogEntry | undefined }[] = [];
    for (let from = 0; from < groups.length; from += AT_ONCE) {
      const some = groups.slice(from, from + AT_ONCE);
      found.push(
        ...(await Promise.all(some.map(async ({ ref }) => ({ ref, entry: await this.deps.catalog.find(ref) })))),
      );
    }
    await this.writeDown(found.flatMap(({ entry }) => entry ?? []));
    for (let from = 0; from < found.length; from += AT_ONCE)
      await Promise.all(found.slice(from, from + AT_ONCE).map(({ ref, entry }) => this.remove(ref, entry)));
  }

  /** Before anything of it goes. */
  private async writeDown(entries: readonly CatalogEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const step = stepOf(entries);
    await this.told.before([...new Set(step.groups.map(({ content }) => content))]);
    await this.deps.takedowns.noteStep(this.purge.id, this.steps++, step);
    this.noteBytes(step);
  }

  /** `found`: as it was written down. */
  private async remove(ref: GroupRef, found: CatalogEntry | undefined): Promise<void> {
    const { catalog } = this.deps;
    const { selection } = this.purge;
    for (let [attempts, entry] = [1, found]; attempts <= MAX_ATTEMPTS; attempts++) {
      if (entry === undefined) {
        // Its source is lost, which answers nobody, or it was removed meanwhile: nothing of what is named is to stay.
        if (selection.by !== 'content') await catalog.remove(ref);
        return;
      }
      // Of another content since.
      if (!takes(selection, ref, entry.source.digest)) return;
      if (await catalog.removeGroup(ref, entry.group.revision)) {
        const [group] = stepOf([entry]).groups;
        if (group) this.note(group);
        return;
      }
      entry = await catalog.find(ref);
      if (entry) await this.writeDown([entry]);
    }
    this.groups += await catalog.remove(ref);
  }

  private note({ context, imageKey, content }: PurgeStep['groups'][number]): void {
    this.groups++;
    if (this.named.length < MAX_NAMED_GROUPS) this.named.push({ context, imageKey, content });
    this.keys.add({ context, imageKey });
    if (this.purge.isBlocked) this.keys.addContent(content);
  }

  private noteBytes({ groups, blobs, hasTiles }: PurgeStep): void {
    for (const { source } of groups) this.records.add(source);
    for (const [digest, bytes] of blobs) this.watched.set(digest, bytes);
    this.hasTiles ||= hasTiles === true;
  }

  /** What no record names any more leaves the last tier now, and is counted. */
  private async endRound(): Promise<void> {
    const { blobs, derivatives } = this.deps;
    for (const digest of this.records) this.derivatives += (await derivatives?.forgetSource(digest)) ?? 0;
    this.records = new Set();
    await this.sweep();
    for (const [digest, bytes] of this.watched) {
      if (await blobs.lasts(digest)) continue;
      this.watched.delete(digest);
      this.swept.delete(digest);
      // A blob that is named without a length was not known to be there.
      if (bytes > 0) this.left = { blobs: this.left.blobs + 1, bytes: this.left.bytes + bytes };
      if (this.gone.size < MAX_NAMED_BLOBS) this.gone.add(digest);
      else this.isMore ||= !this.gone.has(digest);
    }
    if (this.watched.size >= MAX_WATCHED_BLOBS) this.countWatched();
  }

  private countWatched(): void {
    for (const digest of this.watched.keys())
      if (this.swept.delete(digest)) this.undeleted++;
      else this.stillNamed++;
    this.watched = new Map();
  }

  private async sweep(): Promise<void> {
    const { catalog, blobs, clock } = this.deps;
    const endsAt = clock.monotonic() + SWEEP_MS;
    while (clock.monotonic() < endsAt) {
      const swept = await catalog.sweep(SWEPT_AT_A_TIME);
      if (swept.length === 0) return;
      // Copies of what this purge takes are dropped, and counted, by whoever follows its order.
      for (const digest of swept)
        if (this.watched.has(digest)) this.swept.add(digest);
        else blobs.forget(digest);
      await setImmediate();
      await this.checkTurn();
    }
  }
}
