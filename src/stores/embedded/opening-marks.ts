// Tells a catalog that ends every process that opens it (a damaged page can make LMDB fault) from one that can be opened:
// each opening leaves a mark that is removed when it is over, and marks of those who hold the lock no more are openings that never were.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { GroupLock } from './group-lock.js';

/** One may have been killed by chance in the tenths of a second that opening takes; three in a row were not. */
const MAX_DEAD = 3;

export class OpeningMark {
  private readonly path: string;

  /** `catalog`: the directory that is going to be opened by the member of `lock`; marks lie beside it. */
  constructor(
    private readonly catalog: string,
    private readonly lock: GroupLock,
  ) {
    this.path = `${this.prefix}${lock.name}`;
  }

  /** Whether the last openings all ended their process. */
  async isFatal(): Promise<boolean> {
    return (await this.dead()).length >= MAX_DEAD;
  }

  /**
   * The process ids of those who hold the lock and are not at opening: they have the catalog open. Those at opening may too, and look
   * whether it is being set aside once they have cleared their mark.
   */
  async users(): Promise<readonly number[]> {
    const others = await this.lock.others();
    const opening = this.marks();
    return others.filter(({ name }) => !opening.includes(`${this.prefix}${name}`)).map(({ pid }) => pid);
  }

  set(): void {
    writeFileSync(this.path, '');
  }

  /** The catalog is open, or was set aside: what ended others is over. */
  async clear(): Promise<void> {
    for (const path of [this.path, ...(await this.dead())]) rmSync(path, { force: true });
  }

  /** Fails for a reason of its own: says nothing about the catalog. */
  withdraw(): void {
    rmSync(this.path, { force: true });
  }

  private async dead(): Promise<readonly string[]> {
    const found = await Promise.all(
      this.marks().map(async (path) => ({ path, isHeld: await this.lock.isHeldBy(path.slice(this.prefix.length)) })),
    );
    return found.filter(({ isHeld }) => !isHeld).map(({ path }) => path);
  }

  private marks(): readonly string[] {
    const dir = dirname(this.catalog);
    return readdirSync(dir)
      .map((name) => join(dir, name))
      .filter((path) => path.startsWith(this.prefix));
  }

  private get prefix(): string {
    return `${join(dirname(this.catalog), basename(this.catalog))}.opening-`;
  }
}
