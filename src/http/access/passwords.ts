// Making and checking password hashes with scrypt (RFC 7914): slow on purpose, so bounded and remembered for a process.
import { createHash, createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import {
  MAX_SCRYPT_BYTES,
  parsePassword,
  type ScryptCost,
  type StoredPassword,
  scryptText,
} from '../../kernel/credentials.js';
import { ProofsheetError } from '../../kernel/errors.js';

/** OWASP's password storage cheat sheet, 2^15 row: 32 MiB and about a quarter of a second. */
const COST: ScryptCost = { cost: 2 ** 15, blockSize: 8, parallelization: 3 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Each takes a thread of libuv's four and up to 256 MiB: more at once would hold up file reads. */
const MAX_HASHING = 2;

/** The text to configure for `password`: `scrypt:N:r:p:salt:hash`, other at every call. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  return scryptText(COST, salt, await derive(password, salt, HASH_BYTES, COST));
}

/** Checks passwords against those that are stored. */
export class PasswordCheck {
  private readonly stored: readonly StoredPassword[];
  /** Under a key of this process alone, so that what is remembered is worth nothing elsewhere. */
  private readonly rememberingKey = randomBytes(32);
  /** What passed, so that a client that sends its password with every request pays for scrypt once; one each at most. */
  private readonly remembered = new Map<StoredPassword, Buffer>();
  private hashing = 0;

  /** Throws `TypeError` for a malformed hash. */
  constructor(texts: readonly string[]) {
    this.stored = texts.map(parsePassword);
  }

  /** Whether `password` is one of them; every one is looked at. Throws `overloaded` while too many are being hashed. */
  async admits(password: string): Promise<boolean> {
    const mark = createHmac('sha256', this.rememberingKey).update(password, 'utf8').digest();
    for (const known of this.remembered.values()) if (timingSafeEqual(known, mark)) return true;
    let admitted = false;
    for (const stored of this.stored) {
      const fits = await this.fits(password, stored);
      if (fits) this.remembered.set(stored, mark);
      admitted ||= fits;
    }
    return admitted;
  }

  private async fits(password: string, stored: StoredPassword): Promise<boolean> {
    if (stored.kind === 'plain')
      return timingSafeEqual(stored.digest, createHash('sha256').update(password, 'utf8').digest());
    if (this.hashing >= MAX_HASHING)
      throw new ProofsheetError('overloaded', 'too many logins are being checked; try again shortly', {
        retryAfterSeconds: 1,
      });
    this.hashing++;
    try {
      return timingSafeEqual(stored.hash, await derive(password, stored.salt, stored.hash.length, stored));
    } finally {
      this.hashing--;
    }
  }
}

function derive(password: string, salt: Buffer, bytes: number, cost: ScryptCost): Promise<Buffer> {
  const { cost: N, blockSize: r, parallelization: p } = cost;
  return new Promise((resolve, reject) => {
    // Beside the 128 N r bytes OpenSSL counts p blocks and a little more.
    scrypt(password, salt, bytes, { N, r, p, maxmem: MAX_SCRYPT_BYTES + 2 ** 20 }, (error, hash) => {
      if (error) reject(error);
      else resolve(hash);
    });
  });
}
