// Writing the record of a source in Redis: with the groups that refer to it from then on, or with one more pyramid.
import { createHash } from 'node:crypto';
import type { Digest } from '../../kernel/digest.js';
import type { Context } from '../../kernel/image-key.js';
import type { SourceRecord } from '../../kernel/source.js';
import { keepingPyramids, pyramidsOf, withPyramid } from '../../kernel/zoom/kept-pyramids.js';
import type { PagePyramid, Pyramid } from '../../kernel/zoom/pyramid-index.js';
import type { BlobOwners } from './blob-owners.js';
import {
  decodeSource,
  encodeSource,
  newToken,
  type StoredSource,
  sourceParts,
  TOKEN_CHARACTERS,
  type Token,
} from './record-codec.js';
import { readMany, runMany, type Session } from './session.js';
import { ATTACH, REMOVE_DAMAGED, REPLACE_SOURCE } from './source-scripts.js';
import { blobsOfRecord, keysOfSource, weightOf } from './source-weight.js';

/** A group that refers to a source from now on. */
export interface NewReference {
  readonly token: Token;
  readonly context: Context;
}

/** The token of a record, and whether its blob is kept: what changes whenever it does. */
const STATE_CHARACTERS = TOKEN_CHARACTERS + 1;

/** A record to be written. `standing`: how what stands in its place begins, or '' where that may be anything without pyramids. */
interface Wanted {
  readonly record: SourceRecord;
  readonly standing: string;
}

type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'vanished'; readonly digests: readonly Digest[] }
  | { readonly kind: 'outdated' | 'other'; readonly text: string };

export class SourceWriting {
  constructor(
    private readonly session: Session,
    private readonly owners: BlobOwners,
  ) {}

  /**
   * Makes the record stand, referred to by `references`; without any only if somebody refers to it already. Resolves
   * with the blobs that vanished meanwhile: then nothing was written.
   */
  async write(record: SourceRecord, references: readonly NewReference[]): Promise<readonly Digest[]> {
    const { head, body } = sourceParts(this.session.seals, record);
    const { digest } = record;
    const blobs = blobsOfRecord(this.session, record);
    const now = Math.floor(this.session.clock.now());
    const weight = weightOf(blobs);
    const attaching = references.flatMap(({ token, context }) => [token, context]);
    const sha = createHash('sha1').update(body).digest('hex');
    const attach = {
      keys: keysOfSource(this.session, digest),
      args: [head.kept, head.complete, head.sequence, head.sum, digest, now, weight, sha, ...attaching],
    };
    const [attached] = await runMany(this.session, ATTACH, [attach]);
    if (attached === 1 || (typeof attached === 'string' && (await this.whole(digest, attached)))) return [];

    // What it says of pyramids was read before others wrote some.
    let wanted: Wanted = { record: keepingPyramids(record, undefined, () => false), standing: '' };
    const isNeeded = (blob: Digest) => !pyramidsOf(wanted.record).some((of) => of.digest === blob);
    for (;;) {
      const outcome = await this.replace(wanted, isNeeded, attaching);
      if (outcome.kind === 'vanished') return outcome.digests;
      if (outcome.kind === 'done' || outcome.kind === 'nobody') return [];
      // What was to stay in its place is damaged, and gone now: nothing stands in ours any more.
      const before = outcome.text === '' ? undefined : await this.whole(digest, outcome.text);
      if (before && outcome.kind === 'outdated') return [];
      const stored = await this.storedOf(before ? pyramidsOf(before.record) : []);
      wanted = {
        record: keepingPyramids(record, before?.record, (pyramid) => stored.has(pyramid.digest)),
        standing: before ? outcome.text.slice(0, STATE_CHARACTERS) : '',
      };
    }
  }

  /** As `Catalog.addPyramid` has it. What else the record names stays named, whether it is there or not. */
  async addPyramid(digest: Digest, pyramid: PagePyramid): Promise<'added' | 'no-source' | 'no-blob'> {
    const key = this.session.keys.source(digest);
    for (;;) {
      const [text] = await readMany(this.session, [{ key, args: ['GET', key] }]);
      const before = typeof text === 'string' ? await this.whole(digest, text) : undefined;
      if (before === undefined) return 'no-source';
      const standing = (text as string).slice(0, STATE_CHARACTERS);
      const wanted = { record: withPyramid(before.record, pyramid), standing };
      const outcome = await this.replace(wanted, (blob) => blob === pyramid.digest, []);
      if (outcome.kind === 'done') return 'added';
      if (outcome.kind === 'nobody') return 'no-source';
      if (outcome.kind === 'vanished') return 'no-blob';
    }
  }

  /** Puts a record in the place of what stands there, if that may be, and owns its blobs from then on. */
  private async replace(
    { record, standing }: Wanted,
    isNeeded: (blob: Digest) => boolean,
    attaching: readonly string[],
  ): Promise<Outcome> {
    const { session } = this;
    const { digest } = record;
    const { head, body } = sourceParts(session.seals, record);
    const blobs = blobsOfRecord(this.session, record);
    const token = newToken();
    const vanished = (await this.owners.own(blobs, token)).filter(isNeeded);
    if (vanished.length > 0) {
      await this.owners.disown(blobs, token);
      return { kind: 'vanished', digests: vanished };
    }
    const now = Math.floor(session.clock.now());
    const evictable = record.sourceKept && record.bytes <= session.maxSourceBytes ? 1 : 0;
    const text = encodeSource(token, { head, body });
    const facts = [digest, now, evictable, head.complete, head.sequence, text, weightOf(blobs), standing];
    const call = { keys: keysOfSource(this.session, digest), args: [...facts, ...attaching] };
    const [reply] = await runMany(session, REPLACE_SOURCE, [call]);
    const [outcome, before] = reply as [number, string];
    if (outcome === 1) {
      await this.owners.disownRecord(digest, before);
      return { kind: 'done' };
    }
    await this.owners.disown(blobs, token);
    return outcome === 0 ? { kind: 'nobody' } : { kind: outcome === 2 ? 'outdated' : 'other', text: before };
  }

  /** Which of these are stored; larger ones than are taken here each node has for itself. */
  private async storedOf(pyramids: readonly Pyramid[]): Promise<ReadonlySet<Digest>> {
    const asked = pyramids.filter(({ bytes }) => bytes <= this.session.maxSourceBytes);
    const replies = await readMany(
      this.session,
      asked.map(({ digest }) => {
        const key = this.session.keys.blob(digest);
        return { key, args: ['EXISTS', key] };
      }),
    );
    const gone = new Set(asked.filter((_, at) => replies[at] !== 1).map(({ digest }) => digest));
    return new Set(pyramids.map(({ digest }) => digest).filter((digest) => !gone.has(digest)));
  }

  /** The record that `text` is; one that is none of ours is removed, so that nobody takes it for one. */
  private async whole(digest: Digest, text: string): Promise<StoredSource | undefined> {
    const { session } = this;
    const stored = decodeSource(session.seals, digest, text);
    if (stored) return stored;
    session.metrics.count('damaged_records_total');
    session.logger.warn({ record: 'source' }, 'a damaged record in Redis was removed');
    await runMany(session, REMOVE_DAMAGED, [{ keys: [session.keys.source(digest)], args: [text] }]);
    return undefined;
  }
}
