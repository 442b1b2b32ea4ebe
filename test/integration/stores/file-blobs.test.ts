// Blob files that something else has changed, and disks that refuse: never a wrong byte, never a hang, nothing left behind.
import { appendFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { storageError } from '../../../src/stores/embedded/storage-errors.js';
import { blobPath, openTestStore, type TestStore } from '../../support/embedded.js';
import { run } from '../../support/processes.js';
import { blobOf, commitOf, groupRef, storeBlobs, testSource } from '../../support/records.js';
import { withTempDir } from '../../support/temp-dir.js';
import { requireTool } from '../../support/tools.js';

let store: TestStore;

beforeEach(async () => {
  store = await openTestStore();
});

afterEach(() => store.dispose());

const { digest, bytes } = blobOf('blob', 60_000);
const damaged = () => store.metrics.total('damaged_blobs_total', { tier: 'disk' });

/** What may stand in a blob's place instead of it. */
const replacements: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  'an empty file': (path) => writeFile(path, ''),
  'another file': (path) => writeFile(path, blobOf('other', 60_000).bytes),
  'a symbolic link to the right bytes': async (path) => {
    await writeFile(join(store.dataDir, 'elsewhere'), bytes);
    await symlink(join(store.dataDir, 'elsewhere'), path);
  },
  'a symbolic link to a device': (path) => symlink('/dev/zero', path),
  'a directory': (path) => mkdir(path),
  'a FIFO': async (path) => run(await requireTool('mkfifo'), [path]),
};

describe.each([
  ['known to the catalog', true],
  ['unknown to the catalog', false],
])('a blob %s', (_name, known) => {
  beforeEach(async () => {
    if (!known) return store.blobs.put(digest, bytes, 'preview');
    const source = testSource('x', { previews: [{ digest, bytes }] });
    await storeBlobs(store.blobs, source);
    await store.catalog.commit(commitOf(source, [groupRef('x')]));
  });

  it.each(Object.keys(replacements))('is absent when %s stands in its place, and can be stored again', async (what) => {
    const path = blobPath(store.dataDir, digest);
    await rm(path);
    await replacements[what]?.(path);
    expect(await store.blobs.get(digest)).toBeUndefined();
    expect(damaged()).toBe(1);
    expect(await store.blobs.has(digest)).toBe(false);
    await rm(path, { recursive: true, force: true });
    await replacements[what]?.(path);
    expect(await store.blobs.copyTo(digest, join(store.tmpDir, 'copy'))).toBe(false);
    expect(damaged()).toBe(2);
    await rm(path, { recursive: true, force: true });
    await replacements[what]?.(path);
    await store.blobs.put(digest, bytes, 'preview');
    expect(await store.blobs.get(digest)).toEqual(bytes);
  });

  it('is itself when something was written behind its end, or absent: never longer', async () => {
    await appendFile(blobPath(store.dataDir, digest), 'more');
    const got = await store.blobs.get(digest);
    if (got !== undefined) expect(got).toEqual(bytes);
  });

  it('reads what is longer than any guess', async () => {
    const large = blobOf('large', 1_000_000);
    await store.blobs.put(large.digest, large.bytes, 'preview');
    // Compared as bytes: a matcher takes seconds for a million of them.
    expect((await store.blobs.get(large.digest))?.equals(large.bytes)).toBe(true);
  });
});

describe('storing', () => {
  it('goes on when the directories were removed meanwhile', async () => {
    await store.blobs.put(digest, bytes, 'preview');
    await rm(join(store.dataDir, 'blobs'), { recursive: true });
    await rm(join(store.dataDir, 'tmp'), { recursive: true });
    expect(await store.blobs.get(digest)).toBeUndefined();
    await store.blobs.put(digest, bytes, 'preview');
    expect(await store.blobs.get(digest)).toEqual(bytes);
    expect(damaged()).toBe(0);
  });

  it('leaves no temporary file, whatever came of it', () =>
    withTempDir(async (dir) => {
      const path = join(dir, 'upload');
      await writeFile(path, bytes);
      await store.blobs.put(digest, bytes, 'preview');
      await store.blobs.putFile(digest, path, 'preview');
      await store.blobs.putFile(digest, path, 'preview');
      await expect(store.blobs.put(blobOf('z').digest, bytes, 'preview')).rejects.toThrow();
      await expect(store.blobs.putFile(blobOf('z').digest, path, 'preview')).rejects.toThrow();
      await expect(store.blobs.putFile(digest, join(dir, 'none'), 'preview')).rejects.toMatchObject({
        code: 'internal',
      });
      expect(await readdir(store.tmpDir)).toEqual([]);
      expect(await readFile(path)).toEqual(bytes);
    }));

  it('a file of the same file system is not copied, and stays with the caller', async () => {
    const path = join(store.tmpDir, 'upload');
    await writeFile(path, bytes);
    await store.blobs.putFile(digest, path, 'source');
    await rm(path);
    expect(await store.blobs.get(digest)).toEqual(bytes);
    expect(await readdir(store.tmpDir)).toEqual([]);
  });

  it('when a file stands in the way of a directory, says so and works again once it is gone', async () => {
    const dir = dirname(blobPath(store.dataDir, digest));
    await mkdir(dirname(dir), { recursive: true });
    await writeFile(dir, '');
    await expect(store.blobs.put(digest, bytes, 'preview')).rejects.toMatchObject({ code: 'internal' });
    expect(await store.blobs.get(digest)).toBeUndefined();
    expect(await readdir(store.tmpDir)).toEqual([]);
    await rm(dir);
    await store.blobs.put(digest, bytes, 'preview');
    expect(await store.blobs.get(digest)).toEqual(bytes);
  });

  it.each([
    ['ENOSPC', 'storage-full'],
    ['EDQUOT', 'storage-full'],
    ['EROFS', 'storage-full'],
    ['EMFILE', 'overloaded'],
    ['ENFILE', 'overloaded'],
    ['EACCES', 'internal'],
  ])('%s is %s, and no path is told', (code, name) => {
    const error = storageError(Object.assign(new Error(`${code}: open '/secret/path'`), { code }));
    expect(error.code).toBe(name);
    expect(error.message).not.toContain('/');
  });
});

describe('the directories of blobs', () => {
  const below = async () => (await readdir(join(store.dataDir, 'blobs'), { recursive: true })).sort();

  it('go with the last that lies in them, however it went, and stay with others', async () => {
    const other = blobOf('another', 100);
    for (const blob of [{ digest, bytes }, other]) await store.blobs.put(blob.digest, blob.bytes, 'preview');
    await store.blobs.delete(digest);
    const [first, second] = [other.digest.slice(0, 2), other.digest.slice(2, 4)];
    expect(await below()).toEqual([first, join(first, second), join(first, second, other.digest)]);
    await store.blobs.delete(other.digest);
    expect(await below()).toEqual([]);
    const source = testSource('x', { previews: [{ digest, bytes }] });
    await storeBlobs(store.blobs, source);
    await store.catalog.commit(commitOf(source, [groupRef('x')]));
    await store.catalog.remove({});
    while ((await store.catalog.sweep(100)).length > 0);
    expect(await below()).toEqual([]);
  });

  it('are made again for who stores while they go', async () => {
    const storing = Array.from({ length: 200 }, async (_, n) => {
      await store.blobs.put(digest, bytes, 'preview');
      if (n % 2 === 0) await store.blobs.delete(digest);
    });
    await Promise.all(storing);
    await store.blobs.put(digest, bytes, 'preview');
    expect(await store.blobs.get(digest)).toEqual(bytes);
  });
});
