// Servers in containers on one data directory, one after the other: each has the same process id, and none can see what became of the
// one before. Each is killed under uploads, and nothing acknowledged is lost. With PROOFSHEET_TEST_ROLLING_RESTARTS=20 the new one starts
// while the old one still serves, so many times: which is not as safe yet, see docs/RELIABILITY.md.
import { readdir } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { inContainer } from '../../support/faults/wrappers.js';
import { until } from '../../support/gate.js';
import { sourceForm } from '../../support/multipart.js';
import { type ServerProcess, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const ROLLING = process.env.PROOFSHEET_TEST_ROLLING_RESTARTS;
const RESTARTS = Number(ROLLING ?? 3);
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

async function end(server: ServerProcess): Promise<void> {
  server.kill('SIGKILL');
  await server.gone;
}

it('a restart loses nothing that was acknowledged', { timeout: 60_000 + RESTARTS * 20_000 }, async () => {
  const photos = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => encodedPhoto(200 + n, 150)));
  let current = await start();
  let stopped = false;
  let slowestMs = 0;
  const acknowledged: string[] = [];
  const uploading = Array.from({ length: UPLOADERS }, async (_, uploader) => {
    for (let n = 0; !stopped; n++) {
      const key = `${uploader}-${n}`;
      const body = sourceForm(photos[(uploader + n) % photos.length] ?? Buffer.alloc(0));
      // A server that is killed answers nobody, and has acknowledged nothing then.
      const answer = await fetch(`${current.url}/cacheImage/${key}`, { method: 'POST', body }).catch(() => undefined);
      if (answer?.status === 200) acknowledged.push(key);
      if (answer === undefined) await setTimeout(20);
    }
  });
  for (let restart = 0; restart < RESTARTS; restart++) {
    const [old, before] = [current, acknowledged.length];
    await until(() => acknowledged.length > before + 20, 'uploads go on');
    if (ROLLING === undefined) await end(old);
    const since = performance.now();
    current = await start();
    slowestMs = Math.max(slowestMs, performance.now() - since);
    if (ROLLING === undefined) continue;
    expect(await (await fetch(`${old.origin}/readyz`)).json()).toMatchObject({ ready: true });
    await end(old);
  }
  await until(async () => (await fetch(`${current.url}/getKeyCount`)).ok, 'the last one answers');
  stopped = true;
  await Promise.all(uploading);
  const lost: string[] = [];
  for (const key of acknowledged) if ((await fetch(`${current.url}/getMetadata/${key}`)).status !== 200) lost.push(key);
  expect(lost).toEqual([]);
  // A second or two on a quiet machine; a start that waits for a lock of the dead waits longer than all patience.
  expect(slowestMs).toBeLessThan(30_000);
  console.log(
    `${acknowledged.length} uploads through ${RESTARTS} restarts, the slowest start took ${Math.round(slowestMs)} ms`,
  );
  expect(acknowledged.length).toBeGreaterThan(10 * RESTARTS);
  expect((await readdir(dir.path)).filter((name) => name.startsWith('catalog'))).toEqual(['catalog']);
  for (const server of servers) expect(server.log.filter(({ level }) => level === 'error')).toEqual([]);
});
