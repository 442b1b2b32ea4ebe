// Opening the catalog: a newer schema is refused, a damaged catalog is set aside once nobody uses it.
import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Logger } from '../../kernel/ports/logger.js';
import { checkRows } from './catalog-check.js';
import { damageMark } from './catalog-damage.js';
import { decodeCount, decodeTotals, encodeCount, encodeTotals, type Totals } from './catalog-rows.js';
import { type CatalogTables, TOTALS_KEY, tablesOf } from './catalog-tables.js';
import { foreignHolders, GroupLock, HeldByOthers, type Holder, lockDir } from './group-lock.js';
import { type Durability, LmdbEnvironment, readRow, type Table } from './lmdb-environment.js';
import { checkLength, identityOf, NO_DATA } from './lmdb-file.js';
import { OpeningMark } from './opening-marks.js';
import { processGroup } from './process-identity.js';
import { salvage } from './salvage.js';
import { DamagedStore, DataDirError, errnoOf, isDamage } from './storage-errors.js';

/** Raise it when keys or rows change their meaning, and say in `openCatalogTables` what happens to the older ones. */
const SCHEMA_VERSION = 3;

const SCHEMA_KEY = Buffer.from('schema');

export interface OpenCatalog extends CatalogTables {
  /** Of the file that was opened (see lmdb-file.ts), whatever lies at its path by now. */
  readonly identity: string | undefined;
}

/** Others have this long to let go of a catalog that is to be set aside: who is told of damage ends within a second. */
const UNUSED_MS = 10_000;
/** Another one that sets it aside has this long: it may save what can be read (see salvage.ts). */
const ASIDE_MS = 60_000;
const POLL_MS = 100;
/** Those who wait longer are told of. */
const TOLD_AFTER_MS = 1_000;

export interface CatalogOptions {
  /** The catalog's directory; made when it is not there. */
  readonly path: string;
  readonly durability: Durability;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Held by this process as long as it has the catalog open; default: one that is held while it is opened. */
  readonly lock?: GroupLock;
  /** False: a damaged catalog is refused like any other that cannot be opened, and stays where it is. Default true. */
  readonly setsAside?: boolean;
}

/** Says nothing about the bytes: a server of the version that wrote it may be using it just now. */
class OlderSchema extends DamagedStore {}
/** Whoever has it open contradicts. */
class FatalToOpen extends DamagedStore {}

/**
 * Opens the catalog. One whose own bytes show damage, or that was found damaged by a process that used it, is renamed to
 * `<path>.broken-<Unix ms>` and another is begun with what can be read of it: it is a cache, and blobs are found again by
 * their digests. Not while another process has it open: that has 10 s to end. Throws `DataDirError` for a catalog of a newer version
 * and for whatever else keeps it from being opened; nothing is read of one of an older version.
 */
export async function openCatalogTables(options: CatalogOptions): Promise<OpenCatalog> {
  if (options.lock) return openMarked(options, options.lock);
  const lock = await GroupLock.take(lockDir(dirname(options.path)), processGroup());
  try {
    return await openMarked(options, lock);
  } finally {
    lock.release();
  }
}

/**
 * Who has its mark set is not waited for by those who set a catalog aside, so it looks once it has cleared it: they show themselves
 * before they look for users, so either it sees them or they see it. What it opened then may be on its way out, and is let go of. The mark that is left set
 * then is that of the next try, or is withdrawn.
 */
async function openMarked(options: CatalogOptions, lock: GroupLock): Promise<OpenCatalog> {
  for (const endsAt = performance.now() + ASIDE_MS; ; ) {
    const catalog = await openOnce(options, lock);
    if (catalog !== undefined) return catalog;
    if (performance.now() < endsAt) continue;
    new OpeningMark(options.path, lock).withdraw();
    throw cannotOpen(new Error('expected a catalog that stays, got one that was replaced again and again'));
  }
}

/** `undefined` where the catalog that was opened is another's to set aside, or was set aside meanwhile: it is closed again. */
async function openOnce(options: CatalogOptions, lock: GroupLock): Promise<OpenCatalog | undefined> {
  const before = identityOf(options.path);
  const mark = new OpeningMark(options.path, lock);
  mark.set();
  try {
    if (await mark.isFatal())
      throw new FatalToOpen('expected a catalog that can be opened, got one that ended three processes');
    if (existsSync(damageMark(options.path)))
      throw new DamagedStore('expected a catalog that is whole, got one that was found damaged');
    const catalog = await tryOpen(options);
    try {
      await mark.clear();
      // In this order: who sets it aside shows itself until it is done.
      const isAsideNow = (await asideBy(options.path)).length > 0;
      const isBegun = before === undefined || before === NO_DATA;
      if (!isAsideNow && identityOf(options.path) === (isBegun ? catalog.identity : before)) return catalog;
      mark.set();
    } catch (error) {
      await catalog.environment.close();
      throw error;
    }
    await catalog.environment.close();
    await untilAside(options.path);
    return undefined;
  } catch (error) {
    try {
      if (error instanceof DataDirError || isOfTheDirectory(error)) throw error;
      // What is not known to be damage may pass, and others may be using the catalog just now.
      if (!isDamage(error) || options.setsAside === false) throw cannotOpen(error);
      return await beginAnew(options, mark, before, error);
    } finally {
      mark.withdraw();
    }
  }
}

/** Sets aside the catalog that failed by `failure`, unless another process has done so: only who still sees what it failed on does. */
async function beginAnew(
  options: CatalogOptions,
  mark: OpeningMark,
  before: string | undefined,
  failure: unknown,
): Promise<OpenCatalog> {
  const { path, clock, logger } = options;
  const alone = await takeAlone(asideLock(path));
  try {
    if (before === undefined || identityOf(path) !== before) {
      await mark.clear();
      return await tryOpen(options);
    }
    // Its bytes show the damage, so everybody who has it open ends within a second.
    if (!(failure instanceof OlderSchema || failure instanceof FatalToOpen)) writeFileSync(damageMark(path), '');
    await untilUnused(mark, failure, logger);
    const aside = `${path}.broken-${clock.now()}`;
    renameSync(path, aside);
    rmSync(damageMark(path), { force: true });
    await mark.clear();
    const tables = await tryOpen(options);
    // Keys and rows of an older version mean something else.
    const saved = failure instanceof OlderSchema ? 0 : await salvage(aside, tables);
    const what =
      'the catalog could not be opened as it is: it was set aside, and another begun with what can be read of it';
    logger.error({ error: failure, aside, groups: saved }, what);
    return tables;
  } finally {
    alone.release();
  }
}

/** The lock in `dir`, which one process holds at a time. */
async function takeAlone(dir: string): Promise<GroupLock> {
  for (const endsAt = performance.now() + ASIDE_MS; ; await sleep(POLL_MS)) {
    try {
      return await GroupLock.take(dir, randomBytes(6).toString('hex'));
    } catch (error) {
      if (!(error instanceof HeldByOthers)) throw error;
      if (performance.now() > endsAt) throw cannotOpen(error);
    }
  }
}

function asideLock(path: string): string {
  return `${path}.setting-aside`;
}

/** Who is setting the catalog at `path` aside. */
function asideBy(path: string): Promise<readonly Holder[]> {
  return foreignHolders(asideLock(path), '');
}

async function untilAside(path: string): Promise<void> {
  for (const endsAt = performance.now() + ASIDE_MS; ; await sleep(POLL_MS)) {
    const holders = await asideBy(path);
    if (holders.length === 0) return;
    if (performance.now() > endsAt) throw cannotOpen(new HeldByOthers(holders));
  }
}

async function untilUnused(mark: OpeningMark, failure: unknown, logger: Logger): Promise<void> {
  const since = performance.now();
  for (let told = false; ; await sleep(POLL_MS)) {
    const processes = await mark.users();
    if (processes.length === 0) return;
    const waitedMs = performance.now() - since;
    if (waitedMs > UNUSED_MS)
      throw cannotOpen(
        new Error(
          `${failure instanceof Error ? failure.message : String(failure)}; but other processes have it open (${processes.join(', ')}): ` +
            'stop them, and start again',
          { cause: failure },
        ),
      );
    if (told || waitedMs < TOLD_AFTER_MS) continue;
    told = true;
    logger.warn({ error: failure, processes }, 'waiting for processes that use the catalog, which is to be set aside');
  }
}

async function tryOpen({ path, durability, clock }: CatalogOptions): Promise<OpenCatalog> {
  checkLength(join(path, 'data.mdb'));
  const environment = LmdbEnvironment.open(path, durability);
  const identity = identityOf(path);
  try {
    const tables = environment.atOnce(() => tablesOf(environment));
    await environment.write(() => checkSchema(tables.facts, clock));
    environment.refresh();
    // The first read takes a place among the readers: that there is none says nothing about the catalog.
    readRow(tables.facts, SCHEMA_KEY, decodeCount);
    lookThrough(tables);
    return { ...tables, identity };
  } catch (error) {
    await environment.close();
    throw error;
  }
}

/** From here on the catalog can be read: what cannot be made sense of is its bytes' fault, unless the machine's. */
function lookThrough(tables: CatalogTables): void {
  try {
    checkRows(tables);
  } catch (error) {
    if (isOfTheDirectory(error)) throw error;
    throw new DamagedStore(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function cannotOpen(error: unknown): DataDirError {
  const reason = error instanceof Error ? error.message : String(error);
  return new DataDirError(`the catalog could not be opened, and was left as it is: ${reason}`, { cause: error });
}

function checkSchema(facts: Table, clock: Clock): void {
  const version = readRow(facts, SCHEMA_KEY, decodeCount);
  if (version === undefined) {
    facts.putSync(SCHEMA_KEY, encodeCount(SCHEMA_VERSION));
    facts.putSync(TOTALS_KEY, encodeTotals(firstTotals(clock)));
  } else if (version > SCHEMA_VERSION) {
    throw new DataDirError(
      `expected a catalog of schema ${SCHEMA_VERSION} in the data directory, got ${version}: it was written by a newer ` +
        'version. Start that version, or name another data directory, or remove the catalog to begin with an empty cache',
    );
  } else if (version < SCHEMA_VERSION) {
    throw new OlderSchema(`expected a catalog of schema ${SCHEMA_VERSION}, got ${version}`);
  } else if (readRow(facts, TOTALS_KEY, decodeTotals) === undefined) {
    throw new DamagedStore('expected totals in the catalog, got none');
  }
}

/** Revisions go on from the time, so that those of a catalog that was set aside do not come again. */
function firstTotals(clock: Clock): Totals {
  return {
    generation: Math.floor(clock.now()) * 1000,
    groups: 0,
    keys: 0,
    sources: 0,
    previewBytes: 0,
    sourceBytes: 0,
  };
}

/** The directory cannot be written or read, or there is no room: the catalog in it is not to blame. */
function isOfTheDirectory(error: unknown): boolean {
  const text = error instanceof Error ? `${errnoOf(error) ?? ''} ${error.message}` : '';
  return /EACCES|EPERM|EROFS|ENOSPC|EDQUOT|EMFILE|ENFILE|ENOMEM|permission denied|read-only|no space|too many open|cannot allocate/i.test(
    text,
  );
}
