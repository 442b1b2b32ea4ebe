// Starting on what an earlier run left: everything is there again, unfinished files go, orphans go in time, a damaged
// catalog is set aside, a newer one refused.
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Context } from '../../../src/kernel/image-key.js';
import { TOTALS_KEY } from '../../../src/stores/embedded/catalog-tables.js';
import { openEmbeddedStore } from '../../../src/stores/embedded/embedded-store.js';
import { GroupLock, lockDir } from '../../../src/stores/embedded/group-lock.js';
import { LmdbEnvironment } from '../../../src/stores/embedded/lmdb-environment.js';
import { describedBytes, identityOf } from '../../../src/stores/embedded/lmdb-file.js';
import { processGroup } from '../../../src/stores/embedded/process-identity.js';
import { DataDirError } from '../../../src/stores/embedded/storage-errors.js';
import { blobPath, openTestStore, type TestStore } from '../../support/embedded.js';
import { blobOf, commitOf, groupRef, storeBlobs, testSource } from '../../support/records.js';
import { StoreProcess } from '../../support/store-process.js';

const HOUR_MS = 3_600_000;

let store: TestStore;

beforeEach(async () => {
  store = await openTestStore();
});

afterEach(() => store.dispose());

async function commit(seed: string): Promise<void> {
  const source = testSource(seed);
  await storeBlobs(store.blobs, source);
  await store.catalog.commit(commitOf(source, [groupRef(seed)]));
}

/** The catalog says that it is of this schema; `undefined`: its totals are gone, which is damage. */
async function setSchema(dataDir: string, schema: number | undefined): Promise<void> {
  const root = open<Buffer, Buffer>({
    path: join(dataDir, 'catalog'),
    encoding: 'binary',
    keyEncoding: 'binary',
    maxDbs: 24,
  });
  const facts = root.openDB<Buffer, Buffer>('facts', { encoding: 'binary', keyEncoding: 'binary' });
  const version = Buffer.alloc(8);
  version.writeDoubleBE(schema ?? 0);
  if (schema === undefined) await facts.remove(TOTALS_KEY);
  else await facts.put(Buffer.from('schema'), version);
  await root.close();
}

describe('a restart', () => {
  it('finds everything again, and counts it', async () => {
    for (let n = 0; n < 20; n++) await commit(`${n}`);
    const [usage, entry] = [await store.catalog.usage(), await store.catalog.find(groupRef('7'))];
    store = await store.reopen();
    expect(await store.catalog.usage()).toEqual(usage);
    expect(await store.catalog.find(groupRef('7'))).toEqual(entry);
    expect(await store.catalog.count('' as Context)).toBe(20);
    for (const blob of testSource('7').previews) expect(await store.blobs.get(blob.digest)).toEqual(blob.bytes);
  });

  it('removes the unfinished files of processes that are gone, and nobody else’s', async () => {
    const living = await StoreProcess.start(store.dataDir);
    const dead = await StoreProcess.start(store.dataDir);
    const tmp = join(store.dataDir, 'tmp');
    const dirs = await readdir(tmp);
    expect(dirs).toHaveLength(3);
    for (const dir of dirs) await writeFile(join(tmp, dir, 'unfinished'), 'x');
    await mkdir(join(tmp, 'lost+found'));
    await dead.kill();
    const another = await store.another();
    const left = await readdir(tmp);
    // The living one's, the two stores' of this process, and what is nobody's.
    expect(left).toHaveLength(4);
    expect(left).toContain('lost+found');
    expect(left.filter((dir) => dirs.includes(dir))).toHaveLength(2);
    expect(await readFile(join(store.tmpDir, 'unfinished'), 'utf8')).toBe('x');
    await living.kill();
    await another.close();
  });
});

describe('the orphan sweep', () => {
  it('removes blobs that no record names once they are old, and nothing else', async () => {
    await commit('kept');
    const [orphan, young] = [blobOf('orphan'), blobOf('young')];
    await store.blobs.put(orphan.digest, orphan.bytes, 'preview');
    const dir = join(store.dataDir, 'blobs', 'ab', 'cd');
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'README'), 'of somebody else');
    await writeFile(join(store.dataDir, 'blobs', 'lost+found'), '');
    // The files carry the machine's time, so the clock is set to it.
    store.clock.jump(Date.now() - store.clock.now());
    expect(await store.sweepOrphans()).toBe(0);
    store.clock.advance(2 * HOUR_MS);
    expect(await store.sweepOrphans()).toBe(1);
    expect(await store.blobs.has(orphan.digest)).toBe(false);
    await store.blobs.put(young.digest, young.bytes, 'preview');
    store.clock.jump(Date.now() - store.clock.now());
    expect(await store.sweepOrphans()).toBe(0);
    expect(await store.blobs.has(young.digest)).toBe(true);
    for (const blob of testSource('kept').previews) expect(await store.blobs.has(blob.digest)).toBe(true);
    expect(await readdir(dir)).toEqual(['README']);
  });

  it('goes on where it stopped, until every directory was seen', async () => {
    const blobs = Array.from({ length: 700 }, (_, n) => blobOf(`${n}`));
    await Promise.all(blobs.map(({ digest, bytes }) => store.blobs.put(digest, bytes, 'preview')));
    store.clock.jump(Date.now() + 2 * HOUR_MS - store.clock.now());
    const removed = [await store.sweepOrphans(), await store.sweepOrphans(), await store.sweepOrphans()];
    // 700 digests lie in nearly as many directories, of which a call looks at 256.
    expect(removed.every((count) => count > 0 && count < 300)).toBe(true);
    expect(removed.reduce((sum, count) => sum + count)).toBe(700);
  });
});

describe('the catalog', () => {
  it.each([
    ['is not a catalog', (path: string) => writeFile(path, Buffer.alloc(100_000, 'nonsense'))],
    ['is cut', (path: string) => truncate(path, 20_000)],
    ['is empty of pages', (path: string) => truncate(path, 8_192)],
  ])('that %s is set aside with an error, and an empty one serves', async (_name, damage) => {
    for (let n = 0; n < 400; n++) await commit(`${n}`);
    const { dataDir } = store;
    await store.close();
    await damage(join(dataDir, 'catalog', 'data.mdb'));
    const next = await openTestStore({ dataDir });
    expect(await next.catalog.count()).toBe(0);
    expect(next.logger.at('error')).toHaveLength(1);
    const aside = (await readdir(dataDir)).filter((name) => name.startsWith('catalog.broken-'));
    expect(aside).toHaveLength(1);
    const source = testSource('7');
    // Its blobs are still there, so nothing has to be stored again.
    expect(await next.catalog.commit(commitOf(source, [groupRef('7')]))).toEqual([]);
    expect((await next.catalog.find(groupRef('7')))?.source).toEqual(source.record);
    await next.close();
    store = await openTestStore({ dataDir });
    expect(await store.catalog.count()).toBe(1);
  });

  it('is as long as its meta page says, where LMDB itself says the same', async () => {
    for (let n = 0; n < 50; n++) await commit(`${n}`);
    const path = join(store.dataDir, 'catalog');
    const root = open<Buffer, Buffer>({ path, encoding: 'binary', keyEncoding: 'binary' });
    const stats = z
      .object({ lastPageNumber: z.number(), root: z.object({ pageSize: z.number() }) })
      .parse(root.getStats());
    expect(describedBytes(join(path, 'data.mdb'))).toBe((stats.lastPageNumber + 1) * stats.root.pageSize);
    await root.close();
  });

  it('of a newer version is refused with advice, and left as it is', async () => {
    await commit('a');
    const { dataDir } = store;
    await store.close();
    await setSchema(dataDir, 99);
    const refused = openTestStore({ dataDir });
    await expect(refused).rejects.toBeInstanceOf(DataDirError);
    await expect(refused).rejects.toThrow(/schema 3 .* got 99.*newer.*another data directory/s);
    expect((await readdir(dataDir)).filter((name) => name.startsWith('catalog'))).toEqual(['catalog']);
    store = await openTestStore();
  });

  it('of an older version is left to the process that uses it, and set aside once that is gone', {
    timeout: 120_000,
  }, async () => {
    await commit('a');
    const { dataDir } = store;
    await store.close();
    await setSchema(dataDir, 2);
    // Whoever wrote it has it open: it holds the lock, and is at no opening.
    const lock = await GroupLock.take(lockDir(dataDir), processGroup());
    const refused = openTestStore({ dataDir });
    await expect(refused).rejects.toBeInstanceOf(DataDirError);
    await expect(refused).rejects.toThrow(
      new RegExp(`schema 3, got 2.*other processes have it open \\(${process.pid}\\)`),
    );
    expect((await readdir(dataDir)).filter((name) => name.startsWith('catalog'))).toEqual(['catalog']);
    lock.release();
    store = await openTestStore({ dataDir });
    expect(await store.catalog.count()).toBe(0);
    expect((await readdir(dataDir)).filter((name) => name.startsWith('catalog.broken-'))).toHaveLength(1);
  });

  it('that is damaged is set aside when those who have it open have ended, which they do', {
    timeout: 120_000,
  }, async () => {
    await commit('a');
    const { dataDir } = store;
    const using = await StoreProcess.start(dataDir);
    await store.close();
    const path = join(dataDir, 'catalog');
    const identity = identityOf(path);
    await setSchema(dataDir, undefined);
    const next = await openTestStore({ dataDir });
    expect(identityOf(path)).not.toBe(identity);
    expect(await using.gone()).toBe(1);
    expect(await next.catalog.count()).toBe(1);
    await next.close();
    store = await openTestStore({ dataDir });
  });

  it('is given up by a process whose name in the lock was removed, since others may take the lock', async () => {
    const lock = lockDir(store.dataDir);
    const before = await readdir(lock);
    const process = await StoreProcess.start(store.dataDir);
    const names = (await readdir(lock)).filter((name) => !before.includes(name));
    expect(names).toHaveLength(1);
    for (const name of names) await rm(join(lock, name));
    expect(await process.gone()).toBe(1);
  });

  it.each(['usageOf', 'heaviest'])(
    'with a damaged row of what a context has ends the process whose limits need it (%s)',
    async (command) => {
      await commit('a');
      const { dataDir } = store;
      const process = await StoreProcess.start(dataDir);
      expect(await process.ask(command)).toMatchObject({ groups: 1 });
      const root = open<Buffer, Buffer>({ path: join(dataDir, 'catalog'), encoding: 'binary', keyEncoding: 'binary' });
      const contexts = root.openDB<Buffer, Buffer>('contexts', { encoding: 'binary', keyEncoding: 'binary' });
      for (const { key, value } of [...contexts.getRange({})])
        await contexts.put(key, Buffer.from(value.map((byte) => byte ^ 1)));
      await expect(process.ask(command)).rejects.toThrow();
      expect(await process.gone()).toBe(1);
      expect(await readdir(dataDir)).toContain('catalog.damaged');
      await rm(join(dataDir, 'catalog.damaged'));
    },
  );

  it('that cannot be opened for a reason that is not its own is refused with it, and left as it is', async () => {
    await commit('a');
    const { dataDir } = store;
    await store.close();
    const opening = vi.spyOn(LmdbEnvironment, 'open');
    for (const reason of [
      'MDB_READERS_FULL: Environment maxreaders limit reached',
      'MDB_PANIC: Update of meta page failed',
      'something nobody thought of',
    ]) {
      opening.mockImplementation(() => {
        throw new Error(reason);
      });
      const refused = openTestStore({ dataDir });
      await expect(refused).rejects.toBeInstanceOf(DataDirError);
      await expect(refused).rejects.toThrow(reason);
    }
    opening.mockRestore();
    expect(await readdir(join(dataDir, 'tmp'))).toEqual([]);
    expect((await readdir(dataDir)).filter((name) => name.startsWith('catalog'))).toEqual(['catalog']);
    store = await openTestStore({ dataDir });
    expect(await store.catalog.count()).toBe(1);
  });

  it('has a place for every worker that may be configured, and for those of a server that takes its place', async () => {
    const root = open<Buffer, Buffer>({
      path: join(store.dataDir, 'catalog'),
      encoding: 'binary',
      keyEncoding: 'binary',
    });
    const { maxReaders } = z.object({ maxReaders: z.number() }).parse(root.getStats());
    expect(maxReaders).toBeGreaterThanOrEqual(2 * 256);
    await root.close();
  });

  it('is refused where no directory can be made, with the reason', async () => {
    const { dataDir, clock, logger, metrics } = store;
    await writeFile(join(dataDir, 'file'), '');
    const refused = openEmbeddedStore({ dataDir: join(dataDir, 'file', 'data'), clock, logger, metrics });
    await expect(refused).rejects.toBeInstanceOf(DataDirError);
    await expect(refused).rejects.toThrow(/ENOTDIR/);
  });
});

describe('a blob that is cut behind the catalog’s back', () => {
  it('is named as missing by the next commit that names it', async () => {
    await commit('a');
    const source = testSource('a');
    const first = source.previews[0] ?? blobOf('');
    await truncate(blobPath(store.dataDir, first.digest), 10);
    expect(await store.catalog.commit(commitOf(source, [groupRef('a')]))).toEqual([first.digest]);
  });
});
