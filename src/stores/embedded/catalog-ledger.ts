// The catalog's bookkeeping inside one write transaction: reference counts, counts and totals that always agree with the
// rows they are about. Everything that adds or takes away a group or a source goes through here.
import type { Digest } from '../../kernel/digest.js';
import type { Context } from '../../kernel/image-key.js';
import { contentDigestOf, type NamedBlob, namedBlobs, type SourceRecord } from '../../kernel/source.js';
import { byKeyKey, digestKey, digestOfKey, endOfPrefix, splitGroupKey, usedKey } from './catalog-keys.js';
import {
  type BlobRow,
  decodeBlob,
  decodeGroup,
  decodeSource,
  decodeTotals,
  encodeBlob,
  encodeGroup,
  encodeSource,
  encodeTotals,
  type GroupRow,
  type SourceRow,
  type Totals,
} from './catalog-rows.js';
import { type CatalogTables, TOTALS_KEY } from './catalog-tables.js';
import { ContextLedger } from './context-ledger.js';
import { keysFrom, readRow } from './lmdb-environment.js';
import { checkSeal, DamagedRow, SEAL_BYTES, sealed } from './row-seal.js';

/** A key alone says it all; LMDB wants a value nevertheless. */
const NOTHING = Buffer.of(0);

type MutableTotals = { -readonly [Name in keyof Totals]: Totals[Name] };

/** Bytes of every blob that `record` names. */
function weightOf(record: SourceRecord): number {
  return namedBlobs(record).reduce((sum, { bytes }) => sum + bytes, 0);
}

export function decodeRecord(bytes: Buffer): SourceRecord {
  checkSeal(bytes);
  // Written by `encodeRecord` and by nobody else, under a schema version that was checked.
  return JSON.parse(bytes.toString('utf8', 0, bytes.length - SEAL_BYTES)) as SourceRecord;
}

function encodeRecord(record: SourceRecord): Buffer {
  const text = JSON.stringify(record);
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(length + SEAL_BYTES);
  bytes.write(text, 0, length);
  return sealed(bytes);
}

/** Lives as long as one transaction; `close` writes the totals. */
export class CatalogLedger {
  /** Bytes of blobs that lost their last name in this transaction. */
  freedBytes = 0;
  removedGroups = 0;
  droppedSources = 0;
  private readonly totals: MutableTotals;
  private readonly contexts: ContextLedger;
  private changed = false;

  constructor(private readonly tables: CatalogTables) {
    const totals = readRow(tables.facts, TOTALS_KEY, decodeTotals);
    if (totals === undefined) throw new DamagedRow('expected totals in the catalog, got none');
    this.totals = totals;
    this.contexts = new ContextLedger(tables);
  }

  /** Marks an entry as changed; returns the generation that this transaction makes. */
  change(): number {
    if (!this.changed) this.totals.generation++;
    this.changed = true;
    return this.totals.generation;
  }

  close(): void {
    this.contexts.close();
    if (this.changed) this.tables.facts.putSync(TOTALS_KEY, encodeTotals(this.totals));
  }

  /** What the context of a group key is called, to be told when the group is put. */
  nameContext(key: Buffer, context: Context): void {
    this.contexts.named(splitGroupKey(key).context, context);
  }

  group(key: Buffer): GroupRow | undefined {
    return readRow(this.tables.groups, key, decodeGroup);
  }

  source(digest: Digest): SourceRow | undefined {
    return readRow(this.tables.sources, digestKey(digest), decodeSource);
  }

  record(digest: Digest): SourceRecord | undefined {
    return readRow(this.tables.records, digestKey(digest), decodeRecord);
  }

  /** Writes the group; the source it points to must be there. */
  putGroup(key: Buffer, row: GroupRow): void {
    this.change();
    const old = this.group(key);
    this.tables.groups.putSync(key, encodeGroup(row));
    if (old) {
      this.tables.usedGroups.removeSync(usedKey(old.lastUsed, key));
      this.contexts.groupUsed(key, old.lastUsed, row.lastUsed);
    } else {
      this.countIn(key, row.lastUsed);
    }
    this.tables.usedGroups.putSync(usedKey(row.lastUsed, key), NOTHING);
    if (old?.sourceDigest === row.sourceDigest) return;
    // The new one first: what both sources name must not lose its last name in between.
    this.link(key, row.sourceDigest, row.lastUsed);
    if (old) this.unlink(key, old.sourceDigest);
  }

  removeGroup(key: Buffer): void {
    const row = this.group(key);
    if (row === undefined) return;
    this.change();
    this.tables.groups.removeSync(key);
    this.tables.usedGroups.removeSync(usedKey(row.lastUsed, key));
    this.countOut(key, row.lastUsed);
    this.removedGroups++;
    this.unlink(key, row.sourceDigest);
  }

  /** Writes the record and counts the blobs it names; groups that point to the source keep doing so. */
  putSource(record: SourceRecord, usedSeconds: number): void {
    const key = digestKey(record.digest);
    const old = this.source(record.digest);
    const oldRecord = old && this.record(record.digest);
    const row: SourceRow = {
      revision: this.change(),
      lastUsed: Math.max(usedSeconds, old?.lastUsed ?? 0),
      groups: old?.groups ?? 0,
      complete: record.complete,
      kept: record.sourceKept,
      weight: weightOf(record),
    };
    for (const blob of namedBlobs(record)) this.name(blob);
    if (oldRecord) for (const blob of namedBlobs(oldRecord)) this.unname(blob.digest);
    this.tables.records.putSync(key, encodeRecord(record));
    this.writeSource(key, old, row);
    if (old === undefined) this.totals.sources++;
  }

  /** Takes the source's own blob away from its record; the previews, and so the revision, stay. */
  dropSourceBlob(digest: Digest): void {
    const key = digestKey(digest);
    const [row, record] = [this.source(digest), this.record(digest)];
    if (row === undefined || record === undefined) return;
    this.change();
    const without: SourceRecord = { ...record, sourceKept: false };
    this.tables.records.putSync(key, encodeRecord(without));
    this.writeSource(key, row, { ...row, kept: false, weight: weightOf(without) });
    const stillNamed = new Set(namedBlobs(without).map((blob) => blob.digest));
    const content = contentDigestOf(record);
    if (record.sourceKept && !stillNamed.has(content)) this.unname(content);
    this.droppedSources++;
  }

  /** Notes the use of a group and of its source; never changes an entry's revision or the generation. */
  use(key: Buffer, seconds: number): void {
    this.dateUse(key, seconds, (before) => seconds > before);
  }

  /** The same for a use that was noted later than `seconds`, by a clock that has been set back since. */
  redateUse(key: Buffer, seconds: number): void {
    this.dateUse(key, seconds, (before) => seconds < before);
  }

  private dateUse(key: Buffer, seconds: number, isDue: (before: number) => boolean): void {
    const group = this.group(key);
    if (group === undefined) return;
    if (isDue(group.lastUsed)) {
      this.tables.usedGroups.removeSync(usedKey(group.lastUsed, key));
      this.tables.usedGroups.putSync(usedKey(seconds, key), NOTHING);
      this.contexts.groupUsed(key, group.lastUsed, seconds);
      this.tables.groups.putSync(key, encodeGroup({ ...group, lastUsed: seconds }));
    }
    const source = this.source(group.sourceDigest);
    if (source && isDue(source.lastUsed))
      this.writeSource(digestKey(group.sourceDigest), source, { ...source, lastUsed: seconds });
  }

  /** Blobs that were stored for a record that is not written after all: swept, unless somebody else names them. */
  disown(blobs: readonly NamedBlob[]): void {
    for (const { digest, bytes, kind } of blobs) {
      const key = digestKey(digest);
      if (this.blob(key) !== undefined) continue;
      this.tables.blobs.putSync(key, encodeBlob({ refs: 0, bytes, kind }));
      this.tables.garbage.putSync(key, NOTHING);
    }
  }

  private link(group: Buffer, digest: Digest, nowSeconds: number): void {
    const row = this.source(digest);
    if (row === undefined) throw new DamagedRow('expected the source of a group to be written first, got none');
    this.tables.sources.putSync(digestKey(digest), encodeSource({ ...row, groups: row.groups + 1 }));
    this.contexts.held(splitGroupKey(group).context, digest, row, nowSeconds);
  }

  private unlink(group: Buffer, digest: Digest): void {
    const key = digestKey(digest);
    const row = this.source(digest);
    if (row === undefined) throw new DamagedRow('expected the source of a group in the catalog, got none');
    this.contexts.unheld(splitGroupKey(group).context, digest, row);
    if (row.groups > 1) {
      this.tables.sources.putSync(key, encodeSource({ ...row, groups: row.groups - 1 }));
      return;
    }
    const record = this.record(digest);
    this.tables.sources.removeSync(key);
    this.tables.records.removeSync(key);
    this.tables.unfinished.removeSync(key);
    this.tables.usedSources.removeSync(usedKey(row.lastUsed, key));
    if (record) for (const blob of namedBlobs(record)) this.unname(blob.digest);
    this.totals.sources--;
    this.droppedSources++;
  }

  private writeSource(key: Buffer, old: SourceRow | undefined, row: SourceRow): void {
    this.tables.sources.putSync(key, encodeSource(row));
    if (old) {
      this.tables.usedSources.removeSync(usedKey(old.lastUsed, key));
      this.contexts.sourceChanged(digestOfKey(key), old, row);
    }
    // A source that is still to be converted is needed, so it does not stand where the eviction looks.
    if (row.kept && row.complete) this.tables.usedSources.putSync(usedKey(row.lastUsed, key), NOTHING);
    if (row.complete) this.tables.unfinished.removeSync(key);
    else this.tables.unfinished.putSync(key, NOTHING);
  }

  private countIn(key: Buffer, usedSeconds: number): void {
    const { context, imageKey } = splitGroupKey(key);
    if (!this.hasKey(imageKey)) this.totals.keys++;
    this.tables.byKey.putSync(byKeyKey(imageKey, context), NOTHING);
    this.contexts.groupAdded(key, usedSeconds);
    this.totals.groups++;
  }

  private countOut(key: Buffer, usedSeconds: number): void {
    const { context, imageKey } = splitGroupKey(key);
    this.tables.byKey.removeSync(byKeyKey(imageKey, context));
    if (!this.hasKey(imageKey)) this.totals.keys--;
    this.contexts.groupRemoved(key, usedSeconds);
    this.totals.groups--;
  }

  /** Whether some context has the image key. */
  private hasKey(imageKey: Buffer): boolean {
    const prefix = Buffer.concat([imageKey, Buffer.of(0)]);
    return keysFrom(this.tables.byKey, prefix, endOfPrefix(prefix), 1).length > 0;
  }

  private blob(key: Buffer): BlobRow | undefined {
    return readRow(this.tables.blobs, key, decodeBlob);
  }

  private name(blob: NamedBlob): void {
    const key = digestKey(blob.digest);
    const row = this.blob(key) ?? { refs: 0, bytes: blob.bytes, kind: blob.kind };
    if (row.refs === 0) {
      this.tables.garbage.removeSync(key);
      this.countBytes(row.kind, row.bytes);
    }
    this.tables.blobs.putSync(key, encodeBlob({ ...row, refs: row.refs + 1 }));
  }

  private unname(digest: Digest): void {
    const key = digestKey(digest);
    const row = this.blob(key);
    if (row === undefined || row.refs === 0) throw new DamagedRow('expected a named blob in the catalog, got none');
    this.tables.blobs.putSync(key, encodeBlob({ ...row, refs: row.refs - 1 }));
    if (row.refs > 1) return;
    this.tables.garbage.putSync(key, NOTHING);
    this.countBytes(row.kind, -row.bytes);
    this.freedBytes += row.bytes;
  }

  private countBytes(kind: NamedBlob['kind'], bytes: number): void {
    if (kind === 'source') this.totals.sourceBytes += bytes;
    else this.totals.previewBytes += bytes;
  }
}
