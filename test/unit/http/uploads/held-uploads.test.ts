// Uploads in memory: hashed, written only when somebody asks for that, and never more of them than there is room for.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HeldUploads } from '../../../../src/http/uploads/held-uploads.js';
import { digestOf } from '../../../../src/kernel/digest.js';
import { type TempDir, tempDir } from '../../../support/temp-dir.js';

const MIB = 2 ** 20;
let dir: TempDir;
let holding: HeldUploads;
beforeEach(async () => {
  dir = await tempDir();
  holding = new HeldUploads();
});
afterEach(() => dir.remove());

test('what was received is what is written, and its digest', async () => {
  const parts = [Buffer.alloc(70_000, 1), Buffer.from('between'), Buffer.alloc(3, 2)];
  const all = Buffer.concat(parts);
  expect(holding.reserve(all.length)).toBe(true);
  const stream = new PassThrough();
  const taking = holding.take(stream, all.length);
  for (const part of parts) stream.write(part);
  stream.end();
  const { held, ...upload } = await taking;
  expect(upload).toEqual({ path: '', digest: digestOf(all), bytes: all.length });
  await held?.placeAt(join(dir.path, 'source'));
  expect(await readFile(join(dir.path, 'source'))).toEqual(all);
  await expect(held?.placeAt(join(dir.path, 'source'))).rejects.toMatchObject({ code: 'EEXIST' });
});

test('a long body has the digest of all its chunks, however they fall into the pieces that are hashed at once', async () => {
  for (const sizes of [[MIB], [MIB, 1], [MIB - 1, 1, MIB], [MIB - 1, 2 * MIB, 7], Array(50).fill(65_536)]) {
    const chunks = sizes.map((size, at) => Buffer.alloc(size, at + 1));
    const expected = digestOf(Buffer.concat(chunks));
    const stream = new PassThrough();
    const taking = holding.take(stream, 8 * MIB);
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
    expect((await taking).digest).toBe(expected);
  }
});

test('memory of what was released is free, once it is written where that was begun', async () => {
  const chunks = [Buffer.alloc(64 * 1024, 1), Buffer.alloc(64 * 1024, 2)];
  const all = Buffer.concat(chunks);
  expect(holding.reserve(all.length)).toBe(true);
  const stream = new PassThrough();
  const taking = holding.take(stream, all.length);
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  const { held } = await taking;
  const placing = held?.placeAt(join(dir.path, 'late'));
  held?.release();
  expect(chunks.map(({ length }) => length)).toEqual([64 * 1024, 64 * 1024]);
  await placing;
  expect(chunks.map(({ length }) => length)).toEqual([0, 0]);
  expect((await readFile(join(dir.path, 'late'))).equals(all)).toBe(true);
});

test('there is room for 32 MiB, of 8 each; what is released once is free once', () => {
  expect([0, Number.NaN, 8 * MIB + 1].map((bytes) => holding.reserve(bytes))).toEqual([false, false, false]);
  expect([1, 2, 3, 4].map(() => holding.reserve(8 * MIB))).toEqual([true, true, true, true]);
  expect(holding.reserve(1)).toBe(false);
  holding.release(MIB);
  expect([MIB, 1].map((bytes) => holding.reserve(bytes))).toEqual([true, false]);
});

test('an upload that is cut off, or released twice, leaves the room as it was', async () => {
  for (const error of [undefined, new Error('cut')]) {
    expect(holding.reserve(8 * MIB)).toBe(true);
    const stream = new PassThrough();
    const taking = expect(holding.take(stream, 8 * MIB)).rejects.toThrow('cut');
    stream.write('some');
    stream.destroy(error);
    await taking;
  }
  expect(holding.reserve(8 * MIB)).toBe(true);
  const stream = new PassThrough();
  const taking = holding.take(stream, 8 * MIB);
  stream.end('all');
  const { held } = await taking;
  held?.release();
  held?.release();
  expect([1, 2, 3, 4, 5].map(() => holding.reserve(8 * MIB))).toEqual([true, true, true, true, false]);
});
