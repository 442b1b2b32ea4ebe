// What a bucket takes it gives back, and what is too large to be read is a fault of one blob: the service is there for all the others.
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { S3Blobs } from '../../../src/stores/s3/open-s3-blobs.js';
import { blobOf } from '../../support/records.js';
import { openS3ByHand } from '../../support/s3-by-hand.js';
import { withTempDir } from '../../support/temp-dir.js';

const MOST_BYTES = 64 * 2 ** 20;

let server: Server;
let s3: S3Blobs;
let asked: string[];
beforeEach(async () => {
  const objects = new Map<string, Buffer>();
  asked = [];
  server = createServer((request, response) => {
    const [name = ''] = request.url?.split('?') ?? [];
    if (name === '/bucket/') return void response.end();
    asked.push(request.method ?? '');
    if (request.method === 'PUT') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        objects.set(name, Buffer.concat(chunks));
        response.writeHead(200, { ETag: '"x"' }).end();
      });
      return;
    }
    const bytes = objects.get(name);
    response.writeHead(bytes ? 200 : 404, { 'Content-Length': bytes?.length ?? 0 });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  });
  s3 = await openS3ByHand(server, 4 * MOST_BYTES);
});
afterEach(async () => {
  await s3.blobs.close();
  server.closeAllConnections();
  server.close();
});

it('refuses a preview that no read would take, and asks for nothing', { timeout: 120_000 }, () =>
  withTempDir(async (dir) => {
    const { blobs } = s3;
    const most = blobOf('most', MOST_BYTES);
    await blobs.put(most.digest, most.bytes, 'preview');
    expect((await blobs.get(most.digest))?.equals(most.bytes)).toBe(true);
    asked = [];
    const more = blobOf('more', MOST_BYTES + 1);
    const path = join(dir, 'preview');
    await writeFile(path, more.bytes);
    const refused = { code: 'storage-full', elsewhere: true };
    await expect(blobs.put(more.digest, more.bytes, 'preview')).rejects.toMatchObject(refused);
    await expect(blobs.putFile(more.digest, path, 'preview')).rejects.toMatchObject(refused);
    expect(asked).toEqual([]);
  }),
);

it('a read of what is too large is asked once, and keeps nobody from the others', { timeout: 120_000 }, async () => {
  const { blobs } = s3;
  const [large, small] = [blobOf('large', MOST_BYTES + 1), blobOf('small')];
  // Sources are copied to a file, and may be as large as they like.
  await blobs.put(large.digest, large.bytes, 'source');
  await blobs.put(small.digest, small.bytes, 'preview');
  asked = [];
  // More in a row than a service that is away is asked.
  for (let reads = 1; reads <= 6; reads++) {
    await expect(blobs.get(large.digest)).rejects.toMatchObject({ code: 'internal' });
    expect(asked).toHaveLength(reads);
  }
  expect(s3.state()).toBe('up');
  expect(await blobs.get(small.digest)).toEqual(small.bytes);
});
