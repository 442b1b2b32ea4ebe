// When each of those was last there who say so every few seconds: the time of an empty file for each. Saying it again writes nothing that
// anybody waits for: no commit, no sync, and after a power cut it is only older.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirs } from './make-dirs.js';

export class LastSeen {
  /** `dir` is made. */
  constructor(private readonly dir: string) {
    makeDirs(dir);
  }

  /** `at`: Unix ms. */
  async note(id: string, at: number): Promise<void> {
    const path = this.pathOf(id);
    try {
      await utimes(path, at / 1_000, at / 1_000);
    } catch (error) {
      if (!isMissing(error)) throw error;
      await writeFile(path, '');
      await utimes(path, at / 1_000, at / 1_000);
    }
  }

  /** Unix ms; `undefined` for who was never noted. */
  of(id: string): number | undefined {
    const stat = statSync(this.pathOf(id), { throwIfNoEntry: false });
    return stat && Math.round(stat.mtimeMs);
  }

  async forget(id: string): Promise<void> {
    await rm(this.pathOf(id), { force: true });
  }

  private pathOf(id: string): string {
    return join(this.dir, createHash('sha256').update(id).digest('hex').slice(0, 32));
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
