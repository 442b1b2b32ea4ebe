// What was taken down stays so over backup and restore: what the backup knew, and what was blocked since on the machine that restores.
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import { backUp, restore, verify } from '../../../src/stores/embedded/library/backup.js';
import { LmdbTakedowns } from '../../../src/stores/embedded/lmdb-takedowns.js';
import { openTestLibrary, type TestLibrary } from '../../support/library.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

let library: TestLibrary;
let dir: TempDir;
beforeEach(async () => {
  [library, dir] = [await openTestLibrary(), await tempDir()];
});
afterEach(async () => {
  await library.dispose();
  await dir.remove();
});

const contentOf = (text: string) => digestOf(Buffer.from(text));

async function withTakedowns<T>(dataDir: string, work: (takedowns: LmdbTakedowns) => Promise<T>): Promise<T> {
  const takedowns = LmdbTakedowns.open(dataDir);
  try {
    return await work(takedowns);
  } finally {
    await takedowns.close();
  }
}

function block(dataDir: string, text: string, until?: number): Promise<void> {
  const stone = { content: contentOf(text), reason: 'court order', since: 1, ...(until !== undefined && { until }) };
  return withTakedowns(dataDir, (takedowns) => takedowns.block([stone], 1));
}

test('a restore blocks what the backup knew to be blocked beside what was blocked since, and tells processes of it', async () => {
  const [to, fresh] = [join(dir.path, 'backup'), join(dir.path, 'fresh')];
  await block(library.dataDir, 'before');
  await block(library.dataDir, 'over', 2);
  expect(await backUp(library.dataDir, to)).toMatchObject({ tombstones: 1, damaged: [] });
  expect(await verify(to)).toMatchObject({ damaged: [] });
  await block(fresh, 'since');
  expect(await restore(to, fresh)).toMatchObject({ tombstones: 1 });
  await withTakedowns(fresh, async (takedowns) => {
    const contents = (await takedowns.tombstones(10)).map(({ content }) => content);
    expect(new Set(contents)).toEqual(new Set([contentOf('before'), contentOf('since')]));
    expect((await takedowns.findTombstone(contentOf('before')))?.reason).toBe('court order');
    expect((await takedowns.after(0, 10)).map(({ order }) => order.blocked)).toEqual([[contentOf('before')]]);
  });
});

test('a list that is damaged is never taken for one that blocks nothing, and a backup without one says so', async () => {
  const [to, fresh] = [join(dir.path, 'backup'), join(dir.path, 'fresh')];
  await block(library.dataDir, 'before');
  await backUp(library.dataDir, to);
  await appendFile(join(to, 'tombstones.jsonl'), 'x');
  await expect(verify(to)).rejects.toThrow('damaged');
  await expect(restore(to, fresh)).rejects.toThrow('damaged');
  await rm(join(to, 'tombstones.jsonl'));
  expect((await restore(to, fresh)).tombstones).toBeUndefined();
});
