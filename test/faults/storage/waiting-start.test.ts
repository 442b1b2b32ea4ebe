// A start that waits for the write lock of the catalog says so, and for whom, and goes on when it is free.
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startModule } from '../../support/processes.js';
import { type ServerProcess, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const HOLDER = new URL('../../support/children/lock-holder.mjs', import.meta.url);
const HELD_MS = 4_000;

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
  const server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path });
  servers.push(server);
  return server;
}

it('names the processes that have the catalog open', async () => {
  const first = await start();
  const holder = startModule(HOLDER, [join(dir.path, 'catalog'), String(HELD_MS)]);
  await once(holder, 'message');
  const since = performance.now();
  const second = await start();
  expect(performance.now() - since).toBeGreaterThan(HELD_MS / 2);
  const waiting = second.log.filter(({ message }) => String(message).startsWith('waiting for another process'));
  expect(waiting).toHaveLength(1);
  expect(waiting[0]).toMatchObject({ level: 'warn', processes: [first.pid] });
  expect(Number(waiting[0]?.waitedMs)).toBeGreaterThanOrEqual(900);
  // The line comes while it waits, not when that is over.
  const at = (entry: unknown) => Date.parse(String((entry as { time: string }).time));
  expect(at(second.log.find(({ message }) => message === 'listening')) - at(waiting[0])).toBeGreaterThan(1_000);
});

it('says nothing when there is nobody, or nothing to wait for', async () => {
  for (let n = 0; n < 2; n++) expect((await start()).log.map(({ message }) => message)).toEqual(['listening']);
});
