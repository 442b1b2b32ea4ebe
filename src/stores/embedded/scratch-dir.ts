// The directory for a process's unfinished files: one per process, so that the files of dead ones can be told and removed. Who
// cannot be seen from here, in another container or on another host, shows by touching its directory that it lives.
import { readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirs } from './make-dirs.js';
import { ownName, stateOf } from './process-identity.js';

/** How often a process shows that it lives. */
const TOUCH_MS = 30_000;
/** Without a sign for this long a process that cannot be seen counts as gone: twenty touches missed. */
const FOREIGN_MS = 20 * TOUCH_MS;
const PREFIX = 'run-';

export interface ScratchDir {
  readonly path: string;
  /** Removes the directories of processes that are gone by now. */
  tidy(): void;
  /** Removes this process's own. */
  close(): void;
}

/** Makes this process's own directory under `root`, and removes those of processes that are gone. */
export function openScratchDir(root: string): ScratchDir {
  makeDirs(root);
  const own = `${PREFIX}${ownName()}`;
  const path = join(root, own);
  const tidy = (): void => {
    for (const name of readdirSync(root)) {
      if (name !== own && isLeftBehind(root, name)) rmSync(join(root, name), { recursive: true, force: true });
    }
  };
  tidy();
  makeDirs(path);
  const timer = setInterval(() => touch(path), TOUCH_MS);
  timer.unref();
  return {
    path,
    tidy,
    close() {
      clearInterval(timer);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

function touch(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Gone, or the disk has failed: whoever needs the directory says so.
  }
}

/** Whether `name` is a directory of ours whose process is gone; what has another name is not ours and stays. */
function isLeftBehind(root: string, name: string): boolean {
  const state = name.startsWith(PREFIX) ? stateOf(name.slice(PREFIX.length)) : undefined;
  if (state === 'dead') return true;
  if (state !== 'foreign') return false;
  const stat = statSync(join(root, name), { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > FOREIGN_MS;
}
