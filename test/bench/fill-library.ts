// Fills a data directory with a library of any size without fetching anything: through the product's own bookkeeping, many items a
// transaction, so that every row and every count is what imports would have left. Originals have no files: nothing here reads them.
import { join } from 'node:path';
import { digestOf } from '../../src/kernel/digest.js';
import type { Context } from '../../src/kernel/image-key.js';
import { type ImportId, newAssetId, newImportId, type TenantId } from '../../src/kernel/library/ids.js';
import { itemWorkId, type WantedItem } from '../../src/kernel/library/import-job.js';
import type { ItemOutcome } from '../../src/kernel/ports/assets.js';
import { type Ledgers, LibraryChanges } from '../../src/stores/embedded/library/library-changes.js';
import { openLibraryTables } from '../../src/stores/embedded/library/library-tables.js';
import { makeDirs } from '../../src/stores/embedded/make-dirs.js';
import { systemClock } from '../../src/telemetry/clock.js';

/** Items of an import: as many as the largest has by default. */
export const ITEMS = 1_000;
const KIND = 'import-item';
export const SYSTEM = 'archive';

export interface LibraryFilling {
  readonly dataDir: string;
  /** A multiple of `ITEMS`. */
  readonly assets: number;
  readonly context: Context;
  /** Of every import, e.g. `livingdocs`. */
  readonly dialect: string;
}

/** What the outside calls the asset of that number, from 0. */
export function externalIdOf(number: number): string {
  return `urn:newsml:agency.example:2026:${number}`;
}

/** Resolves with the imports, the first one first. */
export async function fillLibrary({ dataDir, assets, context, dialect }: LibraryFilling): Promise<readonly ImportId[]> {
  const records = join(dataDir, 'library', 'records');
  makeDirs(records);
  makeDirs(join(dataDir, 'library', 'originals'));
  const tables = await openLibraryTables(records, 'consistent');
  try {
    const changes = new LibraryChanges(tables, systemClock, () => true);
    const ids: ImportId[] = [];
    for (let from = 0; from < assets; from += ITEMS) {
      const id = newImportId();
      await changes.write((ledgers) => importAll(ledgers, id, from, { context, dialect }));
      ids.push(id);
    }
    return ids;
  } finally {
    await tables.environment.close();
  }
}

/** An import that is accepted, done and ended in one transaction. */
function importAll(
  { imports, jobs }: Ledgers,
  importId: ImportId,
  from: number,
  { context, dialect }: Pick<LibraryFilling, 'context' | 'dialect'>,
): void {
  const items = Array.from({ length: ITEMS }, (_, at) => wantedItem(from + at));
  const tenantId = context as string as TenantId;
  const wanted = { id: importId, context, tenantId, dialect, system: SYSTEM, items, quota: {}, maxOpen: 2 };
  const { outcome } = imports.accept(wanted);
  if (outcome !== 'accepted') throw new Error(`expected the import to be accepted, got ${outcome}`);
  for (const [index, item] of items.entries()) {
    const id = itemWorkId(importId, index);
    const row = jobs.row(KIND, id);
    if (row === undefined) throw new Error('expected an item in the queue, got none');
    jobs.lift(KIND, id, row);
    jobs.drop(KIND, id);
    imports.settleItem({ importId, index, outcome: arrived(item, from + index) });
  }
}

function wantedItem(number: number): WantedItem {
  return {
    url: `https://pictures.agency.example/2026/11/${number}/original.jpg?token=0123456789abcdef`,
    reference: { system: SYSTEM, externalId: externalIdOf(number) },
    title: `The headline of picture ${number}, as editors write it`,
    metadata: { caption: `What is to be seen in picture ${number}, and who took it`, source: 'An Agency' },
  };
}

function arrived(item: WantedItem, number: number): ItemOutcome {
  const digest = digestOf(Buffer.from(`original ${number}`));
  return {
    kind: 'arrived',
    newId: newAssetId(),
    arrival: {
      original: {
        digest,
        md5: digest.slice(0, 32),
        bytes: 200_000,
        type: 'jpeg',
        widthPx: 1600,
        heightPx: 1200,
      },
      title: item.title,
      fileName: 'original.jpg',
      mediaType: 'image',
      metadata: item.metadata ?? {},
      createdVia: 'import',
      ...(item.reference && { reference: item.reference }),
      validators: { etag: `"${digest.slice(0, 16)}"`, finalUrl: item.url },
    },
  };
}
