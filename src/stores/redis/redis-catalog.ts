// The catalog on Redis. A commit goes blobs, source, groups, in this order, so that a crash in between leaves something
// that nobody sees and that ages out, never a group without its source. Reads go through what the node remembers.
import type { Digest } from '../../kernel/digest.js';
import type { Context, GroupRef, ImageKey } from '../../kernel/image-key.js';
import type { Catalog, CommitRequest, Evicted, Selection, Usage } from '../../kernel/ports/catalog.js';
import type { CatalogEntry, NamedBlob, SourceRecord } from '../../kernel/source.js';
import type { PagePyramid } from '../../kernel/zoom/pyramid-index.js';
import { laterThan } from '../creation-time.js';
import { BlobOwners } from './blob-owners.js';
import type { CatalogReader } from './catalog-reader.js';
import type { GroupIndex, RemovalCondition, UsedGroup } from './group-index.js';
import { ALL_SHARDS, type Shard } from './key-layout.js';
import { streamKeys } from './key-stream.js';
import { tokenOfRevision } from './node-memory.js';
import { decodeGroup, encodeGroup, newToken, type StoredGroup, type Token } from './record-codec.js';
import { digestsIn, readMany, type Session } from './session.js';
import { type Freed, type KeptSource, SourceShelf } from './source-shelf.js';
import { SourceWriting } from './source-writing.js';
import { storedBytes } from './stored-bytes.js';
import { digestOfMember, oldestNamed } from './strays.js';

/** References are ended for this many groups at a time while a selection is removed. */
const RELEASE_AFTER_GROUPS = 1_000;
/** What nobody used for this much longer than its blobs can live is taken away. */
const AGE_MARGIN_MS = 24 * 3_600_000;
const AGED_AT_A_TIME = 500;

export class RedisCatalog implements Catalog {
  private readonly sources: SourceShelf;
  private readonly writing: SourceWriting;

  constructor(
    private readonly session: Session,
    private readonly reader: CatalogReader,
    private readonly groups: GroupIndex,
    private readonly onSwept?: (digests: readonly Digest[]) => Promise<void>,
  ) {
    const owners = new BlobOwners(session);
    this.sources = new SourceShelf(session, owners);
    this.writing = new SourceWriting(session, owners);
    reader.onDangling = (ref, condition) => this.removeDangling(ref, condition);
  }

  find(ref: GroupRef): Promise<CatalogEntry | undefined> {
    return this.reader.find(ref);
  }

  findSource(digest: Digest): Promise<SourceRecord | undefined> {
    return this.reader.findSource(digest);
  }

  async holds(context: Context, source: Digest): Promise<boolean> {
    const key = this.session.keys.held(source);
    const [held] = await readMany(this.session, [{ key, args: ['HEXISTS', key, context] }]);
    return held === 1;
  }

  async commit({ source, groups, existing }: CommitRequest): Promise<readonly Digest[]> {
    const missing = await this.sources.missingBlobs(source);
    if (missing.length > 0) return missing;
    const { seals, clock } = this.session;
    const createdAt = clock.now();
    const changes = groups.map(({ context, imageKey, sourceDigest, fileName }) => {
      const ref = { context, imageKey };
      const stored: StoredGroup = {
        token: newToken(),
        sourceDigest,
        createdAt,
        ...(fileName !== undefined && { fileName }),
      };
      return { ref, stored, token: stored.token, record: encodeGroup(seals, ref, stored) };
    });
    const again = ({ ref, stored }: (typeof changes)[number], text: string): string => {
      const before = decodeGroup(seals, ref, text);
      const isAnother = before?.sourceDigest !== stored.sourceDigest;
      return encodeGroup(seals, ref, { ...stored, createdAt: laterThan(before?.createdAt, createdAt, isAnother) });
    };
    // Referred to before the groups exist: nobody can release the source in between.
    const vanished = await this.writing.write(
      source,
      changes.map(({ ref, token }) => ({ token, context: ref.context })),
    );
    if (vanished.length > 0) return vanished;
    const outcomes = await this.groups.write(changes, existing, again);
    const ended = new Map<Digest, Token[]>();
    const end = (digest: Digest, token: Token) => ended.set(digest, [...(ended.get(digest) ?? []), token]);
    for (const [at, { written, before }] of outcomes.entries()) {
      const token = changes[at]?.token;
      // What stood there before is our own when the script had to be run once more.
      if (token === undefined || before?.token === token) continue;
      if (!written) end(source.digest, token);
      else if (before) end(before.digest, before.token);
    }
    await this.sources.release(ended);
    this.reader.changed();
    return [];
  }

  async addPyramid(source: Digest, pyramid: PagePyramid): Promise<'added' | 'no-source' | 'no-blob'> {
    const outcome = await this.writing.addPyramid(source, pyramid);
    this.reader.changed();
    return outcome;
  }

  async remove(selection: Selection): Promise<number> {
    let removed = 0;
    let batches = 0;
    let ended = new Map<Digest, Token[]>();
    for await (const refs of this.groups.select(selection)) {
      removed += await this.groups.remove(refs, ended);
      if (++batches % 10 === 0 || ended.size >= RELEASE_AFTER_GROUPS) {
        await this.sources.release(ended);
        ended = new Map();
      }
    }
    await this.sources.release(ended);
    this.reader.changed();
    return removed;
  }

  /**
   * The group's record is compared in the step that removes it, the source's right before, since it lies in another slot of a cluster,
   * which no script reaches. That is enough: a token never comes again, so a group that still has its own in that step had it too when the
   * source was compared, and at that moment the entry was at `revision`. Whoever is acknowledged for the group since has given it
   * another token. A source that is made again for nobody in between goes with its group, as if that had been removed first.
   * Whether the blob is stored is asked right before too. That leaves a gap: one that is stored again after the question, and found by
   * an upload before the script, loses its group. It takes a kept source that goes in the same moment, for which see `Healer.heal`.
   */
  async removeGroup(ref: GroupRef, revision: string, lost?: Pick<NamedBlob, 'digest' | 'bytes'>): Promise<boolean> {
    if (lost && (await this.sources.isStored(lost.digest))) return false;
    const current = await this.reader.find(ref);
    if (current?.group.revision !== revision) return false;
    const ended = new Map<Digest, Token[]>();
    const removed = await this.groups.remove([{ ...ref, condition: `is${tokenOfRevision(revision)}` }], ended);
    await this.sources.release(ended);
    this.reader.changed();
    return removed > 0;
  }

  count(context?: Context): Promise<number> {
    return this.groups.count(context === undefined ? 'keys' : { context });
  }

  keys(context?: Context): AsyncIterable<readonly ImageKey[]> {
    return streamKeys(this.session, context);
  }

  async oldestUse(): Promise<number | undefined> {
    const [oldest] = await this.groups.oldest(1);
    return oldest?.usedAt;
  }

  async usage(): Promise<Usage> {
    const [groups, keys, stored] = await Promise.all([
      this.groups.count('groups'),
      this.groups.count('keys'),
      storedBytes(this.session),
    ]);
    return { groups, keys, ...stored };
  }

  async touch(accesses: readonly { readonly ref: GroupRef; readonly at: number }[]): Promise<void> {
    const sources = await this.groups.touch(accesses);
    await this.sources.touch(sources);
    await this.sources.prolong(this.reader.remembered([...sources.keys()]));
    for (const { ref, at } of accesses) this.reader.accessed(ref, at);
  }

  async evictSources(limit: number): Promise<Evicted> {
    const { keys } = this.session;
    return this.unkeepThese(await this.oldestSources((shard) => keys.evictable(shard), limit));
  }

  async evictGroups(limit: number, before?: number): Promise<Evicted> {
    return this.evictThese(await this.groups.oldest(limit, before));
  }

  /** Takes away these kept sources, but none that was used or written since it was looked at. */
  async unkeepThese(sources: readonly KeptSource[]): Promise<Evicted> {
    const freed = await this.sources.unkeep(sources);
    if (freed.sources > 0) this.reader.changed();
    return { groups: 0, ...freed };
  }

  /** Takes away these groups, but none that was used or written since it was looked at. */
  async evictThese(refs: readonly UsedGroup[]): Promise<Evicted> {
    const ended = new Map<Digest, Token[]>();
    const groups = await this.groups.remove(await this.groups.evictable(refs), ended);
    const freed = await this.sources.release(ended);
    if (groups > 0) this.reader.changed();
    return { groups, ...freed };
  }

  async sweep(limit: number): Promise<readonly Digest[]> {
    await this.removeAged();
    const swept = await this.sources.sweep(limit);
    await this.onSwept?.(swept);
    return swept;
  }

  async *unfinished(): AsyncGenerator<Digest> {
    const { keys } = this.session;
    for (const shard of ALL_SHARDS) {
      const key = keys.unfinished(shard);
      let cursor = '0';
      do {
        const [reply] = await readMany(this.session, [{ key, args: ['SSCAN', key, cursor, 'COUNT', '100'] }]);
        const [next, members] = reply as [string, string[]];
        yield* digestsIn(members);
        cursor = next;
      } while (cursor !== '0');
    }
  }

  generation(): number {
    return this.reader.generation;
  }

  revisionOf(ref: GroupRef): string | undefined {
    return this.reader.revisionOf(ref);
  }

  /** The connections are closed by whoever opened them. */
  async close(): Promise<void> {}

  /**
   * Groups whose blobs have expired, for nobody used them, and sources that a crash left without a group. A use of a
   * group is a use of its source, and so is a commit, so an aged source has no group in use.
   */
  private async removeAged(): Promise<Freed> {
    const { keys, clock, blobTtlMs } = this.session;
    const before = clock.now() - blobTtlMs - AGE_MARGIN_MS;
    await this.evictGroups(AGED_AT_A_TIME, before);
    return this.sources.releaseAged(await this.oldestSources((shard) => keys.used(shard), AGED_AT_A_TIME, before));
  }

  private async oldestSources(
    keyOf: (shard: Shard) => string,
    limit: number,
    before = Number.POSITIVE_INFINITY,
  ): Promise<{ readonly digest: Digest; readonly usedAt: number }[]> {
    const { oldest } = await oldestNamed(this.session, keyOf, limit, before, digestOfMember);
    return oldest.map(({ named, score }) => ({ digest: named, usedAt: score }));
  }

  /** A group whose source is lost answers nobody; it goes unless it was committed anew meanwhile. */
  private async removeDangling(ref: GroupRef, condition: RemovalCondition): Promise<void> {
    const ended = new Map<Digest, Token[]>();
    await this.groups.remove([{ ...ref, condition }], ended);
    await this.sources.release(ended);
  }
}
