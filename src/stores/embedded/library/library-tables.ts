// The tables of the library and its queue, in one environment of their own: nothing in it can be made again, so what cannot be
// read is never set aside, as the catalog is. Records and queue together, so that work ends and shows its effects in one commit.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Durability, LmdbEnvironment, readRow, type Table } from '../lmdb-environment.js';
import { checkLength } from '../lmdb-file.js';
import { DataDirError, errnoOf } from '../storage-errors.js';
import { decodeNumber, encodeNumber } from './library-rows.js';

/** Raise it when keys or rows change their meaning, and say here what happens to the older ones. */
const SCHEMA_VERSION = 1;
const SCHEMA_KEY = Buffer.from('schema');

export interface LibraryTables {
  readonly environment: LmdbEnvironment;
  /** `schema`, `serial` (the last of a number given out), counts of jobs -> a number. */
  readonly facts: Table;
  /** context, or ALL_CONTEXTS -> UsageRow. */
  readonly usage: Table;
  /** asset -> Asset. */
  readonly assets: Table;
  /** context + living or in the trash + number -> asset. */
  readonly assetsOf: Table;
  /** asset + number -> AssetVersion. */
  readonly versions: Table;
  /** context + hash of the reference -> asset; of living ones alone. */
  readonly references: Table;
  /** time + asset -> nothing: the trash, what waits longest first. */
  readonly trash: Table;
  /** digest -> OriginalRow. */
  readonly originals: Table;
  /** time + digest -> nothing: originals that no version names, since when. */
  readonly unneeded: Table;
  /** context + digest -> how many versions of the context name the original. */
  readonly held: Table;
  /** time + context + digest -> LetGoRow: what was made of it for the context is to go. */
  readonly letGo: Table;
  /** import -> ImportRow. */
  readonly imports: Table;
  /** context, or ALL_CONTEXTS, + serial -> import. */
  readonly importsOf: Table;
  /** import + index -> ImportItem; while the import has not ended, or where it is long. */
  readonly items: Table;
  /** import -> its items, once it has ended (see item-rows.ts). */
  readonly endedItems: Table;
  /** time + import -> nothing: what has ended, since when. */
  readonly ended: Table;
  /** context + hash of the key -> import. */
  readonly importKeys: Table;
  /** context + minute -> images reserved in it. */
  readonly reservations: Table;
  /** session -> SessionRow. */
  readonly sessions: Table;
  /** context + session -> nothing. */
  readonly sessionsOf: Table;
  /** time + session -> nothing: since when, of those nobody has looked whether they came to anything. */
  readonly newSessions: Table;
  /** session + number of the asset -> asset. */
  readonly assetsOfSession: Table;
  /** time + name of a slot -> nothing: those that are not committed, since when. */
  readonly openSlots: Table;
  /** hash of the token -> DownloadGrant. */
  readonly grants: Table;
  /** time + hash of the token -> nothing: from when it opens nothing. */
  readonly grantsByTime: Table;
  /** kind + id -> JobRow. */
  readonly jobs: Table;
  /** kind + context + time + id -> nothing: what can be claimed. */
  readonly due: Table;
  /** kind + time + id -> nothing: what is due later. */
  readonly delayed: Table;
  /** kind + turn + context -> nothing: contexts with something due, whose turn is next standing first. */
  readonly turns: Table;
  /** kind + context -> its turn. */
  readonly turnOf: Table;
  /** end of the lease (machine time) + kind + id -> nothing. */
  readonly claimed: Table;
  /** kind + hash of the key -> when it was used. */
  readonly jobKeys: Table;
  /** time + kind + hash of the key -> nothing. */
  readonly jobKeysByTime: Table;
  /** context + hash of the receiver -> ReceiverRow. */
  readonly receivers: Table;
  /** context + time + hash of the receiver -> nothing: noted last, standing last. */
  readonly receiversOf: Table;
  /** context + hash of the receiver + number -> LoggedDelivery. */
  readonly deliveries: Table;
  /** context + hash of the receiver -> nothing: those that something is held against. */
  readonly failing: Table;
  /** context -> EndpointBook. */
  readonly endpoints: Table;
  /** context + folder -> Folder. */
  readonly folders: Table;
  /** context + folder + number -> FolderBatch. */
  readonly folderBatches: Table;
}

/** Opens or makes the library in the directory `path`. Throws `DataDirError` when it cannot be used; it is left as it is. */
export async function openLibraryTables(path: string, durability: Durability): Promise<LibraryTables> {
  let environment: LmdbEnvironment | undefined;
  try {
    const file = join(path, 'data.mdb');
    if (existsSync(file)) checkLength(file);
    environment = LmdbEnvironment.open(path, durability);
    const opened = environment;
    const tables = opened.atOnce(() => tablesOf(opened));
    await environment.write(() => checkSchema(tables.facts));
    return tables;
  } catch (error) {
    await environment?.close();
    if (error instanceof DataDirError || errnoOf(error) !== undefined) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataDirError(
      `the library could not be opened, and was left as it is: ${reason}. Restore it from a backup (proofsheet restore); it holds what cannot be made again`,
      { cause: error },
    );
  }
}

function tablesOf(environment: LmdbEnvironment): LibraryTables {
  const table = (name: string): Table => environment.table(name);
  return {
    environment,
    facts: table('facts'),
    usage: table('usage'),
    assets: table('assets'),
    assetsOf: table('assets-of-context'),
    versions: table('versions'),
    references: table('references'),
    trash: table('trash'),
    originals: table('originals'),
    unneeded: table('unneeded-originals'),
    held: table('originals-of-context'),
    letGo: table('let-go-by-context'),
    imports: table('imports'),
    importsOf: table('imports-of-context'),
    items: table('import-items'),
    endedItems: table('ended-import-items'),
    ended: table('ended-imports'),
    importKeys: table('import-keys'),
    reservations: table('reservations'),
    sessions: table('upload-sessions'),
    sessionsOf: table('upload-sessions-of-context'),
    newSessions: table('new-upload-sessions'),
    assetsOfSession: table('assets-of-session'),
    openSlots: table('open-slots'),
    grants: table('grants'),
    grantsByTime: table('grants-by-time'),
    jobs: table('jobs'),
    due: table('due-jobs'),
    delayed: table('delayed-jobs'),
    turns: table('turns'),
    turnOf: table('turn-of-context'),
    claimed: table('claimed-jobs'),
    jobKeys: table('job-keys'),
    jobKeysByTime: table('job-keys-by-time'),
    receivers: table('receivers'),
    receiversOf: table('receivers-of-context'),
    deliveries: table('deliveries'),
    failing: table('failing-receivers'),
    endpoints: table('endpoints'),
    folders: table('folders'),
    folderBatches: table('folder-batches'),
  };
}

function checkSchema(facts: Table): void {
  const version = readRow(facts, SCHEMA_KEY, decodeNumber);
  if (version === undefined) facts.putSync(SCHEMA_KEY, encodeNumber(SCHEMA_VERSION));
  else if (version !== SCHEMA_VERSION)
    throw new DataDirError(
      `expected a library of schema ${SCHEMA_VERSION} in the data directory, got ${version}: start the version that wrote it, or name another data directory`,
    );
}
