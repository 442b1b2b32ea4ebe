// What happens when a catalog in use turns out to be damaged: a row that only a read needs is as if it were not there;
// anything else ends the process, and the next start saves what can be read into a new catalog.
import { existsSync, writeFileSync } from 'node:fs';
import type { Logger } from '../../kernel/ports/logger.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { GroupLock } from './group-lock.js';
import { identityOf, NO_DATA } from './lmdb-file.js';
import { DamagedRow } from './row-seal.js';

/** LMDB's own names for what its pages are when they make no sense (lmdb.h), a walk that leads in circles among them. */
const MEANING_DAMAGE = new Set([-30797, -30796, -30793, -30787, -30786, -30784, -30780, -30779]);

/** Two processes go by different catalogs for no longer. */
const LOOK_EVERY_MS = 1_000;

export interface CatalogDamageOptions {
  /** The catalog's directory; the mark for the next start lies beside it. */
  readonly path: string;
  /** The identity of the file that was opened (see lmdb-file.ts): at the path there may be another by now. */
  readonly opened: string | undefined;
  /** Held as long as the catalog is used. */
  readonly lock: Pick<GroupLock, 'isLost'>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The file whose presence tells the next start that the catalog at `path` was found damaged while it was used. */
export function damageMark(path: string): string {
  return `${path}.damaged`;
}

export class CatalogDamage {
  private condemned = false;
  private readonly timer: NodeJS.Timeout;

  /** Made when the catalog is open; until `close`. */
  constructor(private readonly options: CatalogDamageOptions) {
    this.timer = setInterval(() => this.lookWhetherOurs(), LOOK_EVERY_MS);
    this.timer.unref();
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** The process is ending because of it. */
  get isBeyondRepair(): boolean {
    return this.condemned;
  }

  /** What `read` gives; `undefined` when it met a damaged row: who asked is told that there is none, and may make it anew. */
  passing<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof DamagedRow)) throw this.met(error);
      this.options.metrics.count('damaged_records_total');
      this.options.logger.warn({ reason: error.message }, 'a damaged row was found in the catalog and is passed over');
      return undefined;
    }
  }

  /** What `read` gives, where nothing can stand for a damaged row. */
  needing<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.met(error);
    }
  }

  /**
   * Looks at a failure of the catalog and returns it. If it means damage, the process says so and ends: writes would
   * build on it, and limits could not be kept any more.
   */
  met(error: unknown): unknown {
    if (!meansDamage(error) || this.condemned) return error;
    const { path, opened, logger, metrics } = this.options;
    metrics.count('damaged_records_total');
    try {
      // One that another process has begun meanwhile is not to blame.
      if (identityOf(path) === opened) writeFileSync(damageMark(path), '');
    } catch (cause) {
      logger.warn({ error: cause }, 'the damaged catalog could not be marked; the next start may not find the damage');
    }
    this.end(
      'the catalog is damaged and cannot be used any more by this process; the next start saves what it can',
      error,
    );
    return error;
  }

  /** Another process found the damage, set the catalog aside and began a new one, and this one is on the old; or may open it beside us. */
  private lookWhetherOurs(): void {
    if (this.condemned) return;
    // The next start sets it aside only when nobody has it open any more.
    if (existsSync(damageMark(this.options.path))) {
      this.end('the catalog was found damaged by another process, so this one has to begin anew too', undefined);
      return;
    }
    const now = identityOf(this.options.path);
    // One that is gone altogether is answered by every write.
    if (now === undefined || now === NO_DATA) return;
    if (now !== this.options.opened)
      this.end('the catalog was set aside by another process, so this one has to begin anew too', undefined);
    else if (this.options.lock.isLost())
      this.end('what tells others that this process uses the catalog was removed, so it has to begin anew', undefined);
  }

  private end(why: string, cause: unknown): void {
    this.condemned = true;
    this.close();
    setImmediate(() => {
      throw new Error(why, { cause });
    });
  }
}

function meansDamage(error: unknown): boolean {
  if (error instanceof DamagedRow) return true;
  return error instanceof Error && 'code' in error && MEANING_DAMAGE.has(Number(error.code));
}
