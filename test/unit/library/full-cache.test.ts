// A full cache beside pinned originals, a thousandth of 10 GiB and of 1 GiB: the cache is evicted around them, counts none of their
// bytes, and makes their previews again.
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseFormat } from '../../../src/kernel/format.js';
import { type Context, type ImageKey, libraryContextOf } from '../../../src/kernel/image-key.js';
import type { AssetId } from '../../../src/kernel/library/ids.js';
import { LibraryService } from '../../../src/library/library-service.js';
import { type EmbeddedLibrary, openEmbeddedLibrary } from '../../../src/stores/embedded/library/open-library.js';
import { arrived, keepText, newImport, originalOf } from '../../support/library.js';
import { openPreviewBench, type PreviewBench } from '../../support/preview-bench.js';
import { groupRef } from '../../support/records.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const TENANT = 'tenant' as Context;
const KIB = 1_024;
const MAX_BYTES = 10 * 1_024 * KIB;
const [PINNED, PINNED_BYTES] = [16, 64 * KIB];
/** Twice what the cache holds. */
const [FLOOD, FLOOD_BYTES] = [320, 64 * KIB];

let dir: TempDir;
let bench: PreviewBench;
let library: EmbeddedLibrary;
beforeEach(async () => {
  dir = await tempDir();
  bench = await openPreviewBench({ dataDir: dir.path, formats: ['auto:200x150'], limits: { maxBytes: MAX_BYTES } });
  const { clock, logger, metrics, tmpDir } = bench;
  library = await openEmbeddedLibrary({ dataDir: dir.path, tmpDir, fsync: false, clock, logger, metrics });
  await mkdir(join(dir.path, 'test'));
});
afterEach(async () => {
  await library.close();
  await bench.close();
  await dir.remove();
});

const pinnedText = (n: number): string => `pinned ${n} `.padEnd(PINNED_BYTES, '.');

/** As the import worker does it: previews and kept source in the cache, the original beside it, one commit. */
async function pin(n: number): Promise<AssetId> {
  const upload = await bench.upload(pinnedText(n));
  const imageKey = upload.digest as string as ImageKey;
  await bench.service.cache({ context: libraryContextOf(TENANT), imageKey }, upload);
  const original = await keepText(library.originals, join(dir.path, 'test'), pinnedText(n));
  const wanted = newImport([`${n}`]);
  await library.assets.acceptImport(wanted);
  const [claim] = await library.jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 60_000 });
  const effects = { importId: wanted.id, index: 0, outcome: arrived(`${n}`, original) };
  expect(claim && (await library.jobs.finish(claim, effects))).toBe('finished');
  return (await library.assets.findItem(wanted.id, 0))?.assetId as AssetId;
}

async function bytesBelow(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const sizes = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => stat(join(parentPath, name)));
  return (await Promise.all(sizes)).reduce((sum, { size }) => sum + size, 0);
}

const cachedBytes = async (): Promise<number> => {
  const { previewBytes, sourceBytes } = await bench.catalog.usage();
  return previewBytes + sourceBytes;
};

test('a cache that is full is evicted around the originals of assets, and shows them all the same', async () => {
  const ids: AssetId[] = [];
  for (let n = 0; n < PINNED; n++) ids.push(await pin(n));
  for (let n = 0; n < FLOOD; n++) {
    bench.clock.advance(1_000);
    await bench.service.cache(groupRef(`${n}`), await bench.upload(`flood ${n} `.padEnd(FLOOD_BYTES, '.')));
    if (n % 40 === 39) await bench.upkeep.round();
  }
  await bench.upkeep.round();
  // Full, and no fuller than it may be: what is pinned is no part of it.
  expect(await cachedBytes()).toBeLessThanOrEqual(MAX_BYTES);
  expect(await cachedBytes()).toBeGreaterThan(MAX_BYTES / 2);
  expect(await bytesBelow(join(dir.path, 'blobs'))).toBeLessThanOrEqual(MAX_BYTES);
  expect(await bytesBelow(join(dir.path, 'library', 'originals'))).toBe(PINNED * PINNED_BYTES);
  expect(await library.assets.usage()).toMatchObject({ originals: PINNED, bytes: PINNED * PINNED_BYTES });
  // Then somebody clears all of it, and the cache lets go of its own names for them.
  expect(await bench.catalog.remove({})).toBeGreaterThan(PINNED);
  await bench.upkeep.round();
  for (let n = 0; n < PINNED; n++) expect(await bench.blobs.has(originalOf(pinnedText(n)).digest)).toBe(false);

  const limits = { maxItems: 1, maxOpenImports: 1 };
  const service = new LibraryService({ ...library, ...limits, previews: bench.service, tmpDir: bench.tmpDir });
  for (const [n, id] of ids.entries()) {
    const opened = await service.openOriginal(TENANT, id);
    const pieces: Uint8Array[] = [];
    for await (const piece of opened?.bytes ?? []) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toBe(pinnedText(n));
    const choice = await service.choosePreview(TENANT, id, parseFormat('auto:200x150'));
    expect(choice && (await service.readPreview(choice)).bytes.length).toBeGreaterThan(0);
  }
  await bench.upkeep.round();
  expect(await cachedBytes()).toBeLessThanOrEqual(MAX_BYTES);
  for (const id of ids) {
    const version = await service.findVersion(TENANT, id);
    expect(version && (await library.originals.isWhole(version))).toBe(true);
  }
});
