// The same interleavings as on the embedded store, on a real Redis server.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Interleavings, openInterleavings } from '../../support/interleavings.js';
import { type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, type TestStore } from '../../support/redis-store.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const SCHEDULES = Number(process.env.PROOFSHEET_TEST_SCHEDULES ?? 200);
let dir: TempDir;
let servers: RedisServers;
let store: TestStore;
let interleavings: Interleavings;
beforeAll(async () => {
  dir = await tempDir();
  servers = await startStandalone();
  store = await openTestStore(servers.url, newPrefix());
  interleavings = await openInterleavings({ dataDir: dir.path, shared: store });
});
afterAll(async () => {
  await interleavings.close();
  await store.close();
  await servers.stop();
  await dir.remove();
});

it('whatever finds a loss meanwhile, an acknowledged upload stays', { timeout: 1_500_000 }, async () => {
  await expect(interleavings.run(SCHEDULES)).resolves.toBeUndefined();
});
