// The directory for a process's unfinished files: one per member of the lock on the data directory, so that the files of those who hold
// it no more, whatever ended them and wherever they ran, can be told and removed.
import { rmSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LEFT_BEHIND } from '../../kernel/left-behind.js';
import type { GroupLock } from './group-lock.js';
import { makeDirs } from './make-dirs.js';

/** How often a process looks for directories that were left. */
const ROUND_MS = 30_000;
const PREFIX = 'run-';
/** How earlier versions named theirs; they touched them every 30 s. */
const EARLIER = /^[0-9a-f]{12}-[0-9]+-[0-9]+$/;
const EARLIER_FOR_MS = 3_600_000;
/** A member's name, see group-lock.ts. */
const MEMBER = /^[0-9a-f]{12}-[0-9]+-[0-9a-f]{16}$/;

export class ScratchDir {
  readonly path: string;
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly root: string,
    private readonly lock: GroupLock,
  ) {
    this.path = join(root, `${PREFIX}${lock.name}`);
    makeDirs(this.path);
    this.timer = setInterval(() => void this.round(), ROUND_MS);
    this.timer.unref();
  }

  /** Makes the directory of `lock`'s member under `root`, and removes those of members that are gone, now and from then on. */
  static async open(root: string, lock: GroupLock): Promise<ScratchDir> {
    const scratch = new ScratchDir(root, lock);
    await scratch.round();
    return scratch;
  }

  /** Removes what was left behind, by the dead and by work of its own (see left-behind.ts). Never rejects: a disk that has failed is told by whoever needs it. */
  async round(): Promise<void> {
    for (const name of await readdir(this.root).catch(() => [])) {
      const path = join(this.root, name);
      if (name.startsWith(PREFIX) && (await this.isLeft(name.slice(PREFIX.length), path)))
        await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
    for (const name of await readdir(this.path).catch(() => []))
      if (name.startsWith(LEFT_BEHIND))
        await rm(join(this.path, name), { recursive: true, force: true }).catch(() => undefined);
  }

  /** Removes this process's own; before its lock is let go. */
  close(): void {
    clearInterval(this.timer);
    rmSync(this.path, { recursive: true, force: true });
  }

  /** What has another name is not ours and stays. */
  private async isLeft(member: string, path: string): Promise<boolean> {
    if (MEMBER.test(member)) return !(await this.lock.isHeldBy(member));
    if (!EARLIER.test(member)) return false;
    const found = await stat(path).catch(() => undefined);
    return found !== undefined && Date.now() - found.mtimeMs > EARLIER_FOR_MS;
  }
}
