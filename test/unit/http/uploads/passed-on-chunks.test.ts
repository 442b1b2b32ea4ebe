// The file of an upload's chunks: it has all of them, and their memory is free by then.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createChunkFile } from '../../../../src/http/uploads/passed-on-chunks.js';
import { type TempDir, tempDir } from '../../../support/temp-dir.js';

const CHUNK_BYTES = 64 * 1024;
let dir: TempDir;

beforeAll(async () => {
  dir = await tempDir();
});
afterAll(() => dir.remove());

const chunksOf = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => Buffer.alloc(CHUNK_BYTES, index + 1));

test('of chunks that are written one by one or together only the latest has memory', async () => {
  const chunks = chunksOf(40);
  const expected = Buffer.concat(chunks);
  const path = join(dir.path, 'chunks');
  await pipeline(Readable.from(chunks), createChunkFile(path));
  expect((await readFile(path)).equals(expected)).toBe(true);
  expect(chunks.map(({ length }) => length)).toEqual([...Array(39).fill(0), CHUNK_BYTES]);
});

test('a chunk of which a part is still to come keeps its memory', async () => {
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = chunksOf(2);
  const expected = Buffer.concat([first, second.subarray(0, 5)]);
  const path = join(dir.path, 'parts');
  const file = createChunkFile(path);
  const write = (part: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      file.write(part, (error) => (error ? reject(error) : resolve()));
    });
  await write(first.subarray(0, 100));
  expect(first.length).toBe(CHUNK_BYTES);
  await write(first.subarray(100));
  expect(first.length).toBe(CHUNK_BYTES);
  await write(second.subarray(0, 5));
  expect(first.length).toBe(0);
  file.end();
  await once(file, 'close');
  expect((await readFile(path)).equals(expected)).toBe(true);
});
