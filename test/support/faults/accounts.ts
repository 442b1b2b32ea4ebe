// Recounts a data directory that no server uses: every row, every reference, every file, whatever the catalog says of itself.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { namedBlobs } from '../../../src/kernel/source.js';
import { splitGroupKey } from '../../../src/stores/embedded/catalog-keys.js';
import { decodeRecord } from '../../../src/stores/embedded/catalog-ledger.js';
import {
  decodeBlob,
  decodeContext,
  decodeGroup,
  decodeSource,
  decodeTotals,
} from '../../../src/stores/embedded/catalog-rows.js';
import { type CatalogTables, TOTALS_KEY } from '../../../src/stores/embedded/catalog-tables.js';
import { openEmbeddedStore } from '../../../src/stores/embedded/embedded-store.js';
import { readRow, type Table } from '../../../src/stores/embedded/lmdb-environment.js';
import { openCatalogTables } from '../../../src/stores/embedded/open-catalog.js';
import { systemClock } from '../../../src/telemetry/clock.js';
import { FakeLogger } from '../fake-logger.js';
import { FakeMetrics } from '../fake-metrics.js';

export interface Accounts {
  readonly groups: number;
  readonly sources: number;
  /** Blob files, each of them whole. */
  readonly blobs: number;
}

/**
 * Recovers and sweeps the data directory as a server does in time, and expects afterwards that counts are those of the
 * rows, references those of the records, blob files those of the catalog, whole, and nothing else anywhere. `lost`: blobs whose
 * files the test took away itself, so that they may be missing.
 */
export async function expectAccounted(dataDir: string, lost: ReadonlySet<string> = new Set()): Promise<Accounts> {
  await sweepAll(dataDir);
  const tables = await openCatalogTables({
    path: join(dataDir, 'catalog'),
    durability: 'consistent',
    clock: systemClock,
    logger: new FakeLogger(),
  });
  try {
    const accounts = expectRowsAgree(tables);
    const files = await blobFiles(dataDir);
    const named = rowsOf(tables.blobs, (key, value) => `${key.toString('hex')} ${decodeBlob(value).bytes}`);
    const expected = named.filter((row) => files.includes(row) || !lost.has(row.slice(0, 64)));
    expect(files, 'blob files are those of the catalog').toEqual(expected.sort());
    expect(await readdir(join(dataDir, 'tmp')), 'no temp file').toEqual([]);
    const strangers = (await readdir(dataDir)).filter(
      (name) => !/^(?:blobs|catalog|derivatives|takedowns|in-use|reserve|tmp|leases-.*)$/.test(name),
    );
    expect(strangers, 'nothing else in the data directory').toEqual([]);
    expect(await drawnFiles(dataDir), 'no picture on demand, since nobody has asked for one').toEqual([]);
    return accounts;
  } finally {
    await tables.environment.close();
  }
}

/** A start and a stop, with every blob that no record names swept in between. */
async function sweepAll(dataDir: string): Promise<void> {
  const store = await openEmbeddedStore({
    dataDir,
    clock: { ...systemClock, agesCountFrom: () => systemClock.agesCountFrom() + 60_000 },
    logger: new FakeLogger(),
    metrics: new FakeMetrics(),
    orphanGraceMs: 1,
  });
  try {
    while ((await store.catalog.sweep(1_000)).length > 0);
    const dirs = (await readdir(join(dataDir, 'blobs'))).length;
    // A call looks at 256 directories of the second level, of which there are 256 in each of the first.
    for (let call = 0; call <= dirs + 1; call++) await store.sweepOrphans();
  } finally {
    await store.close();
  }
}

function expectRowsAgree(tables: CatalogTables): Accounts {
  const groups = rowsOf(tables.groups, (key, value) => ({ ...splitGroupKey(key), row: decodeGroup(value) }));
  const records = rowsOf(tables.records, (_key, value) => decodeRecord(value));
  const sources = new Map(rowsOf(tables.sources, (key, value) => [key.toString('hex'), decodeSource(value)] as const));
  const blobs = new Map(rowsOf(tables.blobs, (key, value) => [key.toString('hex'), decodeBlob(value)] as const));

  expect([...sources.keys()].sort(), 'every source has its record').toEqual(records.map(({ digest }) => digest).sort());
  for (const [digest, { groups: count }] of sources) {
    const pointing = groups.filter(({ row }) => row.sourceDigest === digest).length;
    expect([digest, count], 'a source counts its groups').toEqual([digest, pointing]);
  }
  expect(groups.filter(({ row }) => !sources.has(row.sourceDigest))).toEqual([]);

  const references = new Map<string, number>();
  for (const record of records)
    for (const { digest } of namedBlobs(record)) references.set(digest, (references.get(digest) ?? 0) + 1);
  expect(sorted([...blobs].map(([digest, { refs }]) => [digest, refs])), 'blobs count their records').toEqual(
    sorted([...references]),
  );

  const keys = new Set(groups.map(({ imageKey }) => imageKey.toString('hex')));
  const bytesOf = (kind: string) =>
    [...blobs.values()].filter((blob) => blob.kind === kind).reduce((sum, { bytes }) => sum + bytes, 0);
  expect(readRow(tables.facts, TOTALS_KEY, decodeTotals)).toMatchObject({
    groups: groups.length,
    keys: keys.size,
    sources: sources.size,
    previewBytes: bytesOf('preview'),
    sourceBytes: bytesOf('source'),
  });
  for (const [context, { groups: count }] of rowsOf(
    tables.contexts,
    (key, value) => [key, decodeContext(value)] as const,
  ))
    expect(count).toBe(groups.filter((group) => group.context.equals(context)).length);
  return { groups: groups.length, sources: sources.size, blobs: blobs.size };
}

function rowsOf<T>(table: Table, row: (key: Buffer, value: Buffer) => T): T[] {
  return [...table.getRange({ snapshot: true })].map(({ key, value }) => row(Buffer.from(key), Buffer.from(value)));
}

function sorted(pairs: readonly (readonly [string, number])[]): string[] {
  return pairs.map(([digest, count]) => `${digest} ${count}`).sort();
}

/** `<digest> <bytes>` of every file under blobs/; fails on one whose bytes are not those of its name. */
/** Those of pictures on demand; a directory that no server has opened has no place for them. */
async function drawnFiles(dataDir: string): Promise<string[]> {
  const hasPlace = (await readdir(dataDir)).includes('derivatives');
  return hasPlace ? blobFiles(join(dataDir, 'derivatives')) : [];
}

async function blobFiles(dataDir: string): Promise<string[]> {
  const root = join(dataDir, 'blobs');
  const found: string[] = [];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const bytes = await readFile(join(entry.parentPath, entry.name));
    expect(createHash('sha256').update(bytes).digest('hex'), 'a blob is what its name says').toBe(entry.name);
    found.push(`${entry.name} ${bytes.length}`);
  }
  return found.sort();
}
