// A body to a temp file of ours: counted, timed and hashed on the way, never whole in memory. Whatever fails, no file stays.
import { createHash } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { type Digest, parseDigest } from '../kernel/digest.js';
import { asProofsheetError } from '../kernel/errors.js';
import type { Clock } from '../kernel/ports/clock.js';
import { DeadlinePassed } from './network-faults.js';

export interface BodyLimits {
  /** Largest body, in bytes. */
  readonly maxBytes: number;
  /** Fewest bytes a second, on average, once `graceMs` have passed. */
  readonly minBytesPerSecond: number;
  readonly graceMs: number;
}

export interface WrittenBody {
  readonly bytes: number;
  readonly digest: Digest;
  readonly md5: string;
}

/** More came than is taken. */
export class BodyTooLarge extends Error {
  override readonly name = 'BodyTooLarge';
}

/**
 * Writes `body` to a new file at `path`. Rejects with `BodyTooLarge`, `DeadlinePassed` (too slow), what the body failed with, or a
 * `ProofsheetError` for what the disk said; the body is destroyed then.
 */
export async function writeBody(
  body: AsyncIterable<Buffer> & { destroy(error?: Error): unknown },
  path: string,
  { maxBytes, minBytesPerSecond, graceMs }: BodyLimits,
  clock: Clock,
): Promise<WrittenBody> {
  const file = await onDisk(open(path, 'wx', 0o600)).catch((error: unknown) => {
    body.destroy();
    throw error;
  });
  const startedAt = clock.monotonic();
  const [sha256, md5] = [createHash('sha256'), createHash('md5')];
  let bytes = 0;
  // Looked at by time and not by what comes: a body that drips is slow while nothing comes.
  const watch = setInterval(
    () => {
      const ms = clock.monotonic() - startedAt;
      if (ms >= graceMs && (bytes * 1_000) / ms < minBytesPerSecond)
        body.destroy(new DeadlinePassed(`fewer than ${minBytesPerSecond} bytes came in a second`));
    },
    Math.min(1_000, Math.max(10, graceMs / 4)),
  );
  let isWhole = false;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new BodyTooLarge(`more than ${maxBytes} bytes came`);
      sha256.update(chunk);
      md5.update(chunk);
      await writeAll(file, chunk);
    }
    isWhole = true;
  } finally {
    clearInterval(watch);
    await onDisk(file.close());
    if (!isWhole) await onDisk(rm(path, { force: true }));
  }
  const digest = parseDigest(sha256.digest('hex'));
  if (digest === undefined) throw new Error('expected SHA-256 to be 64 hex characters');
  return { bytes, digest, md5: md5.digest('hex') };
}

async function writeAll(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await onDisk(file.write(chunk, at))).bytesWritten;
}

/** What the disk says, in our words: it is no fault of the origin. */
function onDisk<T>(done: Promise<T>): Promise<T> {
  return done.catch((error: unknown) => {
    throw asProofsheetError(error);
  });
}
