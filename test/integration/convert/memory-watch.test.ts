// What is watched of a process's memory: its own, not what is mapped of files, which the system can take back.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ownBytes, residentBytes } from '../../../src/convert/memory-watch.js';
import { start } from '../../support/processes.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { requireTool } from '../../support/tools.js';

const MIB = 1024 * 1024;
const FILE = 64 * MIB;

let dir: TempDir;
beforeAll(async () => {
  dir = await tempDir();
  await writeFile(join(dir.path, 'file'), Buffer.alloc(FILE, 1));
});
afterAll(() => dir.remove());

const PROGRAMS = {
  maps: 'import mmap,sys; f=open(sys.argv[1],"rb"); m=mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ); s=sum(m[i] for i in range(0,len(m),4096))',
  reads: 'import sys; f=open(sys.argv[1],"rb"); m=f.read()',
  starts: 'import sys',
};

test.each([
  ['maps', 0],
  ['reads', FILE],
] as const)('of a process that %s a file, %i bytes of it are its own', async (what, wanted) => {
  const bare = await memoryOf('starts');
  const found = await memoryOf(what);
  expect(found.resident - bare.resident).toBeGreaterThan(FILE - 4 * MIB);
  expect(Math.abs(found.own - bare.own - wanted)).toBeLessThan(4 * MIB);
});

test('of a process that is gone nothing is told', () => {
  expect([ownBytes(2 ** 22 + 1), residentBytes(2 ** 22 + 1)]).toEqual([undefined, undefined]);
});

async function memoryOf(what: keyof typeof PROGRAMS): Promise<{ own: number; resident: number }> {
  const python = await requireTool('debian-python3');
  const then = '; print("there", flush=True); import time; time.sleep(60)';
  const child = start(python, ['-c', PROGRAMS[what] + then, join(dir.path, 'file')]);
  try {
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const pid = child.pid ?? 0;
    return { own: ownBytes(pid) ?? Number.NaN, resident: residentBytes(pid) ?? Number.NaN };
  } finally {
    child.kill('SIGKILL');
  }
}
