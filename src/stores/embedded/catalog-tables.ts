// What tables the catalog has, and what their keys and rows are. Opening them is open-catalog.ts's.
import type { LmdbEnvironment, Table } from './lmdb-environment.js';

/** In `facts`. */
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
