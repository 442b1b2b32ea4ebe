// The memory that sources are read into, one after the other.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ReadBuffer } from '../../../src/convert/read-buffer.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'read-buffer-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function file(bytes: number, value: number): Promise<string> {
  const path = join(dir, `${bytes}-${value}`);
  await writeFile(path, Buffer.alloc(bytes, value));
  return path;
}

test.each([0, 1, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1])(
  'a file of %i bytes is read whole and nothing else',
  async (bytes) => {
    const buffer = new ReadBuffer();
    buffer.read(await file(5_000_000, 9));
    expect(buffer.read(await file(bytes, 7)).equals(Buffer.alloc(bytes, 7))).toBe(true);
  },
);

test('files up to 32 MiB share their memory, larger ones have their own', async () => {
  const buffer = new ReadBuffer();
  const first = buffer.read(await file(3_000_000, 1));
  expect(buffer.read(await file(4_000_000, 2)).buffer).toBe(first.buffer);
  const large = await file(32 * 1024 * 1024 + 1, 3);
  expect(buffer.read(large).buffer).not.toBe(first.buffer);
  expect(buffer.read(large)).toHaveLength(32 * 1024 * 1024 + 1);
  expect(buffer.read(await file(1000, 4)).buffer).toBe(first.buffer);
});

test('a file that is not there is told by the system', () => {
  expect(() => new ReadBuffer().read(join(dir, 'none'))).toThrow('ENOENT');
});
