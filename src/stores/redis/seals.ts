// What proves that a record in Redis is one that a node of ours has written: a checksum, which anybody can make, or where keys
// are configured one that only their holders can.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { RecordKey } from '../../kernel/credentials.js';

export const SEAL_CHARACTERS = 32;

/** What is sealed: one kind is never taken for another. */
export type Sealed = 'group' | 'source' | 'refusal' | 'library' | 'derivative' | 'takedown' | 'note';

/** No key: finds damage, and stops nobody. */
const NO_KEYS: readonly RecordKey[] = [{ secret: undefined }];

export class Seals {
  /** The first key seals, all are believed, so that one can take another's place. */
  constructor(private readonly keys: readonly RecordKey[] = NO_KEYS) {}

  /** `SEAL_CHARACTERS` hex characters. */
  of(kind: Sealed, text: string): string {
    return sealOf(this.keys[0] ?? { secret: undefined }, kind, text);
  }

  proves(kind: Sealed, text: string, seal: string): boolean {
    const given = Buffer.from(seal);
    return this.keys.some((key) => {
      const right = Buffer.from(sealOf(key, kind, text));
      return given.length === right.length && timingSafeEqual(given, right);
    });
  }
}

function sealOf({ secret }: RecordKey, kind: Sealed, text: string): string {
  const hash =
    secret === undefined ? createHash('sha256').update(text) : createHmac('sha256', secret).update(`${kind}\0${text}`);
  return hash.digest('hex').slice(0, SEAL_CHARACTERS);
}
