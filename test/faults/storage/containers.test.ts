// Servers in containers on one data directory, side by side, as in a rolling restart: each has the same process id, and none sees the
// other. The new one listens while the old one still serves; then that is ended, by SIGKILL and by SIGTERM in turn. Uploads go on at both,
// and nothing acknowledged is lost. PROOFSHEET_TEST_ROLLING_RESTARTS=20 for more of them.
import { readdir } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { inContainer } from '../../support/faults/wrappers.js';
import { until } from '../../support/gate.js';
import { sourceForm } from '../../support/multipart.js';
import { childrenOf } from '../../support/processes.js';
import { type ServerProcess, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const RESTARTS = Number(process.env.PROOFSHEET_TEST_ROLLING_RESTARTS ?? 4);
const UPLOADERS = 3;

let dir: TempDir;
const servers: ServerProcess[] = [];
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  for (const server of servers) server.kill('SIGKILL');
  await Promise.all(servers.splice(0).map((server) => server.gone));
  await dir.remove();
});

async function start(): Promise<ServerProcess> {
  const server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path }, await inContainer());
  servers.push(server);
  return server;
}

/** The wrapper hands on no signal but SIGKILL: it is the server behind it that is asked to stop. */
async function end(server: ServerProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  const [shell = 0] = childrenOf(server.pid);
  const [inner = 0] = childrenOf(shell);
  if (signal === 'SIGKILL') server.kill(signal);
  else process.kill(inner, signal);
  await server.gone;
}

const said = ({ log }: ServerProcess, start: string) => log.filter(({ message }) => String(message).startsWith(start));
const ready = async ({ origin }: ServerProcess) =>
  (await fetch(`${origin}/readyz`, { headers: { Connection: 'close' } })).status === 200;

it('a rolling restart loses nothing that was acknowledged', { timeout: 60_000 + RESTARTS * 60_000 }, async () => {
  const photos = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => encodedPhoto(200 + n, 150)));
  let current = [await start()];
  let stopped = false;
  let slowestMs = 0;
  const acknowledged: string[] = [];
  const uploading = Array.from({ length: UPLOADERS }, async (_, uploader) => {
    for (let n = 0; !stopped; n++) {
      const key = `${uploader}-${n}`;
      const body = sourceForm(photos[(uploader + n) % photos.length] ?? Buffer.alloc(0));
      const { url = '' } = current[n % current.length] ?? {};
      // A server that is killed answers nobody, and has acknowledged nothing then.
      const answer = await fetch(`${url}/cacheImage/${key}`, { method: 'POST', body }).catch(() => undefined);
      if (answer?.status === 200) acknowledged.push(key);
      if (answer === undefined) await setTimeout(20);
    }
  });
  const goesOn = async (what: string) => {
    const before = acknowledged.length;
    await until(() => acknowledged.length > before + 20, what);
  };
  for (let restart = 0; restart < RESTARTS; restart++) {
    await goesOn('uploads go on');
    const [old] = current;
    const since = performance.now();
    const next = await start();
    slowestMs = Math.max(slowestMs, performance.now() - since);
    if (old === undefined) throw new Error('expected a server, got none');
    current = [old, next];
    await goesOn('uploads go on at both');
    expect(said(next, 'a server in another container has the data directory')).toHaveLength(1);
    expect(said(next, 'the data directory is free')).toEqual([]);
    await until(async () => (await ready(old)) && (await ready(next)), 'both are ready');
    // What one acknowledges the other has at once.
    const last = acknowledged.at(-1);
    for (const { url } of current) expect((await fetch(`${url}/getMetadata/${last}`)).status).toBe(200);
    current = [next];
    await end(old, restart % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
    await until(() => said(next, 'the data directory is free').length === 1, 'the new one has the data directory');
  }
  await goesOn('the last one serves');
  stopped = true;
  await Promise.all(uploading);
  const [last] = current;
  const lost: string[] = [];
  for (const key of acknowledged) if ((await fetch(`${last?.url}/getMetadata/${key}`)).status !== 200) lost.push(key);
  expect(lost).toEqual([]);
  console.log(
    `${acknowledged.length} uploads through ${RESTARTS} restarts, the slowest start took ${Math.round(slowestMs)} ms`,
  );
  expect((await readdir(dir.path)).filter((name) => name.startsWith('catalog'))).toEqual(['catalog']);
  expect(await readdir(`${dir.path}/in-use`)).toHaveLength(1);
  for (const server of servers) expect(server.log.filter(({ level }) => level === 'error')).toEqual([]);
});
