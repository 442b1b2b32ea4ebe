// Looks through a catalog that is being opened: pages that a disk has damaged are found here, where the catalog can still
// be set aside, and not by requests for as long as the server lives.
import { decodeRecord } from './catalog-ledger.js';
import { decodeBlob, decodeContext, decodeGroup, decodeSource, decodeTotals } from './catalog-rows.js';
import { type CatalogTables, TOTALS_KEY } from './catalog-tables.js';
import { readRow, type Table } from './lmdb-environment.js';

/** A start is not held up for longer: about 100,000 rows. Of a larger catalog the first rows of every table are seen. */
const CHECK_MS = 500;
/** Rows between two looks at the time. */
const STRIDE = 256;

/** Throws when rows cannot be read or decoded, or are not as many as the totals say. */
export function checkRows(tables: CatalogTables): void {
  const decoders: readonly (readonly [Table, (bytes: Buffer) => unknown])[] = [
    [tables.groups, decodeGroup],
    [tables.sources, decodeSource],
    [tables.records, decodeRecord],
    [tables.blobs, decodeBlob],
    [tables.contexts, decodeContext],
    ...[tables.byKey, tables.garbage, tables.unfinished, tables.usedGroups, tables.usedSources].map(onlyKeys),
    ...[tables.usedOf, tables.holdings, tables.holders, tables.keptOf, tables.weights].map(onlyKeys),
  ];
  const totals = readRow(tables.facts, TOTALS_KEY, decodeTotals);
  for (const [table, decode] of decoders) {
    const rows = countRows(table, decode, CHECK_MS / decoders.length);
    const expected = table === tables.groups || table === tables.byKey ? totals?.groups : undefined;
    if (rows !== undefined && expected !== undefined && rows !== expected)
      throw new Error(`expected ${expected} groups in the catalog, got ${rows}`);
  }
}

function onlyKeys(table: Table): readonly [Table, () => undefined] {
  return [table, () => undefined];
}

/** The number of rows, each of them decoded; `undefined` when the time was over before the end. */
function countRows(table: Table, decode: (bytes: Buffer) => unknown, limitMs: number): number | undefined {
  const endsAt = performance.now() + limitMs;
  let rows = 0;
  for (const { value } of table.getRange({})) {
    decode(value);
    if (++rows % STRIDE === 0 && performance.now() > endsAt) return undefined;
  }
  return rows;
}
