// Who is alive by the name in a data directory: itself, a neighbour, one that has ended but that nobody has asked for yet, and one
// that cannot be seen from here.
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OpeningMark } from '../../../src/stores/embedded/opening-marks.js';
import { ownName, stateOf } from '../../../src/stores/embedded/process-identity.js';
import { IDS_OF_A_SERVER, ScratchDir } from '../../../src/stores/embedded/scratch-dir.js';
import { ProcessIdTaken } from '../../../src/stores/embedded/storage-errors.js';
import { until } from '../../support/gate.js';
import { start } from '../../support/processes.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { requireTool } from '../../support/tools.js';

const HOUR_MS = 3_600_000;
const OLD = new Date(Date.now() - HOUR_MS);

let dir: TempDir;
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(() => dir.remove());

const foreign = (pid: number) => `0123456789ab-${pid}-77`;
const nameOf = async (pid: number) => `${ownName().split('-')[0]}-${pid}-${(await statOf(pid)).start}`;

async function statOf(pid: number): Promise<{ state: string; start: string }> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', start: fields[19] ?? '' };
}

describe('a process by its name', () => {
  it('is itself, alive, dead, foreign, or none of ours', async () => {
    expect(stateOf(ownName())).toBe('self');
    expect(stateOf(await nameOf(process.ppid))).toBe('alive');
    expect(stateOf(ownName().replace(/[0-9]+$/, '1'))).toBe('dead');
    expect(stateOf(foreign(process.pid))).toBe('foreign');
    expect(stateOf('lost+found')).toBeUndefined();
  });

  it('is dead once it has ended, also while its parent has not asked for it', async () => {
    const [sh, sleep] = [await requireTool('sh'), await requireTool('sleep')];
    const parent = start(sh, ['-c', '"$0" 0.2 & echo $!; exec "$0" 30', sleep]);
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(line.toString());
      const name = await nameOf(pid);
      expect(stateOf(name)).toBe('alive');
      await until(async () => (await statOf(pid)).state === 'Z', 'the child is a zombie');
      expect(stateOf(name)).toBe('dead');
    } finally {
      parent.kill('SIGKILL');
      await once(parent, 'exit');
    }
  });
});

describe('openings that ended their process', () => {
  const mark = (name: string, at = new Date()) =>
    writeFile(join(dir.path, `catalog.opening-${name}`), '').then(() =>
      utimes(join(dir.path, `catalog.opening-${name}`), at, at),
    );
  const opening = (foreignMs?: number) => new OpeningMark(join(dir.path, 'catalog'), foreignMs);

  it('count in containers too, where every start has the same process id', async () => {
    for (const pid of [2, 3]) await mark(foreign(pid), OLD);
    expect(await opening().isFatal()).toBe(false);
    await mark(foreign(4), OLD);
    expect(await opening().isFatal()).toBe(true);
    opening().clear();
    expect(await readdir(dir.path)).toEqual([]);
  });

  it('do not count while they may be openings of living processes elsewhere', async () => {
    for (const pid of [2, 3, 4]) await mark(foreign(pid));
    const seconds = new Date(Date.now() - 10_000);
    for (const pid of [2, 3, 4]) await mark(foreign(pid), seconds);
    // An opening may wait for another process's write: ten seconds are no proof that it is dead.
    const decided = opening().isFatal();
    await rm(join(dir.path, `catalog.opening-${foreign(3)}`));
    expect(await decided).toBe(false);
    await mark(foreign(5));
    expect(await opening(1_000).isFatal()).toBe(true);
  });
});

describe('ids of servers in other containers', () => {
  it.each([
    ['the same', 0, true],
    ['a few above', 20, true],
    ['a few below', -20, true],
    ['as near as its threads may be', IDS_OF_A_SERVER - 1, true],
    ['apart', IDS_OF_A_SERVER, false],
  ])('%s: taken %s', async (_, distance, taken) => {
    await mkdir(join(dir.path, `run-${foreign(process.pid + distance)}`));
    await mkdir(join(dir.path, `run-${await nameOf(process.ppid)}`));
    const scratch = await ScratchDir.open(dir.path);
    const checked = scratch.checkIds();
    await (taken ? expect(checked).rejects.toBeInstanceOf(ProcessIdTaken) : checked);
    scratch.close();
  });

  it('that have shown no life for long are nobody’s', async () => {
    const path = join(dir.path, `run-${foreign(process.pid)}`);
    await mkdir(path);
    await utimes(path, OLD, OLD);
    const scratch = await ScratchDir.open(dir.path);
    await scratch.checkIds();
    scratch.close();
  });
});

describe('the directory for unfinished files', () => {
  it('of who cannot be seen stays as long as it is touched; of the dead it goes, also after the start', async () => {
    const scratch = await ScratchDir.open(dir.path);
    const [dead, touched, silent] = [
      `run-${ownName().replace(/[0-9]+$/, '1')}`,
      `run-${foreign(2)}`,
      `run-${foreign(3)}`,
    ];
    for (const name of [dead, touched, silent, 'lost+found']) await mkdir(join(dir.path, name));
    await utimes(join(dir.path, silent), OLD, OLD);
    await scratch.round();
    expect((await readdir(dir.path)).toSorted()).toEqual(['lost+found', touched, `run-${ownName()}`].toSorted());
    scratch.close();
    expect((await readdir(dir.path)).toSorted()).toEqual(['lost+found', touched].toSorted());
  });
});
