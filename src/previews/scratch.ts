// The end of a directory in which something was made.
import { rename, rm } from 'node:fs/promises';
import { leftBehind } from '../kernel/left-behind.js';

/**
 * Removes `directory`, and what is in it, if it is there. Never rejects, since what was made in it is made: where there is no file handle to
 * look into it with, it is left behind for later.
 */
export async function removeScratch(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true });
  } catch {
    await rename(directory, leftBehind(directory)).catch(() => undefined);
  }
}
