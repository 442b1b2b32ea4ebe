// Tells a catalog that ends every process that opens it (a damaged page can make LMDB fault) from one that can be opened:
// each opening leaves a mark that is removed when it is over, and marks of dead processes are openings that never were.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** One may have been killed by chance in the tenths of a second that opening takes; three in a row were not. */
const MAX_DEAD = 3;

export class OpeningMark {
  private readonly path: string;

  /** `catalog`: the directory that is going to be opened; marks lie beside it. */
  constructor(private readonly catalog: string) {
    this.path = `${catalog}.opening-${process.pid}`;
  }

  /** Whether the last openings all ended their process. */
  get isFatal(): boolean {
    return this.dead().length >= MAX_DEAD;
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
    const prefix = `${basename(this.catalog)}.opening-`;
    return readdirSync(dirname(this.catalog))
      .filter((name) => name.startsWith(prefix) && !isAlive(Number(name.slice(prefix.length))))
      .map((name) => join(dirname(this.catalog), name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
