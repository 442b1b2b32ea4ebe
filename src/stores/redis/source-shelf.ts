// Sources and the blobs that their records name: orphans, age, eviction. Knows nothing of groups but their tokens.
import type { Digest } from '../../kernel/digest.js';
import { contentDigestOf, type NamedBlob, type SourceRecord } from '../../kernel/source.js';
import { pyramidsOf } from '../../kernel/zoom/kept-pyramids.js';
import type { BlobOwners } from './blob-owners.js';
import { ALL_SHARDS, digestShard, type Shard } from './key-layout.js';
import { decodeSource, type Token } from './record-codec.js';
import { readMany, readTokens, runMany, type Session } from './session.js';
import { RELEASE_SOURCE, SWEEP_BLOB, TOUCH_SOURCE, UNKEEP_SOURCE } from './source-scripts.js';
import { blobsOfRecord, keysOfSource } from './source-weight.js';
import { digestOfMember } from './strays.js';

/** A kept source, as it was found: by its last use, or by the entry of a context that holds it. */
export interface KeptSource {
  readonly digest: Digest;
  readonly entry?: string;
  /** Unix time in ms. */
  readonly usedAt?: number;
}

export interface Freed {
  readonly sources: number;
  /** Bytes that are free once the blobs are swept. */
  readonly bytes: number;
}

/** Of one aged source; what is left is ended by the next sweep. */
const REFERENCES_AT_A_TIME = 1_000;

export class SourceShelf {
  private sweepFrom = 0;

  constructor(
    private readonly session: Session,
    private readonly owners: BlobOwners,
  ) {}

  /** The record's blobs that are gone, but for pyramids; those that are there live on for a full time to live. */
  async missingBlobs(record: SourceRecord): Promise<Digest[]> {
    const named = this.blobsOf(record).map(({ digest }) => digest);
    const ttl = String(this.session.blobTtlMs);
    const replies = await readMany(
      this.session,
      named.map((digest) => {
        const key = this.session.keys.blob(digest);
        return { key, args: ['PEXPIRE', key, ttl] };
      }),
    );
    const pyramids = new Set(pyramidsOf(record).map(({ digest }) => digest));
    return named.filter((digest, at) => replies[at] === 0 && !pyramids.has(digest));
  }

  async isStored(digest: Digest): Promise<boolean> {
    const key = this.session.keys.blob(digest);
    const [count] = await readMany(this.session, [{ key, args: ['EXISTS', key] }]);
    return count === 1;
  }

  /** Ends references, by source; sources that lose their last one go, and their blobs become orphans. */
  release(tokensBySource: ReadonlyMap<Digest, readonly Token[]>): Promise<Freed> {
    return this.releaseThese([...tokensBySource].map(([digest, tokens]) => ({ digest, tokens })));
  }

  /**
   * Takes away sources that nobody used since they were found: the references they have, a bounded number at a time, are
   * those of groups that are gone. One that is committed meanwhile stays, and so do its references.
   */
  async releaseAged(sources: readonly { readonly digest: Digest; readonly usedAt: number }[]): Promise<Freed> {
    const pages = await readMany(
      this.session,
      sources.map(({ digest }) => {
        const key = this.session.keys.refs(digest);
        return { key, args: ['HSCAN', key, '0', 'COUNT', String(REFERENCES_AT_A_TIME)] };
      }),
    );
    return this.releaseThese(
      sources.map((source, at) => {
        const [, fields] = pages[at] as [string, string[]];
        return { ...source, tokens: fields.filter((_, n) => n % 2 === 0) as Token[] };
      }),
    );
  }

  private async releaseThese(
    ending: readonly { readonly digest: Digest; readonly tokens: readonly Token[]; readonly usedAt?: number }[],
  ): Promise<Freed> {
    const replies = await runMany(
      this.session,
      RELEASE_SOURCE,
      ending.map(({ digest, tokens, usedAt }) => ({
        keys: this.keysOf(digest),
        args: [digest, usedAt ?? '', ...tokens],
      })),
    );
    let sources = 0;
    const owned: { blob: NamedBlob; token: Token }[] = [];
    for (const [at, { digest }] of ending.entries()) {
      const text = replies[at] as string;
      if (text === '') continue;
      sources++;
      const stored = decodeSource(this.session.seals, digest, text);
      if (stored) for (const blob of this.blobsOf(stored.record)) owned.push({ blob, token: stored.token });
    }
    return { sources, bytes: await this.owners.disownAll(owned) };
  }

  async touch(accesses: ReadonlyMap<Digest, number>): Promise<void> {
    const { keys } = this.session;
    await runMany(
      this.session,
      TOUCH_SOURCE,
      [...accesses].map(([digest, at]) => ({
        keys: [keys.source(digest), keys.used(digestShard(digest)), keys.evictable(digestShard(digest))],
        args: [digest, at],
      })),
    );
  }

  /** Gives previews and pyramids another time to live. */
  async prolong(records: readonly SourceRecord[]): Promise<void> {
    const made = records.flatMap((record) => [...record.previews, ...pyramidsOf(record)]);
    const digests = new Set(made.map(({ digest }) => digest));
    const ttl = String(this.session.blobTtlMs);
    await readMany(
      this.session,
      [...digests].map((digest) => {
        const key = this.session.keys.blob(digest);
        return { key, args: ['PEXPIRE', key, ttl] };
      }),
    );
  }

  /** Takes the blob of each source away from it, unless it was written or used since it was found. */
  async unkeep(sources: readonly KeptSource[]): Promise<Freed> {
    const tokens = await readTokens(
      this.session,
      sources.map(({ digest }) => this.session.keys.source(digest)),
    );
    const texts = await runMany(
      this.session,
      UNKEEP_SOURCE,
      sources.map(({ digest, entry, usedAt }, at) => ({
        keys: this.keysOf(digest),
        args: [digest, entry ?? '', tokens[at] ?? '', usedAt ?? ''],
      })),
    );
    const owned = sources.flatMap(({ digest }, at) => {
      const stored = decodeSource(this.session.seals, digest, texts[at] as string);
      if (stored === undefined) return [];
      return [
        { blob: { digest: contentDigestOf(stored.record), kind: 'source' as const, bytes: 0 }, token: stored.token },
      ];
    });
    return { sources: owned.length, bytes: await this.owners.disownAll(owned) };
  }

  /** Removes orphans, at most `limit`, beginning where the last sweep ended. */
  async sweep(limit: number): Promise<Digest[]> {
    const { keys } = this.session;
    const swept: Digest[] = [];
    const waiting = await readMany(
      this.session,
      ALL_SHARDS.map((shard) => ({ key: keys.orphans(shard), args: ['SCARD', keys.orphans(shard)] })),
    );
    for (let n = 0; n < ALL_SHARDS.length && swept.length < limit; n++) {
      const shard = ALL_SHARDS[(this.sweepFrom + n) % ALL_SHARDS.length] as Shard;
      if (waiting[shard] === 0) continue;
      swept.push(...(await this.sweepShard(shard, limit - swept.length)));
      if (swept.length >= limit) this.sweepFrom = shard;
    }
    return swept;
  }

  private async sweepShard(shard: Shard, limit: number): Promise<Digest[]> {
    const { keys } = this.session;
    const key = keys.orphans(shard);
    const [members] = await readMany(this.session, [{ key, args: ['SRANDMEMBER', key, String(limit)] }]);
    const named = members as string[];
    const digests = named.flatMap((member) => digestOfMember(member, shard) ?? []);
    // What is no digest, or one of another shard, is nobody's blob here, and would come again for ever.
    const others = named.filter((member) => !digests.some((digest) => digest === member));
    if (others.length > 0) await readMany(this.session, [{ key, args: ['SREM', key, ...others] }]);
    const replies = await runMany(
      this.session,
      SWEEP_BLOB,
      digests.map((digest) => ({ keys: [keys.blob(digest), keys.owners(digest), key], args: [digest] })),
    );
    return digests.filter((_, at) => replies[at] === 1);
  }

  private keysOf(digest: Digest): [string, ...string[]] {
    return keysOfSource(this.session, digest);
  }

  private blobsOf(record: SourceRecord): readonly NamedBlob[] {
    return blobsOfRecord(this.session, record);
  }
}
