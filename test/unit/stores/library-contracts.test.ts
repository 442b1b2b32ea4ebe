// The embedded library keeps the contracts of its ports, and a library that does nothing keeps no case of them.
import { expect, test } from 'vitest';
import type { Context } from '../../../src/kernel/image-key.js';
import { assetsCases, assetsContract, type LibrarySubject } from '../../contracts/assets.contract.js';
import { passedCases } from '../../contracts/contract.js';
import { deliveriesCases, deliveriesContract } from '../../contracts/deliveries.contract.js';
import { doNothingAssets, doNothingDeliveries, doNothingJobs, doNothingOriginals } from '../../contracts/do-nothing.js';
import { jobsCases, jobsContract } from '../../contracts/jobs.contract.js';
import { FakeClock } from '../../support/fake-clock.js';
import { openLibrarySubject, openTestLibrary, originalOf } from '../../support/library.js';

assetsContract('the embedded library', openLibrarySubject);
jobsContract('the embedded library', openLibrarySubject);
deliveriesContract('the embedded library', openLibrarySubject);

test('a library that does nothing passes no case of them', async () => {
  const clock = new FakeClock();
  const nothing = { assets: doNothingAssets, jobs: doNothingJobs, originals: doNothingOriginals };
  const subject: LibrarySubject = {
    ...nothing,
    peer: nothing,
    dataDir: '/nowhere',
    clock,
    advance: (ms) => clock.advance(ms),
    keep: async (text) => originalOf(text),
  };
  const open = async () => ({ subject, close: async () => {} });
  expect(await passedCases(assetsCases, open)).toEqual([]);
  expect(await passedCases(jobsCases, open)).toEqual([]);
  const log = { deliveries: doNothingDeliveries, peer: { deliveries: doNothingDeliveries } };
  expect(await passedCases(deliveriesCases, async () => ({ subject: log, close: async () => {} }))).toEqual([]);
});

test('many in hand are blamed less for the deaths of their holders than one that was alone', async () => {
  const library = await openTestLibrary();
  const { jobs, clock } = library;
  const context = 'tenant' as Context;
  const claim = () => jobs.claim({ kind: 'webhook', limit: 100, leaseMs: 1_000 });
  /** What each is blamed for after so many deaths of who had `count` of them in hand. */
  const blamed = async (count: number, deaths: number): Promise<readonly number[]> => {
    await jobs.enqueue(Array.from({ length: count }, (_, n) => ({ kind: 'webhook', id: `of-${count}-${n}`, context })));
    for (let death = 0; death < deaths; death++) {
      expect(await claim()).toHaveLength(count);
      clock.advance(1_001);
    }
    const claims = await claim();
    for (const claimed of claims) await jobs.finish(claimed);
    return claims.map(({ lostLeases }) => lostLeases);
  };
  expect(await blamed(1, 5)).toEqual([5]);
  expect(await blamed(16, 8)).toEqual(Array.from({ length: 16 }, () => 2));
  await library.dispose();
});
