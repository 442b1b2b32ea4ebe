// Which states of source records own which blobs in Redis, each under its own token (see source-scripts.ts).
import type { Digest } from '../../kernel/digest.js';
import type { NamedBlob } from '../../kernel/source.js';
import { digestShard } from './key-layout.js';
import type { ScriptCall } from './link.js';
import { decodeSource, type StoredSource, type Token } from './record-codec.js';
import { runMany, type Session } from './session.js';
import { DISOWN_BLOB, OWN_BLOB } from './source-scripts.js';
import { blobsOfRecord } from './source-weight.js';

/** How owners of a blob end, by what they name it as (see source-scripts.ts). */
const LETTERS = { preview: 'p', source: 's' } as const satisfies Record<NamedBlob['kind'], string>;

export class BlobOwners {
  constructor(private readonly session: Session) {}

  /** Those that are gone are told. */
  async own(blobs: readonly NamedBlob[], token: Token): Promise<Digest[]> {
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

  /** The blobs of a record's text, whatever stood there. */
  async disownRecord(digest: Digest, text: string): Promise<void> {
    const before: StoredSource | undefined = text === '' ? undefined : decodeSource(this.session.seals, digest, text);
    if (before) await this.disown(blobsOfRecord(this.session, before.record), before.token);
  }

  disown(blobs: readonly NamedBlob[], token: Token): Promise<number> {
    return this.disownAll(blobs.map((blob) => ({ blob, token })));
  }

  /** Resolves with the bytes that are free once they are swept. */
  async disownAll(owned: readonly { blob: NamedBlob; token: Token }[]): Promise<number> {
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
