// How far the log of takedowns has been followed, beside the copies of a disk cache: whoever opens them again goes on from there.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Noted {
  readonly id: string;
  readonly followed?: number;
}

export class FollowedFile {
  private readonly path: string;
  private noted: Noted;

  /** `dir`: that of the copies, which exists. A file that cannot be read is none. */
  constructor(dir: string) {
    this.path = join(dir, 'takedowns.json');
    this.noted = notedIn(this.path) ?? { id: randomUUID() };
  }

  /** Of these copies, for good. */
  get id(): string {
    return this.noted.id;
  }

  read(): number | undefined {
    return this.noted.followed;
  }

  async write(followed: number): Promise<void> {
    this.noted = { ...this.noted, followed };
    const unfinished = `${this.path}.new`;
    await writeFile(unfinished, JSON.stringify(this.noted));
    await rename(unfinished, this.path);
  }
}

function notedIn(path: string): Noted | undefined {
  try {
    const { id, followed } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Noted>;
    if (typeof id !== 'string' || !/^[0-9a-f-]{36}$/.test(id)) return undefined;
    return Number.isSafeInteger(followed) && Number(followed) >= 0 ? { id, followed: Number(followed) } : { id };
  } catch {
    return undefined;
  }
}
