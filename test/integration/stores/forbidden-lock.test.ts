// The lock on a directory in which names belong to another user, whose sockets this one may not connect to: it is refused with advice, not
// waited for without end, and a live holder of one's own PID namespace is told from a dead one all the same.
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HeldName } from '../../../src/stores/embedded/held-name.js';
import { processGroup } from '../../../src/stores/embedded/process-identity.js';
import { start } from '../../support/processes.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { NODE, requireTool } from '../../support/tools.js';

const SLOW = { timeout: 60_000 };
const [THEIRS, OTHERS, UNIQUE] = ['b'.repeat(12), 'c'.repeat(12), '0123456789abcdef'];
const IS_ROOT = process.getuid?.() === 0;
const MODULE = pathToFileURL(resolve('dist/stores/embedded/group-lock.js')).href;

let dir: TempDir;
let lock: string;
let held: HeldName[];
beforeEach(async () => {
  dir = await tempDir();
  lock = join(dir.path, 'lock');
  await mkdir(lock);
  for (const path of [dir.path, dirname(dir.path)]) await chmod(path, 0o711);
  await chmod(lock, 0o777);
  held = [];
});
afterEach(async () => {
  for (const name of held) name.release();
  await dir.remove();
});

/** A name that lives; whether who is not root may connect to it goes by its mode. */
async function hold(name: string, mode: number): Promise<void> {
  held.push(await HeldName.hold(lock, name));
  await chmod(join(lock, name), mode);
}

/** What a user without rights is told who takes the lock for this process's group. */
async function taken(): Promise<{ readonly name: string; readonly message?: string; readonly holders?: unknown }> {
  const program = `
    const { GroupLock } = await import(${JSON.stringify(MODULE)});
    const told = await GroupLock.take(${JSON.stringify(lock)}, ${JSON.stringify(processGroup())}).then(
      (lock) => { lock.release(); return { name: 'taken' }; },
      ({ name, message, holders }) => ({ name, message, holders }),
    );
    console.log(JSON.stringify(told));`;
  const argv = ['--input-type=module', '-e', program];
  const reading = '-all,+dac_read_search';
  const caps = [`--inh-caps=${reading}`, `--ambient-caps=${reading}`];
  const child = IS_ROOT
    ? start(await requireTool('setpriv'), ['--reuid=54321', '--regid=54321', '--clear-groups', ...caps, NODE, ...argv])
    : start(NODE, argv);
  return JSON.parse(await text(child.stdout));
}

it('is refused with the path and the owner where only they could tell whether it is held', SLOW, async () => {
  const name = `${THEIRS}-1-${UNIQUE}`;
  await hold(name, 0o400);
  const told = await taken();
  expect(told.name).toBe('DataDirError');
  expect(told.message).toContain(`${join(lock, name)}, which belongs to uid ${process.getuid?.()}`);
  expect(await readdir(lock)).toEqual([name]);
});

it('is refused as held, by those who can be asked, where there are such', SLOW, async () => {
  await hold(`${THEIRS}-1-${UNIQUE}`, 0o400);
  await hold(`${OTHERS}-2-${UNIQUE}`, 0o777);
  expect(await taken()).toMatchObject({ name: 'HeldByOthers', holders: [{ group: OTHERS, pid: 2 }] });
});

it(
  'is shared with a process of the same PID namespace, and the name of one that is gone is removed',
  SLOW,
  async () => {
    const own = `${processGroup()}-${process.pid}-${UNIQUE}`;
    await hold(own, 0o400);
    // No process has this id: it is beyond the greatest that Linux gives.
    await hold(`${processGroup()}-4194305-${UNIQUE}`, 0o400);
    expect(await taken()).toMatchObject({ name: 'taken' });
    expect(await readdir(lock)).toEqual([own]);
  },
);
