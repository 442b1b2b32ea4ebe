// Ten thousand connections that were served and do nothing: what each costs, that others are served beside them, and that
// everything comes back when they go or their time is over.
import type { ChildProcess } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { ask, isWhole, said, upload } from '../../support/faults/server-client.js';
import { until } from '../../support/gate.js';
import { startModule } from '../../support/processes.js';
import { residentBytes, type ServerProcess, scrape, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { requireTool } from '../../support/tools.js';

const CONNECTIONS = 10_000;
/** Processes that hold them, so that each stays below the usual limit of 4,096 handles. */
const HOLDERS = 4;
const HITS = 300;
const HOLDER = fileURLToPath(new URL('../../support/children/idle-connections.mjs', import.meta.url));
/** Handles that the server needs; it is refused to start with fewer rather than tested with fewer connections. */
const HANDLES = CONNECTIONS + 1_000;
const WITH_HANDLES = [
  '-c',
  `ulimit -n ${HANDLES} || { echo "this test needs ${HANDLES} open files in one process, and the hard limit (ulimit -Hn) is $(ulimit -Hn)" >&2; exit 1; }; exec "$@"`,
  'sh',
];

interface Holder {
  readonly child: ChildProcess;
  served: number;
  closed: number;
  readonly errors: string[];
}

let dir: TempDir;
let server: ServerProcess;
const holders: Holder[] = [];

beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  for (const { child } of holders.splice(0)) child.disconnect();
  server.kill('SIGTERM');
  expect(await server.gone).toBe(0);
  await dir.remove();
});

async function start(keepAliveTimeoutMs: number): Promise<void> {
  const environment = {
    PROOFSHEET_DATA_DIR: dir.path,
    PROOFSHEET_MAX_CONNECTIONS: String(CONNECTIONS + 500),
    PROOFSHEET_KEEP_ALIVE_TIMEOUT_MS: String(keepAliveTimeoutMs),
  };
  server = await startServerProcess(environment, [await requireTool('sh'), ...WITH_HANDLES]);
  expect(said(await upload(`${server.url}/cacheImage/a`, await encodedPhoto(900, 700)))).toBe('200');
}

/** Holds `count` connections from an address of its own: one address has too few ports on some machines. */
function hold(count: number): Holder {
  const port = new URL(server.url).port;
  const args = [port, String(count), `127.0.0.${2 + holders.length}`, '/imageconverter/getImage/a/auto:200x150'];
  const holder: Holder = { child: startModule(HOLDER, args), served: 0, closed: 0, errors: [] };
  holder.child.on('message', (told: { served?: number; closed?: number; error?: string }) => {
    holder.served = told.served ?? holder.served;
    holder.closed = told.closed ?? holder.closed;
    if (told.error !== undefined) holder.errors.push(told.error);
  });
  holders.push(holder);
  return holder;
}

async function allServed(count: number): Promise<void> {
  const isOver = () => holders.every(({ served, errors }) => served === count || errors.length > 0);
  // On a busy machine this takes longer than a single condition is waited for.
  await vi.waitUntil(isOver, { timeout: 240_000, interval: 20 });
  expect(holders.flatMap(({ errors }) => errors)).toEqual([]);
}

async function connections(): Promise<number> {
  return (await readdir(`/proc/${server.pid}/fd`)).length;
}

/** What hits take, one after the other, in ms. */
async function timesOfHits(): Promise<{ readonly median: number; readonly p99: number }> {
  const times: number[] = [];
  for (let n = 0; n < HITS; n++) {
    const asked = performance.now();
    expect(isWhole(await ask(`${server.url}/getImage/a/auto:800x800`))).toBe(true);
    times.push(performance.now() - asked);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(HITS * share)] ?? Number.NaN;
  return { median: at(0.5), p99: at(0.99) };
}

it('keeps 10,000 of them for little memory, serves beside them as before, and forgets them when they go', async () => {
  await start(600_000);
  await timesOfHits();
  const alone = await timesOfHits();
  const files = await connections();
  const before = await residentBytes(server.pid);
  for (let n = 0; n < HOLDERS; n++) hold(CONNECTIONS / HOLDERS);
  await allServed(CONNECTIONS / HOLDERS);
  expect((await connections()) - files).toBeGreaterThanOrEqual(CONNECTIONS);
  const perConnection = ((await residentBytes(server.pid)) - before) / CONNECTIONS;
  const beside = await timesOfHits();
  console.log(
    `${(perConnection / 1_024).toFixed(1)} KiB a connection; p99 of hits ${alone.p99.toFixed(1)} ms alone, ${beside.p99.toFixed(1)} ms beside them`,
  );
  expect(perConnection).toBeLessThan(32 * 1_024);
  expect(beside.median).toBeLessThan(5 * alone.median + 10);
  expect(beside.p99).toBeLessThan(5 * alone.p99 + 50);
  expect(await scrape(server.origin, 'proofsheet_http_requests_in_flight')).toBe(1);
  for (const { child } of holders.splice(0)) child.disconnect();
  await until(async () => (await connections()) <= files + 2, 'their handles are given back');
  expect(isWhole(await ask(`${server.url}/getImage/a/auto:800x800`))).toBe(true);
}, 300_000);

it('closes them when they have been idle for as long as they may', async () => {
  await start(1_000);
  const files = await connections();
  const holder = hold(500);
  await allServed(500);
  await until(() => holder.closed === 500, 'all are closed');
  await until(async () => (await connections()) <= files + 2, 'their handles are given back');
});
