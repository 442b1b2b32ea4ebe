// A start that waits for the write lock of the catalog says so, and for whom, and goes on when it is free.
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../../support/gate.js';
import { startModule } from '../../support/processes.js';
import { type ServerProcess, spawnServer, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const HOLDER = new URL('../../support/children/lock-holder.mjs', import.meta.url);

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

async function start(environment: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  const server = await startServerProcess({ PROOFSHEET_DATA_DIR: dir.path, ...environment });
  servers.push(server);
  return server;
}

it('names the processes that have the catalog open, and goes on when they let it', { timeout: 120_000 }, async () => {
  const first = await start();
  const freed = join(dir.path, 'freed');
  const holder = startModule(HOLDER, [join(dir.path, 'catalog'), freed]);
  await once(holder, 'message');
  const second = spawnServer({ PROOFSHEET_DATA_DIR: dir.path });
  const gone = once(second, 'exit');
  const lines: Readonly<Record<string, unknown>>[] = [];
  createInterface({ input: second.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  const said = (start: string) => lines.filter(({ message }) => String(message).startsWith(start));
  // The line comes while it waits, not when that is over.
  await until(() => said('waiting for another process').length > 0, 'it says that it waits');
  expect(said('listening')).toEqual([]);
  const [waiting] = said('waiting for another process');
  expect(waiting).toMatchObject({ level: 'warn', processes: [first.pid] });
  expect(Number(waiting?.waitedMs)).toBeGreaterThanOrEqual(900);
  await writeFile(freed, '');
  await until(() => said('listening').length > 0, 'it listens');
  second.kill('SIGKILL');
  await gone;
});

it('says nothing when there is nobody, or nothing to wait for', async () => {
  // Where there are no fonts, that is told of drawings with text; here are none.
  const environment = { PROOFSHEET_SOURCE_TYPES: 'jpeg' };
  for (let n = 0; n < 2; n++)
    expect((await start(environment)).log.map(({ message }) => message)).toEqual(['listening']);
});
