// The embedded library keeps the contracts of its ports, and a library that does nothing keeps no case of them.
import { expect, test } from 'vitest';
import { assetsCases, assetsContract, type LibrarySubject } from '../../contracts/assets.contract.js';
import { passedCases } from '../../contracts/contract.js';
import { deliveriesCases, deliveriesContract } from '../../contracts/deliveries.contract.js';
import { doNothingAssets, doNothingDeliveries, doNothingJobs, doNothingOriginals } from '../../contracts/do-nothing.js';
import { jobsCases, jobsContract } from '../../contracts/jobs.contract.js';
import { FakeClock } from '../../support/fake-clock.js';
import { openLibrarySubject, originalOf } from '../../support/library.js';

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
