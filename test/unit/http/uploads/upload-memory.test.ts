// A small upload is kept as bytes, and what is wrong with it is told as for one that gets a file.
import { PassThrough } from 'node:stream';
import type { Request } from 'express';
import { expect, test } from 'vitest';
import { UploadMemory } from '../../../../src/http/uploads/upload-memory.js';
import { digestOf } from '../../../../src/kernel/digest.js';

function taking(storage: UploadMemory, originalname = 'dir/a.jpg') {
  const stream = new PassThrough();
  const file = { stream, originalname } as unknown as Express.Multer.File;
  let times = 0;
  const told = new Promise<unknown>((resolve) =>
    storage._handleFile({} as Request, file, (error) => {
      times++;
      resolve(error);
    }),
  );
  return { stream, told, times: () => times };
}

test('its bytes, its digest and the last segment of its name are what was sent', async () => {
  const storage = new UploadMemory(1_000);
  const { stream, told } = taking(storage);
  stream.write('ab');
  stream.end('cd');
  expect(await told).toBe(null);
  const content = Buffer.from('abcd');
  expect(storage.upload).toEqual({ path: '', content, digest: digestOf(content), bytes: 4, fileName: 'a.jpg' });
});

test('what is kept is a copy: the socket reads into the same memory again', async () => {
  const storage = new UploadMemory(1_000);
  const { stream, told } = taking(storage);
  const chunk = Buffer.from('abcd');
  stream.end(chunk);
  await told;
  chunk.fill(0);
  expect(storage.upload?.content?.toString()).toBe('abcd');
});

test.each([
  ['with an error', new Error('cut')],
  ['without one', undefined],
])('one that is cut off %s is told once, and there is no upload', async (_how, error) => {
  const storage = new UploadMemory(1_000);
  const { stream, told, times } = taking(storage);
  stream.write('ab');
  stream.destroy(error);
  expect(await told).toBeInstanceOf(Error);
  await new Promise((resolve) => setImmediate(resolve));
  expect(times()).toBe(1);
  expect(storage.upload).toBeUndefined();
});

test('one that the parser has cut at its limit is too large, whether its rest comes or not', async () => {
  const storage = new UploadMemory(2);
  const { stream, told } = taking(storage);
  stream.write('ab');
  stream.emit('limit');
  expect(await told).toMatchObject({ code: 'source-too-large' });
  stream.end();
  await new Promise((resolve) => setImmediate(resolve));
  expect(storage.upload).toBeUndefined();
});
