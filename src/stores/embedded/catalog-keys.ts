// The binary keys of the catalog: built so that LMDB's order (byte by byte) is the order in which they are walked.
import { createHash } from 'node:crypto';
import type { Digest } from '../../kernel/digest.js';
import type { Context, GroupRef, ImageKey } from '../../kernel/image-key.js';

/** Bytes of a context in keys: the first half of its SHA-256, so that a key's length does not depend on the context's. */
const CONTEXT_BYTES = 16;
const DIGEST_BYTES = 32;
const SECONDS_BYTES = 4;
const MAX_SECONDS = 0xffff_ffff;

/** The longest key: time, context and an image key of 256 characters of 4 bytes (LMDB's limit here is 1978). */
export const MAX_KEY_BYTES = SECONDS_BYTES + CONTEXT_BYTES + 256 * 4;

/** Contexts whose key is remembered; a server has few that are busy at once. */
const REMEMBERED_CONTEXTS = 1024;

/** Makes keys of contexts and groups; remembers those of busy contexts, since hashing would be half of a look-up. */
export class ContextKeys {
  private readonly remembered = new Map<Context, Buffer>();

  contextKey(context: Context): Buffer {
    let key = this.remembered.get(context);
    if (key === undefined) {
      key = createHash('sha256').update(context).digest().subarray(0, CONTEXT_BYTES);
      if (this.remembered.size >= REMEMBERED_CONTEXTS) this.remembered.clear();
      this.remembered.set(context, key);
    }
    return key;
  }

  /** context + image key: all groups of a context stand together, ascending by image key. */
  groupKey(ref: GroupRef): Buffer {
    const length = Buffer.byteLength(ref.imageKey);
    const key = Buffer.allocUnsafe(CONTEXT_BYTES + length);
    this.contextKey(ref.context).copy(key);
    key.write(ref.imageKey, CONTEXT_BYTES, length, 'utf8');
    return key;
  }
}

/** What a group key is made of. */
export function splitGroupKey(key: Buffer): { readonly context: Buffer; readonly imageKey: Buffer } {
  return { context: key.subarray(0, CONTEXT_BYTES), imageKey: key.subarray(CONTEXT_BYTES) };
}

export function imageKeyOf(bytes: Buffer): ImageKey {
  return bytes.toString('utf8') as ImageKey;
}

/** image key + 0x00 + context: all groups of an image key stand together. No name holds a control character. */
export function byKeyKey(imageKey: Buffer, context: Buffer): Buffer {
  return Buffer.concat([imageKey, Buffer.of(0), context]);
}

/** The image key's bytes in a key made by `byKeyKey`. */
export function imageKeyOfByKey(key: Buffer): Buffer {
  return key.subarray(0, key.length - CONTEXT_BYTES - 1);
}

/** The group key of a key made by `byKeyKey`. */
export function groupKeyOfByKey(key: Buffer): Buffer {
  return Buffer.concat([key.subarray(key.length - CONTEXT_BYTES), imageKeyOfByKey(key)]);
}

/** time + whatever was used then: the least recently used stands first. */
export function usedKey(seconds: number, what: Buffer): Buffer {
  const key = Buffer.allocUnsafe(SECONDS_BYTES + what.length);
  key.writeUInt32BE(seconds, 0);
  what.copy(key, SECONDS_BYTES);
  return key;
}

export function splitUsedKey(key: Buffer): { readonly seconds: number; readonly what: Buffer } {
  return { seconds: key.readUInt32BE(0), what: key.subarray(SECONDS_BYTES) };
}

/** context + time + whatever was used then in that context. */
export function usedOfKey(context: Buffer, seconds: number, what: Buffer): Buffer {
  return Buffer.concat([context, usedKey(seconds, what)]);
}

/** What stands behind context and time in a key made by `usedOfKey`. */
export function whatOfUsedOfKey(key: Buffer): Buffer {
  return key.subarray(CONTEXT_BYTES + SECONDS_BYTES);
}

/** The context of a key that begins with one. */
export function contextOfKey(key: Buffer): Buffer {
  return key.subarray(0, CONTEXT_BYTES);
}

/** The context of a key that ends with one. */
export function contextAtEnd(key: Buffer): Buffer {
  return key.subarray(key.length - CONTEXT_BYTES);
}

/** What is counted, how much, whose: numbers of 0 or more sort by their big-endian bytes. */
export function weightKey(kind: WeightKind, value: number, context: Buffer): Buffer {
  const key = Buffer.allocUnsafe(1 + 8 + context.length);
  key.writeUInt8(WEIGHT_KINDS[kind], 0);
  key.writeDoubleBE(value, 1);
  context.copy(key, 9);
  return key;
}

/** In front of all weights of one kind. */
export function weightPrefix(kind: WeightKind): Buffer {
  return Buffer.of(WEIGHT_KINDS[kind]);
}

export type WeightKind = 'groups' | 'bytes';
const WEIGHT_KINDS = { groups: 1, bytes: 2 } as const satisfies Record<WeightKind, number>;

/** Unix ms as whole seconds of 32 bits (until 2106); what lies outside is moved to the border. */
export function secondsOf(ms: number): number {
  return Math.min(Math.max(Math.floor(ms / 1000), 0), MAX_SECONDS);
}

export function digestKey(digest: Digest): Buffer {
  return Buffer.from(digest, 'hex');
}

export function digestOfKey(key: Uint8Array, offset = 0): Digest {
  return Buffer.from(key.buffer, key.byteOffset + offset, DIGEST_BYTES).toString('hex') as Digest;
}

/** The smallest key that stands behind every key beginning with `prefix`; `undefined` when there is none. */
export function endOfPrefix(prefix: Buffer): Buffer | undefined {
  const end = Buffer.from(prefix);
  for (let at = end.length - 1; at >= 0; at--) {
    const byte = end[at] ?? 0;
    if (byte < 0xff) {
      end[at] = byte + 1;
      return end.subarray(0, at + 1);
    }
  }
  return undefined;
}

/** The smallest key behind `key`. */
export function keyAfter(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.of(0)]);
}
