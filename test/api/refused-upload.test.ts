// An upload that is refused before it was read: its client gets the answer, and not a broken connection. The server is a
// process of its own, because one that shares the client's event loop never closes a socket under a client that still writes.
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { until } from '../support/gate.js';
import { sourceForm } from '../support/multipart.js';
import { startServerProcess } from '../support/server-process.js';
import { withTempDir } from '../support/temp-dir.js';

it('is answered however large it is, to a client that looks for its answer late', async () => {
  await withTempDir(async (dataDir) => {
    const server = await startServerProcess({ PROOFSHEET_DATA_DIR: dataDir });
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.pause();
    const length = 20_000_000;
    socket.write(`PUT /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`);
    socket.write(Buffer.alloc(length));
    await sleep(1_500);
    const told = await new Promise<string>((resolve, reject) => {
      socket.once('data', (data) => resolve(data.toString('latin1')));
      socket.once('error', reject);
      socket.resume();
    });
    expect(told).toMatch(/^HTTP\/1\.1 404 /);
    socket.destroy();
    server.kill('SIGTERM');
    expect(await server.gone).toBe(0);
  });
});

it('is answered 503 with Retry-After, however busy its client is with sending 100 at once', async () => {
  await withTempDir(async (dataDir) => {
    const server = await startServerProcess({ PROOFSHEET_DATA_DIR: dataDir, PROOFSHEET_MAX_UPLOADS: '1' });
    // One upload that is being received for as long as the test likes.
    const held = request(`${server.url}/cacheImage/held`, {
      method: 'POST',
      headers: { 'Content-Type': 'multipart/form-data; boundary=held', 'Content-Length': '1000000' },
    });
    held.on('error', () => undefined);
    held.write('--held\r\nContent-Disposition: form-data; name="sourceImage"; filename="a.jpg"\r\n\r\nslowly');
    const upload = (bytes: number) =>
      fetch(`${server.url}/cacheImage/other`, { method: 'POST', body: sourceForm(Buffer.alloc(bytes, 7)) });
    await until(async () => (await upload(1_000)).status === 503, 'the held upload is received');

    const answers = await Promise.all(Array.from({ length: 100 }, () => upload(1_700_000)));
    for (const answer of answers) {
      expect([answer.status, answer.headers.has('retry-after'), await answer.json()]).toEqual([
        503,
        true,
        { code: 5030, message: 'too many uploads are being received; send this one again in a moment' },
      ]);
    }
    held.destroy();
    await until(async () => (await upload(1_000)).status === 415, 'there is room again');
    server.kill('SIGTERM');
    expect(await server.gone).toBe(0);
  });
});
