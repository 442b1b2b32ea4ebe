// Temporary directories of tests: each its own, removed again when the test ends.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempDir {
  readonly path: string;
  remove(): Promise<void>;
}

/** A new empty directory; whoever made it calls `remove`. */
export async function tempDir(): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), 'proofsheet-test-'));
  // A process that was killed may have had a file made a moment ago, by a call that was under way.
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }) };
}

/** Runs `work` in a new empty directory, which is gone afterwards whatever happened. */
export async function withTempDir<T>(work: (path: string) => Promise<T>): Promise<T> {
  const dir = await tempDir();
  try {
    return await work(dir.path);
  } finally {
    await dir.remove();
  }
}
