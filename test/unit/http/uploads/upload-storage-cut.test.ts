// An upload that is given up leaves no temp file, whenever that happens: fuzzing found one left in 100,000 requests.
import { readdir } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import type { Request } from 'express';
import { expect, test } from 'vitest';
import { UploadStorage } from '../../../../src/http/uploads/upload-storage.js';
import { withTempDir } from '../../../support/temp-dir.js';

/** The parser's end of a file part. */
function filePart(): { readonly stream: PassThrough; readonly file: Express.Multer.File } {
  const stream = new PassThrough();
  stream.on('error', () => {});
  // Of a file the storage takes its stream and its name.
  return { stream, file: { stream, originalname: 'a.jpg' } as unknown as Express.Multer.File };
}

test.each([
  ['as it begins', 0],
  ['after a turn of the event loop', 1],
  ['after some turns', 4],
])('cut %s', async (_when, turns) => {
  await withTempDir(async (dir) => {
    for (let upload = 0; upload < 100; upload++) {
      const storage = new UploadStorage(dir, 1_000);
      const { stream, file } = filePart();
      storage._handleFile({} as Request, file, () => {});
      stream.write('x');
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      stream.destroy(new Error('cut'));
      await storage.discard();
    }
    // Whatever was still being opened when its upload was given up has been opened by now.
    for (let turn = 0; turn < 50; turn++) await readdir(dir);
    expect(await readdir(dir)).toEqual([]);
  });
});

test('a file that comes after the upload was given up is not written', async () => {
  await withTempDir(async (dir) => {
    const storage = new UploadStorage(dir, 1_000);
    await storage.discard();
    const { stream, file } = filePart();
    const told = new Promise<unknown>((resolve) => storage._handleFile({} as Request, file, resolve));
    stream.end('late');
    expect(await told).toBeInstanceOf(Error);
    expect(await readdir(dir)).toEqual([]);
  });
});
