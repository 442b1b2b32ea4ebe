// The values of the catalog: small rows of fixed layout (big-endian), so that reading a revision or a count decodes no JSON.
import type { Digest } from '../../kernel/digest.js';
import type { Usage } from '../../kernel/ports/catalog.js';
import type { NamedBlob } from '../../kernel/source.js';
import { digestOfKey } from './catalog-keys.js';
import { checkSeal, SEAL_BYTES, sealed } from './row-seal.js';

export interface GroupRow {
  readonly sourceDigest: Digest;
  /** Unix ms. */
  readonly createdAt: number;
  /** Unix seconds. */
  readonly lastUsed: number;
  /** The catalog's generation when the group was written. */
  readonly revision: number;
  readonly fileName: string | undefined;
}

/** What changes about a source without its record being written anew. */
export interface SourceRow {
  /** The catalog's generation when the record was written. */
  readonly revision: number;
  /** Unix seconds. */
  readonly lastUsed: number;
  /** How many groups point to it; at least 1. */
  readonly groups: number;
  readonly complete: boolean;
  readonly kept: boolean;
  /** Bytes of all blobs that its record names. */
  readonly weight: number;
}

/** What a context has: its groups, and the bytes of every source they point to, each source once. */
export interface ContextRow {
  readonly groups: number;
  readonly bytes: number;
}

/** A source as one context holds it. */
export interface HoldingRow {
  /** How many groups of the context point to it; at least 1. */
  readonly groups: number;
  /** Unix seconds since when. */
  readonly since: number;
}

export interface BlobRow {
  /** How many source records name it; 0: it waits to be swept. */
  readonly refs: number;
  readonly bytes: number;
  /** What it was stored as first; its bytes are counted under this kind alone. */
  readonly kind: NamedBlob['kind'];
}

/** Kept up to date by every transaction, so that nothing is ever counted by a scan. */
export interface Totals extends Usage {
  /** Rises with every change that may alter an entry. */
  readonly generation: number;
}

const GROUP_HEAD_BYTES = 53;

export function encodeGroup(row: GroupRow): Buffer {
  const name = row.fileName === undefined ? undefined : Buffer.from(row.fileName);
  const bytes = Buffer.allocUnsafe(GROUP_HEAD_BYTES + (name?.length ?? 0) + SEAL_BYTES);
  bytes.writeDoubleBE(row.createdAt, 0);
  bytes.writeUInt32BE(row.lastUsed, 8);
  bytes.writeDoubleBE(row.revision, 12);
  bytes.write(row.sourceDigest, 20, 'hex');
  bytes.writeUInt8(name === undefined ? 0 : 1, 52);
  name?.copy(bytes, GROUP_HEAD_BYTES);
  return sealed(bytes);
}

export function decodeGroup(bytes: Buffer): GroupRow {
  checkSeal(bytes);
  return {
    createdAt: bytes.readDoubleBE(0),
    lastUsed: bytes.readUInt32BE(8),
    revision: bytes.readDoubleBE(12),
    sourceDigest: digestOfKey(bytes, 20),
    fileName:
      bytes.readUInt8(52) === 0 ? undefined : bytes.toString('utf8', GROUP_HEAD_BYTES, bytes.length - SEAL_BYTES),
  };
}

export function encodeSource(row: SourceRow): Buffer {
  const bytes = Buffer.allocUnsafe(29 + SEAL_BYTES);
  bytes.writeDoubleBE(row.revision, 0);
  bytes.writeUInt32BE(row.lastUsed, 8);
  bytes.writeDoubleBE(row.groups, 12);
  bytes.writeUInt8((row.complete ? 1 : 0) | (row.kept ? 2 : 0), 20);
  bytes.writeDoubleBE(row.weight, 21);
  return sealed(bytes);
}

export function decodeSource(bytes: Buffer): SourceRow {
  checkSeal(bytes);
  const flags = bytes.readUInt8(20);
  return {
    revision: bytes.readDoubleBE(0),
    lastUsed: bytes.readUInt32BE(8),
    groups: bytes.readDoubleBE(12),
    complete: (flags & 1) !== 0,
    kept: (flags & 2) !== 0,
    weight: bytes.readDoubleBE(21),
  };
}

export function encodeContext({ groups, bytes }: ContextRow): Buffer {
  const row = Buffer.allocUnsafe(16 + SEAL_BYTES);
  row.writeDoubleBE(groups, 0);
  row.writeDoubleBE(bytes, 8);
  return sealed(row);
}

export function decodeContext(row: Buffer): ContextRow {
  checkSeal(row);
  return { groups: row.readDoubleBE(0), bytes: row.readDoubleBE(8) };
}

export function encodeHolding({ groups, since }: HoldingRow): Buffer {
  const row = Buffer.allocUnsafe(12 + SEAL_BYTES);
  row.writeDoubleBE(groups, 0);
  row.writeUInt32BE(since, 8);
  return sealed(row);
}

export function decodeHolding(row: Buffer): HoldingRow {
  checkSeal(row);
  return { groups: row.readDoubleBE(0), since: row.readUInt32BE(8) };
}

export function encodeBlob(row: BlobRow): Buffer {
  const bytes = Buffer.allocUnsafe(17 + SEAL_BYTES);
  bytes.writeDoubleBE(row.refs, 0);
  bytes.writeDoubleBE(row.bytes, 8);
  bytes.writeUInt8(row.kind === 'source' ? 1 : 0, 16);
  return sealed(bytes);
}

export function decodeBlob(bytes: Buffer): BlobRow {
  checkSeal(bytes);
  return {
    refs: bytes.readDoubleBE(0),
    bytes: bytes.readDoubleBE(8),
    kind: bytes.readUInt8(16) === 1 ? 'source' : 'preview',
  };
}

const TOTALS = [
  'generation',
  'groups',
  'keys',
  'sources',
  'previewBytes',
  'sourceBytes',
] as const satisfies readonly (keyof Totals)[];

export function encodeTotals(totals: Totals): Buffer {
  const bytes = Buffer.allocUnsafe(8 * TOTALS.length + SEAL_BYTES);
  for (const [index, name] of TOTALS.entries()) bytes.writeDoubleBE(totals[name], 8 * index);
  return sealed(bytes);
}

export function decodeTotals(bytes: Buffer): Totals {
  checkSeal(bytes);
  return {
    generation: bytes.readDoubleBE(0),
    groups: bytes.readDoubleBE(8),
    keys: bytes.readDoubleBE(16),
    sources: bytes.readDoubleBE(24),
    previewBytes: bytes.readDoubleBE(32),
    sourceBytes: bytes.readDoubleBE(40),
  };
}

/** The generation alone, which stands first; unchecked, since it is read for every hit, and another one only costs a look more. */
export function decodeGeneration(bytes: Buffer): number {
  return bytes.readDoubleBE(0);
}

export function encodeCount(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(count, 0);
  return bytes;
}

export function decodeCount(bytes: Buffer): number {
  return bytes.readDoubleBE(0);
}
