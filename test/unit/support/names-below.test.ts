// Looking into a directory in which others are at work.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { namesBelow } from '../../support/names-below.js';
import { withTempDir } from '../../support/temp-dir.js';

it('tells files and directories, however deep', () =>
  withTempDir(async (dir) => {
    await mkdir(join(dir, 'a/b'), { recursive: true });
    await writeFile(join(dir, 'a/b/c'), '');
    expect(await namesBelow(dir)).toEqual(['a', 'a/b', 'a/b/c']);
    expect(await namesBelow(join(dir, 'nothing'))).toEqual([]);
  }));

it('does not mind what goes while it looks', () =>
  withTempDir(async (dir) => {
    let isOver = false;
    const work = async (): Promise<void> => {
      while (!isOver) {
        for (let n = 0; n < 20; n++) await mkdir(join(dir, `make-${n}/conversion`), { recursive: true });
        await rm(join(dir, `make-${Math.floor(Math.random() * 20)}`), { recursive: true });
        await rm(join(dir, 'make-7'), { recursive: true, force: true });
      }
    };
    const working = work();
    for (let look = 0; look < 200; look++) expect((await namesBelow(dir)).length).toBeLessThanOrEqual(40);
    isOver = true;
    await working;
  }));
