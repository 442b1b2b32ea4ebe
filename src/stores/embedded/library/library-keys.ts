// The binary keys of the library, built so that LMDB's order (byte by byte) is the order in which they are walked.
import { createHash } from 'node:crypto';
import type { ExternalReference } from '../../../kernel/library/asset.js';
import type { AssetId, ImportId } from '../../../kernel/library/ids.js';
import type { JobKind } from '../../../kernel/ports/jobs.js';

export { ContextKeys, digestKey, digestOfKey, endOfPrefix, keyAfter } from '../catalog-keys.js';

/** In a context's place: no SHA-256 begins with 16 zeros that anybody will find. */
export const ALL_CONTEXTS = Buffer.alloc(16);
/** LMDB has no empty keys. */
export const FIRST_KEY = Buffer.of(0);
const CONTEXT_BYTES = 16;

/** Numbers of 0 or more sort by their big-endian bytes. */
export function numberKey(value: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  key.writeDoubleBE(Math.max(0, value), 0);
  return key;
}

export function indexKey(index: number): Buffer {
  const key = Buffer.allocUnsafe(4);
  key.writeUInt32BE(index, 0);
  return key;
}

export function joined(...parts: readonly (Buffer | string)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}

export function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** A reference within its context, whatever it holds and however long it is. */
export function referenceKey(context: Buffer, { system, externalId }: ExternalReference): Buffer {
  return joined(context, hashOf(JSON.stringify([system, externalId])));
}

/** Assets of a context: those that live, then those in the trash, each ascending by number. */
export function assetsKey(context: Buffer, isTrashed: boolean, number: number): Buffer {
  return joined(context, Buffer.of(isTrashed ? 1 : 0), numberKey(number));
}

/** Assets of a session, ascending by number. */
export function sessionAssetKey(session: number, asset: number): Buffer {
  return joined(numberKey(session), numberKey(asset));
}

export function itemKey(id: ImportId, index: number): Buffer {
  return joined(id, indexKey(index));
}

export function versionKey(id: AssetId, number: number): Buffer {
  return joined(id, indexKey(number));
}

export function kindKey(kind: JobKind): Buffer {
  return joined(kind, FIRST_KEY);
}

export function jobKey(kind: JobKind, id: string): Buffer {
  return joined(kindKey(kind), id);
}

/** The number at `offset` of a key that holds one there. */
export function numberAt(key: Buffer, offset: number): number {
  return key.readDoubleBE(offset);
}

/** The context at `offset` of a key that holds one there; a copy. */
export function contextAt(key: Buffer, offset: number): Buffer {
  return Buffer.from(key.subarray(offset, offset + CONTEXT_BYTES));
}

/** The text from `offset` to the key's end. */
export function textFrom(key: Buffer, offset: number): string {
  return key.toString('utf8', offset);
}
