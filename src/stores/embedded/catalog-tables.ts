// The tables of the catalog, and opening them: a newer schema is refused, a damaged catalog is set aside.
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Logger } from '../../kernel/ports/logger.js';
import { checkRows } from './catalog-check.js';
import { damageMark } from './catalog-damage.js';
import { decodeCount, decodeTotals, encodeCount, encodeTotals, type Totals } from './catalog-rows.js';
import { type Durability, LmdbEnvironment, readRow, type Table } from './lmdb-environment.js';
import { checkLength, identityOf } from './lmdb-file.js';
import { OpeningMark } from './opening-marks.js';
import { salvage } from './salvage.js';
import { DamagedStore, DataDirError, errnoOf, isDamage } from './storage-errors.js';

/** Raise it when keys or rows change their meaning, and say in `openCatalogTables` what happens to the older ones. */
const SCHEMA_VERSION = 3;

const SCHEMA_KEY = Buffer.from('schema');
export const TOTALS_KEY = Buffer.from('totals');

export interface CatalogTables {
  readonly environment: LmdbEnvironment;
  /** `schema` -> version; `totals` -> Totals. */
  readonly facts: Table;
  /** context + image key -> GroupRow. */
  readonly groups: Table;
  /** image key + 0 + context -> nothing. */
  readonly byKey: Table;
  /** context -> ContextRow. */
  readonly contexts: Table;
  /** context -> its name, as long as it has groups: keys hold only a hash of it. */
  readonly contextNames: Table;
  /** digest -> SourceRow. */
  readonly sources: Table;
  /** digest -> the SourceRecord as JSON. */
  readonly records: Table;
  /** digest -> BlobRow. */
  readonly blobs: Table;
  /** digest -> nothing: blobs that no record names. */
  readonly garbage: Table;
  /** digest -> nothing: sources that are not complete. */
  readonly unfinished: Table;
  /** time + context + image key -> nothing. */
  readonly usedGroups: Table;
  /** time + digest -> nothing: complete sources whose own blob is kept. */
  readonly usedSources: Table;
  /** context + time + image key -> nothing: `usedGroups` of each context by itself. */
  readonly usedOf: Table;
  /** context + digest -> HoldingRow: the sources that groups of a context point to. */
  readonly holdings: Table;
  /** digest + context -> nothing: `holdings` the other way round. */
  readonly holders: Table;
  /** context + time + digest -> nothing: complete sources whose own blob is kept, since when a context holds them. */
  readonly keptOf: Table;
  /** what is counted + number + context -> nothing: the heaviest context stands last. */
  readonly weights: Table;
}

export interface CatalogOptions {
  /** The catalog's directory; made when it is not there. */
  readonly path: string;
  readonly durability: Durability;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Opens the catalog. One whose own bytes show damage, or that was found damaged by a process that used it, is renamed to
 * `<path>.broken-<Unix ms>` and another is begun with what can be read of it: it is a cache, and blobs are found again by
 * their digests. Throws `DataDirError` for a catalog of a newer version and for whatever else
 * keeps it from being opened; nothing is read of one of an older version.
 */
export async function openCatalogTables(options: CatalogOptions): Promise<CatalogTables> {
  const before = identityOf(options.path);
  const mark = new OpeningMark(options.path);
  try {
    if (await mark.isFatal())
      throw new DamagedStore('expected a catalog that can be opened, got one that ended three processes');
    if (existsSync(damageMark(options.path)))
      throw new DamagedStore('expected a catalog that is whole, got one that was found damaged');
    mark.set();
    const tables = await tryOpen(options);
    mark.clear();
    return tables;
  } catch (error) {
    mark.withdraw();
    if (error instanceof DataDirError || isOfTheDirectory(error)) throw error;
    // What is not known to be damage may pass, and others may be using the catalog just now.
    if (!isDamage(error)) throw cannotOpen(error);
    // Several processes may find the same damage: only who still sees what it failed on sets it aside.
    if (before !== undefined && identityOf(options.path) === before) {
      const aside = `${options.path}.broken-${options.clock.now()}`;
      renameSync(options.path, aside);
      rmSync(damageMark(options.path), { force: true });
      mark.clear();
      const tables = await tryOpen(options);
      const saved = await salvage(aside, tables);
      const what =
        'the catalog could not be opened as it is: it was set aside, and another begun with what can be read of it';
      options.logger.error({ error, aside, groups: saved }, what);
      return tables;
    }
    mark.clear();
    return tryOpen(options);
  }
}

async function tryOpen({ path, durability, clock }: CatalogOptions): Promise<CatalogTables> {
  checkLength(join(path, 'data.mdb'));
  const environment = LmdbEnvironment.open(path, durability);
  try {
    const tables = tablesOf(environment);
    await environment.write(() => checkSchema(tables.facts, clock));
    environment.refresh();
    // The first read takes a place among the readers: that there is none says nothing about the catalog.
    readRow(tables.facts, SCHEMA_KEY, decodeCount);
    lookThrough(tables);
    return tables;
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

/** The tables of an environment, made where they are not there. */
export function tablesOf(environment: LmdbEnvironment): CatalogTables {
  const table = (name: string): Table => environment.table(name);
  return {
    environment,
    facts: table('facts'),
    groups: table('groups'),
    byKey: table('by-key'),
    contexts: table('contexts'),
    contextNames: table('context-names'),
    sources: table('sources'),
    records: table('records'),
    blobs: table('blobs'),
    garbage: table('garbage'),
    unfinished: table('unfinished'),
    usedGroups: table('used-groups'),
    usedSources: table('used-sources'),
    usedOf: table('used-of-context'),
    holdings: table('holdings'),
    holders: table('holders'),
    keptOf: table('kept-of-context'),
    weights: table('context-weights'),
  };
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
  } else if (version !== SCHEMA_VERSION || readRow(facts, TOTALS_KEY, decodeTotals) === undefined) {
    throw new DamagedStore(`expected a catalog of schema ${SCHEMA_VERSION} with totals, got schema ${version}`);
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
