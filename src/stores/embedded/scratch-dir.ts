// The directory for a process's unfinished files: one per process, so that the files of dead ones can be told and removed. Who
// cannot be seen from here, in another container or on another host, shows by touching its directory that it lives.

import { rmSync } from 'node:fs';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirs } from './make-dirs.js';
import { ownName, stateOf } from './process-identity.js';

/** How often a process shows that it lives, and looks for who does not any more. */
const ROUND_MS = 30_000;
/** Without a sign for this long a process that cannot be seen counts as gone: twenty touches missed. */
const FOREIGN_MS = 20 * ROUND_MS;
const PREFIX = 'run-';

export class ScratchDir {
  readonly path: string;
  private readonly own = `${PREFIX}${ownName()}`;
  private readonly timer: NodeJS.Timeout;

  private constructor(private readonly root: string) {
    this.path = join(root, this.own);
    makeDirs(this.path);
    this.timer = setInterval(() => void this.round(), ROUND_MS);
    this.timer.unref();
  }

  /** Makes this process's own directory under `root`, and removes those of processes that are gone, now and from then on. */
  static async open(root: string): Promise<ScratchDir> {
    const scratch = new ScratchDir(root);
    await scratch.round();
    return scratch;
  }

  /**
   * Touches this process's directory and removes those that are left behind. Never rejects: a directory that is gone, or a disk
   * that has failed, is told by whoever needs it.
   */
  async round(): Promise<void> {
    const now = new Date();
    await utimes(this.path, now, now).catch(() => undefined);
    const names = await readdir(this.root).catch(() => []);
    for (const name of names) {
      const path = join(this.root, name);
      if (await isLeftBehind(name, path)) await rm(path, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  /** Removes this process's own. */
  close(): void {
    clearInterval(this.timer);
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Whether it is a directory of ours whose process is gone; what has another name is not ours and stays. */
async function isLeftBehind(name: string, path: string): Promise<boolean> {
  const state = name.startsWith(PREFIX) ? stateOf(name.slice(PREFIX.length)) : undefined;
  if (state !== 'foreign') return state === 'dead';
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > FOREIGN_MS;
}
