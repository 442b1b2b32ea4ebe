// How a waiting server treats the connections that it passes on or holds, whatever their clients and its neighbour do: none outlives its
// two ends, none is forgotten, and none is cut that is still being served. The neighbour is played here, with a lock of its own.
import { renameSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Door, SERVING, TAKEN } from '../../src/door.js';
import { Standby } from '../../src/standby.js';
import { GroupLock } from '../../src/stores/embedded/group-lock.js';
import { FakeLogger } from '../support/fake-logger.js';
import { until } from '../support/gate.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';

const OURS = '000000000001';
const THEIRS = '000000000002';
/** More than the kernel and the streams between take of it unread. */
const BIG = Buffer.alloc(32 * 1024 * 1024, 'x');

let dir: TempDir;
let lock: GroupLock;
let standby: Standby;
let front: Server;
const clients: Socket[] = [];
/** What the neighbour has taken, in order. */
const taken: Socket[] = [];

beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  for (const socket of [...clients.splice(0), ...taken.splice(0)]) socket.destroy();
  await Promise.race([standby.close(0), sleep(1_000)]);
  lock.release();
  await dir.remove();
});

const lockDir = () => join(dir.path, 'lock');

/** The neighbour has the lock, and the standby waits for it. */
async function begin({ below = '', sendTimeoutMs = 60_000 } = {}): Promise<void> {
  const at = join(lockDir(), below);
  lock = await GroupLock.take(at, THEIRS);
  standby = new Standby({
    lockDir: at,
    group: OURS,
    maxConnections: 2_000,
    sendTimeoutMs,
    answersProbes: true,
    logger: new FakeLogger(),
  });
  front = standby.front('http');
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', 2_000, resolve));
  void standby.untilFree();
}

/** The neighbour serves, each connection by `serve`. */
function open(serve: (socket: Socket) => void = () => undefined): Door {
  const server = createServer({ allowHalfOpen: true });
  server.on('connection', (socket) => {
    taken.push(socket);
    serve(socket);
  });
  return new Door(lock, { http: server, health: undefined, imaginary: undefined }, 2_000);
}

/** A client that has sent `text`, keeps its side open whatever comes, and reads nothing before it is told to. */
async function client(text = 'hello'): Promise<Socket> {
  const { port } = front.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  clients.push(socket);
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  if (text) socket.write(text);
  return socket;
}

const connections = () =>
  new Promise<number>((resolve, reject) => {
    front.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });

const nobodyLeft = () => until(async () => (await connections()) === 0, 'the standby has no client');

async function textOf(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

it('pauses before it watches one again that refused', async () => {
  await begin();
  let asked = 0;
  lock.answerBy((_, socket) => {
    asked++;
    socket.destroy();
  });
  const from = performance.now();
  await until(() => asked > 3, 'it was refused');
  await sleep(500);
  // 25 ms each; without a pause they are thousands.
  expect(asked).toBeLessThan(2 + ((performance.now() - from) / 25) * 1.5);
});

it.each(['', 'more'])(
  'ends a client whom the neighbour has answered and ended, though it stays and says "%s"',
  async (more) => {
    await begin();
    open((socket) => socket.once('data', () => socket.end('bye', () => socket.destroySoon())));
    const one = await client();
    let text = '';
    one.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
    await new Promise((resolve) => one.once('end', resolve));
    if (more) one.write(more);
    await nobodyLeft();
    expect(text).toBe('bye');
  },
);

it('ends with the neighbour what a client broke off that had ended its side', async () => {
  await begin();
  let ended = false;
  open((socket) => socket.resume().once('end', () => (ended = true)));
  const one = await client();
  one.end();
  await until(() => ended, 'the end was passed on');
  one.resetAndDestroy();
  // Only who writes learns that nobody is there.
  const writing = setInterval(() => taken[0]?.write('answer'), 20);
  await until(() => taken[0]?.destroyed === true, 'the neighbour is told').finally(() => clearInterval(writing));
  await nobodyLeft();
});

it('ends a client that takes nothing of its answer', async () => {
  await begin({ sendTimeoutMs: 500 });
  open((socket) => socket.resume().write(BIG));
  const one = await client();
  await nobodyLeft();
  await until(() => taken[0]?.destroyed === true, 'the neighbour is told');
  expect(one.bytesRead).toBeLessThan(BIG.length);
});

it('forgets a client that dies while it waits, and stops in its time', async () => {
  await begin();
  const one = await client('');
  await until(async () => (await connections()) === 1, 'it waits');
  await sleep(100);
  one.resetAndDestroy();
  await nobodyLeft();
  open();
  const other = await client();
  await until(() => taken.length > 0, 'the other is passed on');
  other.destroy();
  const closing = standby.close(2_000).then(() => true);
  expect(await Promise.race([closing, sleep(20_000)])).toBe(true);
  expect(taken).toHaveLength(1);
});

it('offers a client again whom the neighbour did not take while it stalled', async () => {
  await begin();
  let stalled = false;
  let passes = 0;
  const watches: Socket[] = [];
  lock.answerBy((question, socket) => {
    const isPass = question.includes('"pass"');
    if (isPass) passes++;
    if (isPass && !stalled) socket.end(`${TAKEN}served`);
    else if (!isPass && stalled) watches.push(socket);
    else if (!isPass) socket.resume().write(SERVING);
  });
  expect(await textOf(await client())).toBe('served');
  stalled = true;
  const one = await client();
  await until(() => passes > 1 && watches.length > 0, 'it asks again whether the neighbour serves');
  stalled = false;
  for (const watch of watches) watch.resume().write(SERVING);
  expect(await textOf(one)).toBe('served');
});

it('offers a client again whom the neighbour refused, which is no sign that it has stopped', async () => {
  await begin();
  let passes = 0;
  let watches = 0;
  lock.answerBy((question, socket) => {
    if (!question.includes('"pass"')) {
      watches++;
      socket.resume().write(SERVING);
    } else if (passes++ === 0) socket.destroy();
    else socket.end(`${TAKEN}served`);
  });
  await until(() => watches > 0, 'it is watched');
  await sleep(100);
  expect(await textOf(await client())).toBe('served');
  expect({ passes, watches }).toEqual({ passes: 2, watches: 1 });
});

it('offers those who wait a portion at a time', async () => {
  await begin();
  const all = await Promise.all(Array.from({ length: 450 }, () => client()));
  await until(async () => (await connections()) === all.length, 'all wait');
  let underWay = 0;
  let most = 0;
  lock.answerBy((question, socket) => {
    if (!question.includes('"pass"')) {
      socket.resume().write(SERVING);
      return;
    }
    most = Math.max(most, ++underWay);
    setTimeout(() => {
      underWay--;
      socket.end(`${TAKEN}served`);
    }, 200);
  });
  expect(new Set(await Promise.all(all.map(textOf)))).toEqual(new Set(['served']));
  expect(most).toBeLessThanOrEqual(200);
});

it('leaves a slow client its answer when it stops', async () => {
  await begin();
  open((socket) => socket.resume().write(BIG));
  const one = await client();
  await until(() => taken.length === 1, 'it is passed on');
  let closing: Promise<void> | undefined;
  let got = 0;
  one.on('data', (bytes: Buffer) => {
    const part = Math.floor(got / (BIG.length / 4));
    got += bytes.length;
    closing ??= standby.close(60_000);
    if (Math.floor(got / (BIG.length / 4)) === part) return;
    // Longer than it takes to count as idle.
    one.pause();
    setTimeout(() => one.resume(), 700);
  });
  await new Promise((resolve) => one.once('end', resolve).once('close', resolve));
  await closing;
  expect(got).toBe(BIG.length);
});

it('takes a lock that cannot be asked, its path being long and gone, for one that refuses', async () => {
  await begin({ below: 'x'.repeat(100) });
  open();
  const first = await client();
  await until(() => taken.length === 1, 'the neighbour serves');
  renameSync(lockDir(), `${lockDir()}-gone`);
  const one = await client();
  await sleep(200);
  const own = createServer((socket) => socket.end('served here'));
  standby.handOver({ http: own, tls: undefined, health: undefined, imaginary: undefined });
  expect(await textOf(one)).toBe('served here');
  renameSync(`${lockDir()}-gone`, lockDir());
  first.destroy();
});

it('does not take a stall of its own for silence of those who are served', async () => {
  await begin();
  open((socket) => socket.resume().write('one '));
  const one = await client();
  let text = '';
  one.on('data', (bytes: Buffer) => {
    text += bytes.toString();
  });
  await until(() => text === 'one ', 'it is being answered');
  const closing = standby.close(60_000);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  taken[0]?.end('two');
  await closing;
  expect(text).toBe('one two');
});
