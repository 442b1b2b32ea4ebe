// Heal, overwrite, upload, clear, evict and read of one key in random order on the embedded store. PROOFSHEET_TEST_SCHEDULES asks
// for more of them than a usual run has time for.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Interleavings, openInterleavings } from '../../support/interleavings.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const SCHEDULES = Number(process.env.PROOFSHEET_TEST_SCHEDULES ?? 300);
let dir: TempDir;
let interleavings: Interleavings;
beforeAll(async () => {
  dir = await tempDir();
  interleavings = await openInterleavings({ dataDir: dir.path });
});
afterAll(async () => {
  await interleavings.close();
  await dir.remove();
});

it('whatever finds a loss meanwhile, an acknowledged upload stays', { timeout: 1_500_000 }, async () => {
  await expect(interleavings.run(SCHEDULES)).resolves.toBeUndefined();
});
