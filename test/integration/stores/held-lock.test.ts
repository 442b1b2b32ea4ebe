// Who holds the data directory, as the kernel tells it: names that live as long as their process, a lock that one group holds at a time, and
// what goes by it, which is unfinished files and openings that ended their process.
import { once } from 'node:events';
import { mkdir, readdir, rm, rmdir, utimes, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { foreignHolders, GroupLock, HeldByOthers } from '../../../src/stores/embedded/group-lock.js';
import { connectTo, HeldName, isHeld } from '../../../src/stores/embedded/held-name.js';
import { OpeningMark } from '../../../src/stores/embedded/opening-marks.js';
import { ScratchDir } from '../../../src/stores/embedded/scratch-dir.js';
import { withOpenFiles } from '../../support/faults/wrappers.js';
import { until } from '../../support/gate.js';
import { run, start } from '../../support/processes.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { NODE } from '../../support/tools.js';

const [OURS, THEIRS] = ['a'.repeat(12), 'b'.repeat(12)];

let dir: TempDir;
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(() => dir.remove());

/** A process that listens on the file `path`, ended with SIGKILL: what it leaves. */
async function leftByTheDead(path: string): Promise<void> {
  const program = 'require("net").createServer().listen(process.argv[1], () => console.log("listens"))';
  const child = start(NODE, ['-e', program, path]);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('a held name', () => {
  it('is held until it is released, and leaves nothing', async () => {
    const held = await HeldName.hold(dir.path, 'name');
    expect(await readdir(dir.path)).toEqual(['name']);
    expect(await isHeld(dir.path, 'name')).toBe(true);
    held.release();
    expect(await isHeld(dir.path, 'name')).toBe(false);
    expect(await readdir(dir.path)).toEqual([]);
  });

  it('is lost when its file is removed or replaced, and not by being released', async () => {
    const held = await HeldName.hold(dir.path, 'name');
    expect(held.isLost()).toBe(false);
    await rm(join(dir.path, 'name'));
    expect(held.isLost()).toBe(true);
    const another = await HeldName.hold(dir.path, 'name');
    expect([held.isLost(), another.isLost()]).toEqual([true, false]);
    another.release();
    held.release();
    const lock = await GroupLock.take(dir.path, OURS);
    lock.release();
    expect(lock.isLost()).toBe(false);
  });

  it('is not held by a process that was killed, although its file is there', async () => {
    await leftByTheDead(join(dir.path, 'name'));
    expect(await readdir(dir.path)).toEqual(['name']);
    expect(await isHeld(dir.path, 'name')).toBe(false);
  });

  it('may lie deeper than a socket address is long', async () => {
    const deep = join(dir.path, 'x'.repeat(120), 'y'.repeat(120));
    await mkdir(deep, { recursive: true });
    const held = await HeldName.hold(deep, 'name');
    expect(await readdir(deep)).toEqual(['name']);
    expect(await isHeld(deep, 'name')).toBe(true);
    held.release();
    expect(await isHeld(deep, 'name')).toBe(false);
  });

  it('hands on questions, also those that came before there was anybody to answer, with what comes behind them', async () => {
    const held = await HeldName.hold(dir.path, 'name');
    const asking = connectTo(dir.path, 'name');
    asking.end('what is it?\nand more');
    await once(asking, 'connect');
    const answered = new Promise<string>((resolve) => {
      setImmediate(() =>
        held.answerBy((question, socket) => {
          socket.once('data', (more: Buffer) => {
            resolve(`${question} ${more.toString()}`);
            socket.end('this');
          });
          socket.resume();
        }),
      );
    });
    expect(await answered).toBe('what is it? and more');
    const [answer] = (await once(asking, 'data')) as [Buffer];
    expect(answer.toString()).toBe('this');
    held.release();
  });

  it('takes no question without end', async () => {
    const held = await HeldName.hold(dir.path, 'name');
    const asking = createConnection(join(dir.path, 'name'));
    asking.on('error', () => undefined);
    asking.write('x'.repeat(100_000));
    await new Promise((resolve) => asking.once('close', resolve));
    held.release();
  });
});

describe('a lock that one group holds', () => {
  it('is shared within the group, and refused to any other until the last one lets go', async () => {
    const [first, second] = [await GroupLock.take(dir.path, OURS), await GroupLock.take(dir.path, OURS)];
    expect(await first.others()).toEqual([{ name: second.name, group: OURS, pid: process.pid }]);
    await expect(GroupLock.take(dir.path, THEIRS)).rejects.toMatchObject({
      holders: expect.arrayContaining([expect.objectContaining({ name: second.name })]),
    });
    first.release();
    expect(await first.isHeldBy(first.name)).toBe(false);
    await expect(GroupLock.take(dir.path, THEIRS)).rejects.toBeInstanceOf(HeldByOthers);
    second.release();
    const theirs = await GroupLock.take(dir.path, THEIRS);
    expect(await foreignHolders(dir.path, OURS)).toHaveLength(1);
    theirs.release();
  });

  it('is free after a holder was killed, whose name goes', async () => {
    const lock = join(dir.path, 'lock');
    await mkdir(lock);
    await leftByTheDead(join(lock, `${THEIRS}-1-0123456789abcdef`));
    const ours = await GroupLock.take(lock, OURS);
    expect(await readdir(lock)).toEqual([ours.name]);
    ours.release();
    expect(await readdir(dir.path)).toEqual([]);
  });

  it.each(['lock', 'x'.repeat(120)])('is taken where its directory was removed just before, at %s', async (name) => {
    const lock = join(dir.path, name);
    const hold = HeldName.hold;
    const held = vi.spyOn(HeldName, 'hold').mockImplementationOnce(async (within, member) => {
      await rmdir(within);
      return hold(within, member);
    });
    const ours = await GroupLock.take(lock, OURS);
    expect(held).toHaveBeenCalledTimes(2);
    held.mockRestore();
    expect(await readdir(lock)).toEqual([ours.name]);
    ours.release();
  });

  it('has one group at a time, however many reach for it at once, and each has it in the end', async () => {
    const lock = join(dir.path, 'lock');
    const holding = new Map<string, number>();
    let most = 0;
    const work = async (group: string): Promise<void> => {
      for (let turns = 0; turns < 5; ) {
        const held = await GroupLock.take(lock, group).catch((error: unknown) => {
          if (error instanceof HeldByOthers) return undefined;
          throw error;
        });
        if (held === undefined) {
          await new Promise(setImmediate);
          continue;
        }
        holding.set(group, (holding.get(group) ?? 0) + 1);
        most = Math.max(most, [...holding.values()].filter((count) => count > 0).length);
        await new Promise(setImmediate);
        holding.set(group, (holding.get(group) ?? 0) - 1);
        held.release();
        turns++;
      }
    };
    await Promise.all(['0', '1', '2', '3'].flatMap((digit) => [work(digit.repeat(12)), work(digit.repeat(12))]));
    expect(most).toBe(1);
  });
});

describe('openings that ended their process', () => {
  const mark = (member: string) => writeFile(join(dir.path, `catalog.opening-${member}`), '');
  const dead = (n: number) => `${THEIRS}-2-${String(n).padStart(16, '0')}`;

  it('count as soon as their process is gone, wherever it was, and not while it lives', async () => {
    const lock = await GroupLock.take(join(dir.path, 'lock'), OURS);
    const living = await GroupLock.take(join(dir.path, 'lock'), OURS);
    const opening = new OpeningMark(join(dir.path, 'catalog'), lock);
    opening.set();
    for (const member of [dead(1), dead(2), living.name]) await mark(member);
    expect(await opening.isFatal()).toBe(false);
    living.release();
    expect(await opening.isFatal()).toBe(true);
    await opening.clear();
    expect(await readdir(dir.path)).toEqual(['lock']);
    lock.release();
  });

  it('are told from catalogs that are in use', async () => {
    const [lock, other] = [
      await GroupLock.take(join(dir.path, 'lock'), OURS),
      await GroupLock.take(join(dir.path, 'lock'), OURS),
    ];
    const [opening, others] = [lock, other].map((member) => new OpeningMark(join(dir.path, 'catalog'), member));
    opening?.set();
    others?.set();
    expect(await opening?.users()).toEqual([]);
    await others?.clear();
    expect(await opening?.users()).toEqual([process.pid]);
    other.release();
    expect(await opening?.users()).toEqual([]);
    lock.release();
  });
});

describe('the directory for unfinished files', () => {
  it('stays as long as its process holds the lock; what the dead left goes, also after the start', async () => {
    const [lock, other] = [
      await GroupLock.take(join(dir.path, 'lock'), OURS),
      await GroupLock.take(join(dir.path, 'lock'), OURS),
    ];
    const root = join(dir.path, 'tmp');
    const scratch = await ScratchDir.open(root, lock);
    const theirs = await ScratchDir.open(root, other);
    const [dead, earlier, old] = [`run-${THEIRS}-7-0123456789abcdef`, 'run-0123456789ab-2-77', 'run-0123456789ab-3-77'];
    for (const name of [dead, earlier, old, 'lost+found']) await mkdir(join(root, name));
    // However old it looks: a clock that was set, or a process that was stopped, takes nothing from the living.
    for (const path of [theirs.path, join(root, old)]) await utimes(path, 0, 0);
    await scratch.round();
    expect((await readdir(root)).toSorted()).toEqual(
      ['lost+found', earlier, `run-${lock.name}`, `run-${other.name}`].toSorted(),
    );
    theirs.close();
    other.release();
    scratch.close();
    lock.release();
    expect((await readdir(root)).toSorted()).toEqual(['lost+found', earlier].toSorted());
  });

  it('loses what its own process left for want of file handles, whose work has not failed for that', async () => {
    const lock = await GroupLock.take(join(dir.path, 'lock'), OURS);
    const scratch = await ScratchDir.open(join(dir.path, 'tmp'), lock);
    const made = join(scratch.path, 'make-1');
    await mkdir(join(made, 'conversion-1'), { recursive: true });
    await writeFile(join(made, 'conversion-1', '0.jpg'), 'picture');
    const script = `
      const { removeScratch } = await import(${JSON.stringify(new URL('../../../dist/previews/scratch.js', import.meta.url))});
      const { openSync } = await import('node:fs');
      try { for (;;) openSync('/dev/null', 'r'); } catch {}
      await removeScratch(${JSON.stringify(made)});
      process.exit();`;
    const [sh, ...args] = await withOpenFiles(64);
    if (sh === undefined) throw new Error('expected a wrapper');
    await run(sh, [...args, NODE, '--input-type=module', '-e', script]);
    expect(await readdir(scratch.path)).toEqual([expect.stringMatching(/^left-[0-9a-f-]{36}$/)]);
    await scratch.round();
    expect(await readdir(scratch.path)).toEqual([]);
    scratch.close();
    lock.release();
  });

  it('goes when its process was killed', async () => {
    const lock = await GroupLock.take(join(dir.path, 'lock'), OURS);
    const member = `${THEIRS}-2-0123456789abcdef`;
    await leftByTheDead(join(dir.path, 'lock', member));
    const root = join(dir.path, 'tmp');
    await mkdir(join(root, `run-${member}`), { recursive: true });
    const scratch = await ScratchDir.open(root, lock);
    await until(async () => (await readdir(root)).length === 1, 'only our own is left');
    scratch.close();
    lock.release();
  });
});
