// Sources and the blobs that their records name: references, owners, orphans. Knows nothing of groups but their tokens.
import { createHash } from 'node:crypto';
import type { Digest } from '../../kernel/digest.js';
import type { Context } from '../../kernel/image-key.js';
import { contentDigestOf, type NamedBlob, namedBlobs, type SourceRecord } from '../../kernel/source.js';
import { ALL_SHARDS, digestShard, type Shard } from './key-layout.js';
import type { ScriptCall } from './link.js';
import { decodeSource, encodeSource, newToken, type StoredSource, sourceParts, type Token } from './record-codec.js';
import { digestsIn, readMany, readTokens, runMany, type Session } from './session.js';
import {
  ATTACH,
  DISOWN_BLOB,
  OWN_BLOB,
  RELEASE_SOURCE,
  REMOVE_DAMAGED,
  REPLACE_SOURCE,
  SWEEP_BLOB,
  TOUCH_SOURCE,
  UNKEEP_SOURCE,
} from './source-scripts.js';

/** How owners of a blob end, by what they name it as (see source-scripts.ts). */
const LETTERS = { preview: 'p', source: 's' } as const satisfies Record<NamedBlob['kind'], string>;

/** A group that refers to a source from now on. */
export interface NewReference {
  readonly token: Token;
  readonly context: Context;
}

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

  constructor(private readonly session: Session) {}

  /** The record's blobs that are gone; those that are there live on for a full time to live. */
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
    return named.filter((_, at) => replies[at] === 0);
  }

  async isStored(digest: Digest): Promise<boolean> {
    const key = this.session.keys.blob(digest);
    const [count] = await readMany(this.session, [{ key, args: ['EXISTS', key] }]);
    return count === 1;
  }

  /**
   * Makes the record stand, referred to by `references`; without any only if somebody refers to it already. Resolves
   * with the blobs that vanished meanwhile: then nothing was written.
   */
  async write(record: SourceRecord, references: readonly NewReference[]): Promise<readonly Digest[]> {
    const { head, body } = sourceParts(this.session.seals, record);
    const { digest } = record;
    const blobs = this.blobsOf(record);
    const now = Math.floor(this.session.clock.now());
    const weight = weightOf(blobs);
    const attaching = references.flatMap(({ token, context }) => [token, context]);
    const sha = createHash('sha1').update(body).digest('hex');
    const attach = {
      keys: this.keysOf(digest),
      args: [head.kept, head.complete, head.sequence, head.sum, digest, now, weight, sha, ...attaching],
    };
    const [attached] = await runMany(this.session, ATTACH, [attach]);
    if (attached === 1 || (typeof attached === 'string' && (await this.isWhole(digest, attached)))) return [];

    const token = newToken();
    const vanished = await this.own(blobs, token);
    if (vanished.length > 0) {
      await this.disown(blobs, token);
      return vanished;
    }
    const evictable = record.sourceKept && record.bytes <= this.session.maxSourceBytes ? 1 : 0;
    const replace = {
      keys: this.keysOf(digest),
      args: [
        digest,
        now,
        evictable,
        head.complete,
        head.sequence,
        encodeSource(token, { head, body }),
        weight,
        ...attaching,
      ],
    };
    for (;;) {
      const [reply] = await runMany(this.session, REPLACE_SOURCE, [replace]);
      const [outcome, before] = reply as [number, string];
      if (outcome === 1) {
        await this.disownRecord(digest, before);
        return [];
      }
      // What was to stay in its place is damaged, and gone now: nothing stands in ours any more.
      if (outcome === 2 && !(await this.isWhole(digest, before))) continue;
      await this.disown(blobs, token);
      return [];
    }
  }

  /** Whether the text of a source's record is one of ours; if not, it is removed, so that nobody takes it for one. */
  private async isWhole(digest: Digest, text: string): Promise<boolean> {
    const { session } = this;
    if (decodeSource(session.seals, digest, text)) return true;
    session.metrics.count('damaged_records_total');
    session.logger.warn({ record: 'source' }, 'a damaged record in Redis was removed');
    await runMany(session, REMOVE_DAMAGED, [{ keys: [session.keys.source(digest)], args: [text] }]);
    return false;
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
    return { sources, bytes: await this.disownAll(owned) };
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

  /** Gives previews another time to live. */
  async prolong(records: readonly SourceRecord[]): Promise<void> {
    const digests = new Set(records.flatMap((record) => record.previews.map(({ digest }) => digest)));
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
    return { sources: owned.length, bytes: await this.disownAll(owned) };
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
    const digests = digestsIn(named);
    // What is no digest is nobody's blob, and would come again for ever.
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

  private async own(blobs: readonly NamedBlob[], token: Token): Promise<Digest[]> {
    const { keys, blobTtlMs } = this.session;
    const replies = await runMany(
      this.session,
      OWN_BLOB,
      blobs.map(({ digest, kind, bytes }) => ({
        keys: [
          keys.blob(digest),
          keys.owners(digest),
          keys.orphans(digestShard(digest)),
          keys.totals(digestShard(digest)),
        ],
        args: [digest, token + LETTERS[kind], LETTERS[kind], bytes, blobTtlMs],
      })),
    );
    return blobs.filter((_, at) => replies[at] === 0).map(({ digest }) => digest);
  }

  private async disownRecord(digest: Digest, text: string): Promise<void> {
    const before: StoredSource | undefined = text === '' ? undefined : decodeSource(this.session.seals, digest, text);
    if (before) await this.disown(this.blobsOf(before.record), before.token);
  }

  private disown(blobs: readonly NamedBlob[], token: Token): Promise<number> {
    return this.disownAll(blobs.map((blob) => ({ blob, token })));
  }

  private async disownAll(owned: readonly { blob: NamedBlob; token: Token }[]): Promise<number> {
    const { keys } = this.session;
    const calls = owned.map(
      ({ blob: { digest, kind }, token }): ScriptCall => ({
        keys: [keys.owners(digest), keys.orphans(digestShard(digest)), keys.totals(digestShard(digest))],
        args: [digest, token + LETTERS[kind]],
      }),
    );
    const freed = await runMany(this.session, DISOWN_BLOB, calls);
    return freed.reduce<number>((sum, bytes) => sum + (bytes as number), 0);
  }
}

/** The keys that scripts of one source take, in the order that BOOK wants. */
export function keysOfSource({ keys }: Session, digest: Digest): [string, ...string[]] {
  const shard = digestShard(digest);
  return [
    keys.source(digest),
    keys.refs(digest),
    keys.used(shard),
    keys.evictable(shard),
    keys.unfinished(shard),
    keys.held(digest),
    keys.sums(shard),
    keys.keptOf(shard),
    keys.recount(shard),
  ];
}

/** The blobs of a record that are to be found in Redis, each once. */
function blobsOfRecord({ maxSourceBytes }: Session, record: SourceRecord): readonly NamedBlob[] {
  const { pyramid, ...rest } = record;
  return namedBlobs({
    ...rest,
    ...(pyramid && pyramid.bytes <= maxSourceBytes && { pyramid }),
    sourceKept: record.sourceKept && record.bytes <= maxSourceBytes,
  });
}

/** What contexts are charged for a source, as BOOK has it. */
export function weightOfRecord(session: Session, record: SourceRecord): string {
  return weightOf(blobsOfRecord(session, record));
}

/** The bytes of its previews, and of its own blob unless that is one of them. */
function weightOf(blobs: readonly NamedBlob[]): string {
  const sum = (of: NamedBlob['kind']) => blobs.reduce((all, { kind, bytes }) => (kind === of ? all + bytes : all), 0);
  return `${sum('preview')} ${sum('source')}`;
}
