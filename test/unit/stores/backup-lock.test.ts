// Backups into one directory at the same time, as a cron that overlaps makes them: the first is whole, the second says so and changes
// nothing, and nobody reads a backup while it is written. What a process left that was killed keeps nobody away.
import { mkdir, readdir, rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Context } from '../../../src/kernel/image-key.js';
import { backUp, restore, verify } from '../../../src/stores/embedded/library/backup.js';
import { arrived, keepText, newImport, openTestLibrary, type TestLibrary } from '../../support/library.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

/** So many that copying them takes longer than looking at a lock. */
const ORIGINALS = 20;

let library: TestLibrary;
let dir: TempDir;
let to: string;
beforeEach(async () => {
  [library, dir] = [await openTestLibrary(), await tempDir()];
  to = join(dir.path, 'backup');
  await put(Array.from({ length: ORIGINALS }, (_, index) => `picture ${index}`));
});
afterEach(async () => {
  await library.dispose();
  await dir.remove();
});

async function put(names: readonly string[], context = 'tenant' as Context): Promise<void> {
  const { id } = newImport(names);
  await library.assets.acceptImport(newImport(names, { id, context }));
  for (const claim of await library.jobs.claim({ kind: 'import-item', limit: 100, leaseMs: 60_000 })) {
    const index = Number(claim.id.split('.')[1]);
    const name = names[index] ?? '';
    const outcome = arrived(name, await keepText(library.originals, library.dataDir, name));
    await library.jobs.finish(claim, { importId: id, index, outcome });
  }
}

/** A progress that begins `work` at the first original that is copied, and where it is found again. */
function meanwhile<T>(work: () => Promise<T>): { readonly progress: () => void; readonly begun: () => Promise<T> } {
  let begun: Promise<T> | undefined;
  const progress = () => {
    begun ??= work();
    begun.catch(() => undefined);
  };
  return { progress, begun: () => begun ?? Promise.reject(new Error('expected originals to copy, got none')) };
}

test('of two backups into a fresh directory at the same time one is whole, and one says that another is being written', async () => {
  const second = meanwhile(() => backUp(library.dataDir, to));
  expect(await backUp(library.dataDir, to, second.progress)).toMatchObject({ originals: ORIGINALS, damaged: [] });
  await expect(second.begun()).rejects.toThrow(`another process is writing a backup to ${to}`);
  expect((await readdir(to)).toSorted()).toEqual(['originals', 'records', 'tombstones.jsonl']);
  expect(await verify(to)).toEqual({ originals: ORIGINALS, damaged: [] });
});

test('onto a backup that is whole the first goes on, whatever begins meanwhile', async () => {
  await backUp(library.dataDir, to);
  await put(Array.from({ length: ORIGINALS }, (_, index) => `later ${index}`));
  const second = meanwhile(() => backUp(library.dataDir, to));
  expect(await backUp(library.dataDir, to, second.progress)).toMatchObject({ copied: ORIGINALS, damaged: [] });
  await expect(second.begun()).rejects.toMatchObject({ name: 'BackupBusy' });
  expect(await verify(to)).toEqual({ originals: 2 * ORIGINALS, damaged: [] });
  // One after the other, nobody is in the way.
  expect(await backUp(library.dataDir, to)).toMatchObject({ copied: 0 });
});

test('a backup that is being written is neither verified nor restored, and one that is read is not written', async () => {
  await backUp(library.dataDir, to);
  await put(Array.from({ length: ORIGINALS }, (_, index) => `later ${index}`));
  const fresh = join(dir.path, 'fresh');
  const readers = meanwhile(() => Promise.allSettled([verify(to), restore(to, fresh)]));
  await backUp(library.dataDir, to, readers.progress);
  for (const reader of await readers.begun())
    expect(reader).toMatchObject({ status: 'rejected', reason: { name: 'BackupBusy' } });
  expect(await readdir(dir.path)).not.toContain('fresh');
  // Readers are in nobody's way but a writer's.
  const others = meanwhile(() => Promise.allSettled([verify(to), backUp(library.dataDir, to)]));
  expect(await restore(to, fresh, others.progress)).toMatchObject({ originals: 2 * ORIGINALS, damaged: [] });
  const [verified, backedUp] = await others.begun();
  expect(verified).toMatchObject({ status: 'fulfilled', value: { damaged: [] } });
  expect(backedUp).toMatchObject({ status: 'rejected', reason: { name: 'BackupBusy' } });
});

test('of two that restore into one data directory one does, and one says so', async () => {
  await backUp(library.dataDir, to);
  const fresh = join(dir.path, 'fresh');
  const second = meanwhile(() => restore(to, fresh));
  expect(await restore(to, fresh, second.progress)).toMatchObject({ originals: ORIGINALS, damaged: [] });
  await expect(second.begun()).rejects.toThrow('another process is restoring a backup to');
  expect((await readdir(join(fresh, 'library'))).toSorted()).toEqual(['originals', 'records']);
});

test('what a killed backup has left keeps nobody away, and is cleared away', async () => {
  const lock = join(to, 'backup-in-use');
  await mkdir(lock, { recursive: true });
  const name = `${'a'.repeat(12)}-1-${'b'.repeat(16)}`;
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(lock, 'bound'), resolve));
  await rename(join(lock, 'bound'), join(lock, name));
  // Its name stays, as that of a process that was killed does.
  await new Promise((resolve) => server.close(resolve));
  expect(await readdir(lock)).toEqual([name]);
  expect(await backUp(library.dataDir, to)).toMatchObject({ originals: ORIGINALS });
  expect((await readdir(to)).toSorted()).toEqual(['originals', 'records', 'tombstones.jsonl']);
});

test('where there is no directory, none is made in order to read it', async () => {
  await expect(verify(to)).rejects.toThrow('expected a backup');
  await expect(restore(to, join(dir.path, 'fresh'))).rejects.toThrow('expected a backup');
  expect(await readdir(dir.path)).toEqual([]);
});
