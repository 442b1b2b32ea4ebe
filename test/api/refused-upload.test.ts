// An upload that is refused before it was read: its client gets the answer, and not a broken connection.
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../support/gate.js';
import { sourceForm } from '../support/multipart.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ maxSourceBytes: 50_000_000, environment: { PROOFSHEET_MAX_UPLOADS: '1' } });
});
afterAll(() => server.close());

it('is answered 503 with Retry-After while too many others are received, however busy they are with sending', async () => {
  // One upload that is being received for as long as the test likes.
  const held = request(`${server.url}/cacheImage/held`, {
    method: 'POST',
    headers: { 'Content-Type': 'multipart/form-data; boundary=held', 'Content-Length': '1000000' },
  });
  held.on('error', () => undefined);
  held.write('--held\r\nContent-Disposition: form-data; name="sourceImage"; filename="a.jpg"\r\n\r\nslowly');
  const upload = () =>
    fetch(`${server.url}/cacheImage/other`, { method: 'POST', body: sourceForm(Buffer.alloc(1_700_000, 7)) });
  await until(async () => (await upload()).status === 503, 'the held upload is received');

  const answers = await Promise.all(Array.from({ length: 100 }, upload));
  for (const answer of answers) {
    expect([answer.status, answer.headers.has('retry-after'), await answer.json()]).toEqual([
      503,
      true,
      { code: 5030, message: 'too many uploads are being received; send this one again in a moment' },
    ]);
  }
  expect(await answerWhileSending(server.url)).toMatch(/^HTTP\/1\.1 503 /);
  held.destroy();
  await until(async () => (await upload()).status === 415, 'there is room again');
});

/** What is answered to a client that sends 2 MB over 100 ms without listening; rejects when it is cut off meanwhile. */
async function answerWhileSending(url: string): Promise<string> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (data: Buffer) => {
    answer += data.toString();
  });
  const broken = new Promise<never>((_, reject) => socket.once('error', reject));
  broken.catch(() => undefined);
  socket.write(
    `POST ${pathname}/cacheImage/other HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=b\r\n` +
      'Content-Length: 4000000\r\n\r\n',
  );
  for (let chunk = 0; chunk < 20; chunk++) {
    socket.write(Buffer.alloc(100_000));
    await Promise.race([delay(5), broken]);
  }
  socket.destroy();
  return answer;
}
