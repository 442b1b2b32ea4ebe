// The same interleavings as on the embedded store, on a real Redis server: two nodes, and every single script and batch of
// commands waits for its turn, so that another node's come between any two of them.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Link } from '../../../src/stores/redis/link.js';
import { FakeClock } from '../../support/fake-clock.js';
import { type Interleavings, type NodeOptions, openInterleavings, type Turn } from '../../support/interleavings.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, type TestStore } from '../../support/redis-store.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const SCHEDULES = Number(process.env.PROOFSHEET_TEST_SCHEDULES ?? 60);
/** Who waits for a turn is not late, nor is a socket that a machine busy with other tests has not looked at. */
const PATIENT = {
  socketTimeoutMs: 600_000,
  deadlines: { getMs: 600_000, setMs: 600_000, scriptMs: 600_000 },
};

let servers: RedisServers;
let dirs: TempDir[] = [];
const stores: TestStore[] = [];
let interleavings: Interleavings | undefined;
beforeAll(async () => {
  servers = await startStandalone();
});
beforeEach(async () => {
  dirs = [await tempDir(), await tempDir()];
});
afterEach(async () => {
  await interleavings?.close();
  interleavings = undefined;
  for (const store of stores.splice(0)) await store.close();
  for (const dir of dirs) await dir.remove();
});
afterAll(async () => {
  await servers.stop();
});

/** Has every call of the connection for records wait for its turn. */
function bySteps(store: TestStore, turn: Turn): void {
  const { link } = (store.catalog as unknown as { session: { link: Link } }).session;
  const [send, sendAll, run, runAll] = [link.send, link.sendAll, link.run, link.runAll].map((call) =>
    call.bind(link),
  ) as [Link['send'], Link['sendAll'], Link['run'], Link['runAll']];
  link.send = (...args) => turn(() => send(...args));
  link.sendAll = (...args) => turn(() => sendAll(...args));
  link.run = (...args) => turn(() => run(...args));
  link.runAll = (...args) => turn(() => runAll(...args));
}

async function node(prefix: string, at: number, keepSource: boolean, preConvert: boolean): Promise<NodeOptions> {
  const clock = new FakeClock();
  const store = await openTestStore(servers.url, prefix, { clock, ...PATIENT, blobTtlSeconds: 1e9 });
  stores.push(store);
  return {
    dataDir: dirs[at]?.path ?? '',
    shared: store,
    keepSource,
    preConvert,
    advance: (ms) => clock.advance(ms),
    onSteps: (turn) => {
      bySteps(store, turn);
      return {};
    },
  };
}

it.each([
  ['with', true, true],
  ['without', false, true],
  ['made on demand, with', true, false],
])(
  '%s kept sources an acknowledged upload stays, and nothing is answered that was replaced',
  { timeout: 1_500_000 },
  async (_with, keepSource, preConvert) => {
    const prefix = newPrefix();
    const open = (at: number) => node(prefix, at, keepSource, preConvert);
    interleavings = await openInterleavings([await open(0), await open(1)]);
    await expect(interleavings.run(SCHEDULES)).resolves.toBeUndefined();
  },
);
