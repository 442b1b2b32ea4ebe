// Uploads that come too slowly, stall or are left, at every stage: each is ended by its deadline or its end, gives back its
// place, its temp file, its handles and its memory, and nobody else waits for it.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { another, ask, isWhole, said, upload } from '../../support/faults/server-client.js';
import { until } from '../../support/gate.js';
import { RawConnection } from '../../support/http-client.js';
import { BOUNDARY, FORM_TYPE, filePart, multipartBody } from '../../support/multipart.js';
import { residentBytes, type ServerProcess, scrape, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const MIB = 2 ** 20;
const MAX_UPLOADS = 4;

let dir: TempDir;
let server: ServerProcess;
let photo: Buffer;
beforeEach(async () => {
  dir = await tempDir();
  photo ??= await encodedPhoto(900, 700, 95);
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: dir.path,
    PROOFSHEET_MAX_UPLOADS: String(MAX_UPLOADS),
    PROOFSHEET_HEADERS_TIMEOUT_MS: '1000',
    PROOFSHEET_UPLOAD_IDLE_TIMEOUT_MS: '1000',
    PROOFSHEET_UPLOAD_TIMEOUT_MS: '2000',
    // With a small heap V8 collects what nobody needs before it asks for more: what grows then is held by somebody.
    NODE_OPTIONS: '--max-old-space-size=64 --max-semi-space-size=1',
  });
  expect(said(await upload(`${server.url}/cacheImage/a`, another(photo)))).toBe('200');
});
afterEach(async () => {
  server.kill('SIGTERM');
  expect(await server.gone).toBe(0);
  await dir.remove();
});

async function uploadFiles(): Promise<readonly string[]> {
  const tmp = join(dir.path, 'tmp');
  const [own = ''] = await readdir(tmp);
  return readdir(join(tmp, own));
}

async function openFiles(): Promise<number> {
  return (await readdir(`/proc/${server.pid}/fd`)).length;
}

/** The bytes of an upload: where its head ends, and where its last boundary begins. */
function request(path: string, source: Buffer): { all: Buffer; headEnd: number; lastBoundary: number } {
  const body = multipartBody([filePart('sourceImage', 'a.jpg', source)]);
  const lines = [`Content-Type: ${FORM_TYPE}`, `Content-Length: ${body.length}`];
  const head = Buffer.from(`${[`POST /imageconverter/${path} HTTP/1.1`, 'Host: test', ...lines].join('\r\n')}\r\n\r\n`);
  const all = Buffer.concat([head, body]);
  return { all, headEnd: head.length, lastBoundary: all.length - BOUNDARY.length - 8 };
}

/** Everything that an upload takes is given back. */
async function expectNothingLeft(): Promise<void> {
  await until(async () => (await uploadFiles()).length === 0, 'temp files are gone');
  for (const gauge of ['http_requests_in_flight', 'background_jobs'] as const) {
    const most = gauge === 'http_requests_in_flight' ? 1 : 0;
    await until(async () => (await scrape(server.origin, `proofsheet_${gauge}`)) === most, `${gauge} is ${most}`);
  }
}

it('gives the places of uploads that drip or stall to others, in the time of an upload', async () => {
  const { all, headEnd, lastBoundary } = request('cacheImage/slow', photo);
  const slow: { readonly connection: RawConnection; stop(): void }[] = [];
  const begin = async (first: number, bytesPerSecond: number): Promise<void> => {
    const connection = await RawConnection.open(server.url);
    connection.send(all.subarray(0, first));
    let at = first;
    const drip = setInterval(() => connection.send(all.subarray(at, ++at)), 1_000 / Math.max(1, bytesPerSecond));
    if (bytesPerSecond === 0) clearInterval(drip);
    slow.push({ connection, stop: () => clearInterval(drip) });
  };
  await begin(headEnd + 1, 20);
  await begin(headEnd + 40, 0);
  await begin(headEnd + 30_000, 20);
  await begin(lastBoundary, 0);
  // These are not uploads yet, and take no place.
  await begin(10, 20);
  await begin(headEnd - 1, 0);
  await until(async () => (await uploadFiles()).length === 2, 'two have begun their files');
  const refused = await upload(`${server.url}/cacheImage/b`, another(photo));
  expect([said(refused), refused.headers.get('retry-after')]).toEqual(['503/5030', '1']);
  // A hit does not wait for them: many are answered in the time in which the slow ones are ended.
  let ended = 0;
  for (const { connection } of slow) connection.socket.once('close', () => ended++);
  let hits = 0;
  for (; hits < 20 && ended < slow.length; hits++)
    expect(isWhole(await ask(`${server.url}/getImage/a/auto:200x150`))).toBe(true);
  expect(hits).toBeGreaterThan(3);
  for (const { connection, stop } of slow) {
    const { status, body } = await connection.answer();
    expect([status, JSON.parse(body).code]).toEqual([408, 4080]);
    stop();
    await connection.closed();
  }
  await expectNothingLeft();
  const again = Array.from({ length: MAX_UPLOADS }, (_, n) => upload(`${server.url}/cacheImage/${n}`, another(photo)));
  expect((await Promise.all(again)).map(said)).toEqual(Array(MAX_UPLOADS).fill('200'));
  expect(said(await ask(`${server.url}/getMetadata/slow`))).toBe('404/4040');
});

it('has all it had before after 300 uploads that were left at every stage', async () => {
  let left = 0;
  const leave = async (how: 'reset' | 'end'): Promise<void> => {
    const key = `left-${left++ % 8}`;
    const { all, headEnd, lastBoundary } = request(`cacheImage/${key}`, another(photo));
    const stages = [5, headEnd - 1, headEnd, headEnd + 1, headEnd + 60, headEnd + 300, headEnd + 40_000];
    const stage = [...stages, Math.floor(all.length / 2), lastBoundary, all.length - 1, all.length][left % 11] ?? 0;
    const connection = await RawConnection.open(server.url);
    const isWholeUpload = stage === all.length;
    const received = isWholeUpload ? await scrape(server.origin, 'proofsheet_upload_bytes_total') : 0;
    await new Promise<void>((resolve) => connection.socket.write(all.subarray(0, stage), () => resolve()));
    // What is whole is left when the server knows that it is: while it converts.
    if (isWholeUpload)
      await until(
        async () => (await scrape(server.origin, 'proofsheet_upload_bytes_total')) > received,
        'the upload is received',
      );
    if (how === 'reset') connection.socket.resetAndDestroy();
    else connection.socket.end(() => connection.destroy());
  };
  const rounds = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) await Promise.all([leave('reset'), leave('end')]);
    await expectNothingLeft();
  };
  await rounds(33);
  const files = await openFiles();
  let grown = Number.POSITIVE_INFINITY;
  // Garbage that is not collected yet is there at one time and not at another; what is held by somebody grows each time.
  for (let tries = 0; tries < 3 && grown >= 12; tries++) {
    const before = await residentBytes(server.pid);
    await rounds(150);
    await until(async () => (await openFiles()) <= files + 1, 'handles are given back');
    grown = ((await residentBytes(server.pid)) - before) / MIB;
    console.log(
      `${Math.round(grown)} MiB more after 300 uploads of ${Math.round(photo.length / 1_024)} KiB that were left`,
    );
  }
  // 46 MiB were sent each time.
  expect(grown).toBeLessThan(12);
  // What was left whole may be kept, whole.
  for (let n = 0; n < 8; n++) {
    const kept = await ask(`${server.url}/getImage/left-${n}/auto:200x150`);
    expect(kept.status === 404 || isWhole(kept)).toBe(true);
  }
  expect(said(await upload(`${server.url}/cacheImage/after`, another(photo)))).toBe('200');
}, 300_000);
