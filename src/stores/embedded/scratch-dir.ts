// The directory for a process's unfinished files: one per process, so that the files of dead ones can be told and removed. Who
// cannot be seen from here, in another container or on another host, shows by touching its directory that it lives.

import { rmSync } from 'node:fs';
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirs } from './make-dirs.js';
import { idOf, ownName, stateOf } from './process-identity.js';
import { ProcessIdTaken } from './storage-errors.js';

/** How often a process shows that it lives, and looks for who does not any more. */
const ROUND_MS = 30_000;
/** Without a sign for this long a process that cannot be seen counts as gone: twenty touches missed. */
const FOREIGN_MS = 20 * ROUND_MS;
const PREFIX = 'run-';
/**
 * Threads of a server that touch the catalog have ids of at most this much above its process id: its main thread and libuv's pool,
 * which begins with the process; some 20 in all, and children may be begun in between.
 */
export const IDS_OF_A_SERVER = 128;

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

  /**
   * Throws `ProcessIdTaken` when a process of another PID namespace that may live has ids near this one's. LMDB tells readers by
   * process ids, and the mutex of its writers tells its owner by a thread id: with equal ones of two namespaces, as every
   * container has them, two write at once and a commit is lost (seen in every fourth run of 20 rolling restarts; never with
   * ids apart). Each process makes its directory before it looks, so of two that start at once one sees the other.
   */
  async checkIds(): Promise<void> {
    for (const name of await readdir(this.root)) {
      const id = name.startsWith(PREFIX) ? idOf(name.slice(PREFIX.length)) : undefined;
      if (id === undefined || Math.abs(id - process.pid) >= IDS_OF_A_SERVER) continue;
      if (stateOf(name.slice(PREFIX.length)) === 'foreign')
        throw new ProcessIdTaken(
          `expected a process id that is ${IDS_OF_A_SERVER} or more from those of servers in other containers on this data directory, got ${process.pid}, and one has ${id}`,
        );
    }
  }

  /** Process ids of the others that may live, each as its own PID namespace has it; those seen from here, and those of elsewhere. */
  async others(): Promise<{ readonly here: readonly number[]; readonly elsewhere: readonly number[] }> {
    const [here, elsewhere]: [number[], number[]] = [[], []];
    for (const name of await readdir(this.root)) {
      const called = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : '';
      const [id, state] = [idOf(called), stateOf(called)];
      if (id !== undefined && state === 'alive') here.push(id);
      if (id !== undefined && state === 'foreign') elsewhere.push(id);
    }
    return { here, elsewhere };
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
