// Clients that take their answers a few bytes at a time, or not at all: they cost one answer of memory, a deadline ends them,
// nobody waits for them, and at SIGTERM what they still take is not cut.
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BASIC_AUTH, startEdgeServer } from '../../support/edge-server.js';
import { ask, isWhole, said, upload } from '../../support/faults/server-client.js';
import { until } from '../../support/gate.js';
import { RawConnection } from '../../support/http-client.js';
import { image, randomNumbers } from '../../support/images.js';
import { residentBytes, type ServerProcess, scrape, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const MIB = 2 ** 20;
/** As many as may wait on a connection, and more bytes than the kernel takes for a client that reads nothing. */
const PIPELINED = 100;

let dir: TempDir;
let server: ServerProcess;
const clients: { destroy(): void }[] = [];

/** A JPEG that is large for its size: its previews are too. */
function noise(widthPx: number, heightPx: number): Promise<Buffer> {
  const next = randomNumbers(7);
  const data = Buffer.from(Array.from({ length: widthPx * heightPx * 3 }, () => next() * 256));
  return image({ data, widthPx, heightPx, channels: 3 }).jpeg().toBuffer();
}

async function start(environment: Readonly<Record<string, string>>): Promise<void> {
  dir = await tempDir();
  server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path, ...environment });
  expect(said(await upload(`${server.url}/cacheImage/a`, await noise(1500, 1000)))).toBe('200');
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
});

const get = (format: string, query = ''): string =>
  `GET /imageconverter/getImage/a/${format}${query} HTTP/1.1\r\nHost: test\r\n\r\n`;

async function silent(): Promise<RawConnection> {
  const client = await RawConnection.open(server.url);
  client.socket.pause();
  clients.push(client);
  return client;
}

/** A client that reads 16 bytes fifty times a second. */
function dripping(url: string, request: string): void {
  const { hostname, port } = new URL(url);
  const onread = { buffer: Buffer.alloc(16), callback: () => false };
  const socket = connect({ host: hostname, port: Number(port), onread });
  const drip = setInterval(() => socket.resume(), 20);
  socket.on('error', () => undefined);
  socket.on('close', () => clearInterval(drip));
  clients.push(socket);
  socket.write(request);
}

async function openFiles(): Promise<number> {
  return (await readdir(`/proc/${server.pid}/fd`)).length;
}

const answered = () => scrape(server.origin, 'proofsheet_http_requests_total', 'operation="getImage"');

describe('a slow reader', () => {
  beforeEach(() => start({ PROOFSHEET_SEND_TIMEOUT_MS: '3000' }));
  afterEach(async () => {
    server.kill('SIGTERM');
    expect(await server.gone).toBe(0);
    await dir.remove();
  });

  it.each([
    ['from the hot lane', 'auto:800x800', ''],
    ['from the hot lane, of large answers', 'auto:1920x1080', ''],
    ['of answers that are not prepared', 'auto:800x800', '?n='],
    ['of large answers that are not prepared', 'auto:1920x1080', '?n='],
  ])(
    '%s is ended in the time of one answer, and costs little',
    async (_what, format, query) => {
      for (let round = 0; round < 3; round++) {
        const whole = await ask(`${server.url}/getImage/a/${format}`);
        expect([isWhole(whole), whole.body.length > 100_000]).toEqual([true, true]);
      }
      const files = await openFiles();
      const before = await residentBytes(server.pid);
      const requests = Array.from({ length: PIPELINED }, (_, n) => get(format, query && `${query}${n}`)).join('');
      for (let n = 0; n < 8; n++) (await silent()).send(requests);
      for (let n = 0; n < 2; n++) dripping(server.url, requests);
      await until(async () => (await openFiles()) >= files + 10, 'the server has all ten');
      let most = 0;
      let hits = 0;
      await until(async () => {
        const asked = performance.now();
        expect(isWhole(await ask(`${server.url}/getImage/a/auto:200x150`))).toBe(true);
        expect(performance.now() - asked).toBeLessThan(2_000);
        hits++;
        most = Math.max(most, await residentBytes(server.pid));
        return (await openFiles()) <= files + 1;
      }, 'the slow readers are gone');
      // Nobody waits for them: there were hits in the seconds until they were ended.
      expect(hits).toBeGreaterThan(1);
      console.log(`${hits} hits, ${Math.round((most - before) / MIB)} MiB more with 10 slow readers ${_what}`);
      expect(most - before).toBeLessThan(64 * MIB);
      await until(
        async () => (await scrape(server.origin, 'proofsheet_http_requests_in_flight')) === 1,
        'nothing but the question is in flight',
      );
      // Prepared answers are counted when they are given, the others when they were taken.
      const cut = await scrape(server.origin, 'proofsheet_http_requests_total', 'operation="getImage",status="499"');
      expect(cut > 0).toBe(query !== '');
    },
    300_000,
  );
});

it('is asked for no more of a list than it takes, and ended', async () => {
  const edge = await startEdgeServer({ sendTimeoutMs: 1_000 });
  let given = 0;
  let isEnded = false;
  // An endless list, as one of a billion keys is.
  async function* keys() {
    try {
      for (;;) {
        given++;
        yield ['k'.repeat(60_000)];
      }
    } finally {
      isEnded = true;
    }
  }
  edge.previews.keys = keys as unknown as typeof edge.previews.keys;
  const request = `GET /imageconverter/getKeys HTTP/1.1\r\nHost: test\r\nAuthorization: ${BASIC_AUTH}\r\n\r\n`;
  dripping(edge.url, request);
  // The client itself learns it when it has read what the kernel has for it.
  await until(() => isEnded, 'the list is ended');
  // What the kernel holds for both ends, and one more.
  expect(given * 60_000).toBeLessThan(48 * MIB);
  await until(() => edge.logger.at('info').some(({ fields }) => fields.status === 499), 'the line is written');
  await edge.close();
});

describe('at SIGTERM', () => {
  afterEach(async () => {
    server.kill('SIGKILL');
    await dir.remove();
  });

  it.each([
    ['prepared', 'auto:800x800', ''],
    ['made by Express', 'auto:800x800', '?n='],
  ])(
    'an answer (%s) that a client still takes is not cut',
    async (_what, format, query) => {
      await start({});
      const whole = await ask(`${server.url}/getImage/a/${format}`);
      for (let round = 0; round < 2; round++) await ask(`${server.url}/getImage/a/${format}`);
      const client = await silent();
      client.send(Array.from({ length: PIPELINED }, (_, n) => get(format, query && `${query}${n}`)).join(''));
      // It stalls when the kernel takes no more: the count of answers stands still.
      let last = -1;
      await until(async () => {
        await sleep(200);
        const now = await answered();
        const stands = now === last;
        last = now;
        return stands;
      }, 'it takes no more');
      expect(last).toBeLessThan(PIPELINED);
      server.kill('SIGTERM');
      await until(() => server.log.some((line) => line.signal === 'SIGTERM'), 'it drains');
      // Whoever cuts does so now, at once.
      await sleep(500);
      client.socket.resume();
      await client.closed();
      const text = client.text;
      const heads = [
        ...text.matchAll(/HTTP\/1\.1 (\d+) [^\n]*\n(?:[^\n]+\r\n)*?Content-Length: (\d+)\r\n(?:[^\n]+\r\n)*\r\n/g),
      ];
      expect(heads.length).toBeGreaterThan(2);
      for (const [index, { 0: head, 1: status, 2: length, index: at }] of heads.entries()) {
        const end = at + head.length + Number(length);
        expect([index, end]).toEqual([index, heads[index + 1]?.index ?? text.length]);
        if (status === '200') expect(Number(length)).toBe(whole.body.length);
        else expect([status, index]).toEqual(['503', heads.length - 1]);
      }
      expect(await server.gone).toBe(0);
    },
    300_000,
  );

  it('a client that never takes its answer does not keep the server beyond the drain limit', async () => {
    await start({ PROOFSHEET_DRAIN_TIMEOUT_MS: '1000' });
    for (let round = 0; round < 3; round++) await ask(`${server.url}/getImage/a/auto:800x800`);
    const client = await silent();
    const before = await answered();
    client.send(get('auto:800x800').repeat(PIPELINED));
    await until(async () => (await answered()) > before + 1, 'it is being answered');
    const asked = performance.now();
    server.kill('SIGTERM');
    expect(await server.gone).toBe(0);
    // Below the 60 s that a client has to take an answer.
    expect(performance.now() - asked).toBeLessThan(20_000);
  }, 300_000);
});
