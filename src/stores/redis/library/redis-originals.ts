// The Originals port where many machines keep them: which bytes count stands in the library's records, the bytes lie where the
// deployment has its blobs. A record comes before its bytes, and says when they are there.
import type { Digest } from '../../../kernel/digest.js';
import type { OriginalName, Originals } from '../../../kernel/ports/originals.js';
import { unreachable } from '../../backend-errors.js';
import { areWhole, checkedPieces, type OriginalBytes, type OriginalPlace, writePieces } from '../../original-bytes.js';
import type { LibraryChanges } from './library-changes.js';
import { newPlace, type OriginalRow, originalIn } from './library-records.js';
import { decodeRecord } from './library-session.js';

/** Its record was removed while its bytes were stored: only where that takes longer than the grace time, so hardly ever twice. */
const MAX_ATTEMPTS = 3;

export class RedisOriginals implements Originals {
  constructor(
    private readonly changes: LibraryChanges,
    private readonly bytes: OriginalBytes,
  ) {}

  async keep(digest: Digest, path: string, bytes: number): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const row = await this.expect(digest, bytes);
      if (row.kept && (await this.isRight({ digest, place: row.place }, row.bytes))) return;
      // Beside what is damaged, which goes when this is there.
      const at: OriginalPlace = { digest, place: row.kept ? newPlace(digest) : row.place };
      await this.bytes.put(at, path, bytes);
      if (await this.noteKept(at, row.place)) return;
    }
    throw unreachable(new Error('the record of an original was changed again and again while it was kept'));
  }

  async copyTo(digest: Digest, path: string): Promise<boolean> {
    const kept = await this.kept(digest);
    if (kept === undefined) return false;
    const isRight = await writePieces(digest, this.bytes.pieces(kept.at, 0, kept.bytes), path);
    if (!isRight) this.tellDamaged(digest);
    return isRight;
  }

  async read({ digest, bytes }: OriginalName, start: number, end: number) {
    const kept = await this.kept(digest);
    if (kept?.bytes !== bytes || (await this.bytes.length(kept.at)) !== bytes) return undefined;
    const pieces = this.bytes.pieces(kept.at, start, Math.min(end, bytes));
    return start === 0 && end >= bytes ? checkedPieces(digest, pieces) : pieces;
  }

  async isWhole({ digest, bytes }: OriginalName): Promise<boolean> {
    const kept = await this.kept(digest);
    return kept?.bytes === bytes && this.isRight(kept.at, bytes);
  }

  async isThere({ digest, bytes }: OriginalName): Promise<boolean> {
    const kept = await this.kept(digest);
    if (kept?.bytes !== bytes) return false;
    if ((await this.bytes.length(kept.at)) === bytes) return true;
    this.tellDamaged(digest);
    return false;
  }

  private async isRight(at: OriginalPlace, bytes: number): Promise<boolean> {
    const length = await this.bytes.length(at);
    if (length === bytes && (await areWhole(at.digest, this.bytes.pieces(at, 0, bytes)))) return true;
    this.tellDamaged(at.digest);
    return false;
  }

  private tellDamaged(digest: Digest): void {
    const { metrics, logger } = this.changes.session;
    metrics.count('damaged_blobs_total', { tier: 'shared' });
    logger.error({ digest }, 'an original is damaged or missing; it was left as it is');
  }

  /** Notes that the original is about to be kept, from now on if nothing names it, so that it is found again where nothing comes of it. */
  private async expect(digest: Digest, bytes: number): Promise<OriginalRow> {
    const row = await this.changes.write(async ({ assets, transaction }) => {
      const known = await assets.original(digest);
      if (known && known.refs > 0) return known;
      const fresh = { refs: 0, bytes, place: newPlace(digest), kept: false };
      const expected: OriginalRow = { ...(known ?? fresh), since: transaction.now };
      assets.putOriginal(digest, expected);
      return expected;
    });
    return row === 'lost' ? Promise.reject(new Error('expected no lease')) : row;
  }

  /** The bytes at `at` count from now on, in the place of those `before`; `false` where the record is another one by now. */
  private async noteKept({ digest, place }: OriginalPlace, before: string): Promise<boolean> {
    const { keys } = this.changes.session;
    const noted = await this.changes.write(async ({ assets, transaction }) => {
      const row = await assets.original(digest);
      if (row?.place !== before) return false;
      if (!row.kept || place !== before) assets.putOriginal(digest, { ...row, place, kept: true });
      if (place !== before) transaction.call('ZADD', keys.leaving, String(transaction.now), before);
      return true;
    });
    if (noted !== true && place !== before) await this.bytes.remove({ digest, place });
    return noted === true;
  }

  private async kept(digest: Digest): Promise<{ readonly at: OriginalPlace; readonly bytes: number } | undefined> {
    const { session } = this.changes;
    const key = session.keys.original(digest);
    const text = await session.link.send(key, ['GET', key], session.deadlines.getMs);
    if (typeof text !== 'string') return undefined;
    const row = decodeRecord(session, { key }, text, originalIn);
    return row.kept ? { at: { digest, place: row.place }, bytes: row.bytes } : undefined;
  }
}
