// Tells a catalog that ends every process that opens it (a damaged page can make LMDB fault) from one that can be opened:
// each opening leaves a mark that is removed when it is over, and marks of dead processes are openings that never were.
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownName, stateOf } from './process-identity.js';

/** One may have been killed by chance in the tenths of a second that opening takes; three in a row were not. */
const MAX_DEAD = 3;
/**
 * A mark of a process that cannot be seen from here, in another container, counts as a dead one's after this time: an opening
 * takes tenths of a second, but waits as long as others write. This narrows the window in which one that waits is taken for
 * dead, and does not close it.
 */
const FOREIGN_MS = 60_000;
const POLL_MS = 100;

export class OpeningMark {
  private readonly path: string;

  /** `catalog`: the directory that is going to be opened; marks lie beside it. */
  constructor(
    private readonly catalog: string,
    private readonly foreignMs = FOREIGN_MS,
  ) {
    this.path = `${catalog}.opening-${ownName()}`;
  }

  /**
   * Whether the last openings all ended their process. Waits for those of other containers, a minute at most, and only
   * where there are as many as would decide it: a living process is done by then.
   */
  async isFatal(): Promise<boolean> {
    while (this.dead().length < MAX_DEAD) {
      if (this.dead().length + this.undecided() < MAX_DEAD) return false;
      await sleep(POLL_MS);
    }
    return true;
  }

  set(): void {
    writeFileSync(this.path, '');
  }

  /** The catalog is open, or was set aside: what ended others is over. */
  clear(): void {
    for (const path of [this.path, ...this.dead()]) rmSync(path, { force: true });
  }

  /** Fails for a reason of its own: says nothing about the catalog. */
  withdraw(): void {
    rmSync(this.path, { force: true });
  }

  private dead(): string[] {
    return this.marks()
      .filter(({ state, ageMs }) => state === 'dead' || (state === 'foreign' && ageMs > this.foreignMs))
      .map(({ path }) => path);
  }

  private undecided(): number {
    return this.marks().filter(({ state, ageMs }) => state === 'foreign' && ageMs <= this.foreignMs).length;
  }

  private marks() {
    const prefix = `${basename(this.catalog)}.opening-`;
    const dir = dirname(this.catalog);
    return readdirSync(dir)
      .filter((name) => name.startsWith(prefix))
      .flatMap((name) => {
        const path = join(dir, name);
        const stat = statSync(path, { throwIfNoEntry: false });
        // Older versions named marks by the process id alone, which says nothing here.
        const state = stateOf(name.slice(prefix.length)) ?? 'foreign';
        // The file system's own clock, as the mark's time is: the age of a file that was set back counts as over.
        return stat === undefined ? [] : [{ path, state, ageMs: Math.abs(Date.now() - stat.mtimeMs) }];
      });
  }
}
