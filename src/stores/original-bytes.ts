// The bytes of originals where many machines keep them: by a name of their own each time that they are kept anew, so that whoever removes
// what nobody needed can never remove what somebody has just kept. Which names count, the library's records say.
import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import type { Digest } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';

/** Where an original lies; `place` names its bytes and holds no character that needs escaping. */
export interface OriginalPlace {
  readonly digest: Digest;
  readonly place: string;
}

export interface OriginalBytes {
  /** Stores the file's bytes, which the caller knows to have this digest; once more is the same. Throws `storage-full`. */
  put(at: OriginalPlace, path: string, bytes: number): Promise<void>;
  /** How many there are; `undefined` where there are none. */
  length(at: OriginalPlace): Promise<number | undefined>;
  /** From `start` to `end` (excluded), in pieces, unchecked; ends early where bytes are missing. */
  pieces(at: OriginalPlace, start: number, end: number): AsyncIterable<Uint8Array>;
  /** Those that are not there are removed. */
  remove(at: OriginalPlace): Promise<void>;
}

/** `pieces`, of which the last one comes only when all of them are what the digest says; else throws `internal`. */
export async function* checkedPieces(digest: Digest, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let held: Uint8Array | undefined;
  for await (const piece of pieces) {
    hash.update(piece);
    if (held !== undefined) yield held;
    held = piece;
  }
  if (hash.digest('hex') !== digest)
    throw new ProofsheetError('internal', 'the original of this image is damaged; restore it from a backup');
  if (held !== undefined) yield held;
}

export async function areWhole(digest: Digest, pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
  const hash = createHash('sha256');
  for await (const piece of pieces) hash.update(piece);
  return hash.digest('hex') === digest;
}

/** Writes the pieces to a new file; `false`, and no file, when they are not what the digest says. */
export async function writePieces(digest: Digest, pieces: AsyncIterable<Uint8Array>, path: string): Promise<boolean> {
  const hash = createHash('sha256');
  const file = await open(path, 'wx');
  let isRight = false;
  try {
    for await (const piece of pieces) {
      hash.update(piece);
      await file.writeFile(piece);
    }
    isRight = hash.digest('hex') === digest;
  } finally {
    await file.close();
    if (!isRight) await rm(path, { force: true });
  }
  return isRight;
}
