// The negative cache on LMDB keeps the contract.
import { expect, test } from 'vitest';
import type { Refusals } from '../../../src/kernel/ports/refusals.js';
import { LmdbEnvironment } from '../../../src/stores/embedded/lmdb-environment.js';
import { LmdbRefusals } from '../../../src/stores/embedded/lmdb-refusals.js';
import {
  REFUSALS_MAX_ENTRIES,
  REFUSALS_TTL_MS,
  type RefusalsSubject,
  refusalsContract,
} from '../../contracts/refusals.contract.js';
import { FakeClock } from '../../support/fake-clock.js';
import { tempDir } from '../../support/temp-dir.js';

const LIMITS = { ttlMs: REFUSALS_TTL_MS, maxEntries: REFUSALS_MAX_ENTRIES };

async function open() {
  const dir = await tempDir();
  const clock = new FakeClock();
  const environments = [1, 2].map(() => LmdbEnvironment.open(`${dir.path}/passing`, 'none'));
  const over = (environment: LmdbEnvironment | undefined, rules: string): Refusals => {
    if (environment === undefined) throw new Error('expected an environment');
    return new LmdbRefusals(environment, { ...LIMITS, rules, clock, nowMs: () => 5_000 + clock.monotonic() });
  };
  const subject: RefusalsSubject = {
    refusals: over(environments[0], 'these'),
    peer: over(environments[1], 'these'),
    otherRules: over(environments[1], 'others'),
    now: () => clock.now(),
    advance: async (ms) => clock.advance(ms),
  };
  const close = async () => {
    await Promise.all(environments.map((environment) => environment.close()));
    await dir.remove();
  };
  return { subject, clock, close };
}

refusalsContract('the embedded negative cache', open);

test('a wall clock that is set moves no end', async () => {
  const { subject, clock, close } = await open();
  const { refusals } = subject;
  const digest = 'ab'.repeat(32) as Parameters<Refusals['find']>[0];
  await refusals.note(digest, { code: 'source-undecodable', message: 'x', certain: true });
  clock.jump(10 * REFUSALS_TTL_MS);
  expect(await refusals.find(digest)).toBeDefined();
  clock.jump(-20 * REFUSALS_TTL_MS);
  clock.advance(REFUSALS_TTL_MS);
  expect(await refusals.find(digest)).toBeUndefined();
  await close();
});
