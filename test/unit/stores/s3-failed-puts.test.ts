// Uploads that an S3 service refuses, resets or does not take: no file stays open, and nothing is written but by our logger.
import { readdir, readlink, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { until } from '../../support/gate.js';
import { blobOf } from '../../support/records.js';
import { openS3ByHand } from '../../support/s3-by-hand.js';
import { withTempDir } from '../../support/temp-dir.js';

/** More than sockets and pipes take of what nobody reads. */
const BYTES = 20 * 2 ** 20;

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function open(onPut: RequestListener) {
  server = createServer((request, response) => {
    if (request.method === 'PUT') onPut(request, response);
    else response.end();
  });
  return openS3ByHand(server, BYTES);
}

async function openBelow(dir: string): Promise<number> {
  const paths = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
  return (await Promise.all(paths)).filter((path) => path.startsWith(dir)).length;
}

it.each<[string, RequestListener]>([
  ['refused', (_request, response) => void response.writeHead(500).end()],
  ['reset', (request) => void setTimeout(() => request.socket.destroy(), 20)],
  // The time that a request may take is over.
  ['not taken', (request) => void request.pause()],
])('%s', { timeout: 120_000 }, (_what, onPut) =>
  withTempDir(async (dir) => {
    const written = ['log', 'info', 'warn', 'error'].map((level) =>
      vi.spyOn(console, level as 'log').mockImplementation(() => undefined),
    );
    const { blobs } = await open(onPut);
    const { digest, bytes } = blobOf('large', BYTES);
    const path = join(dir, 'source');
    await writeFile(path, bytes);
    await expect(blobs.putFile(digest, path, 'source')).rejects.toMatchObject({ code: 'shared-tier-unreachable' });
    await until(async () => (await openBelow(dir)) === 0, 'the file is closed');
    expect(written.flatMap((spy) => spy.mock.calls)).toEqual([]);
    await blobs.close();
    for (const spy of written) spy.mockRestore();
  }),
);
