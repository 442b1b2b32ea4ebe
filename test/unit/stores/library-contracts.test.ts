// The embedded library keeps the contracts of its ports, and a library that does nothing keeps no case of them.
import { expect, test } from 'vitest';
import { assetsCases, assetsContract } from '../../contracts/assets.contract.js';
import { passedCases } from '../../contracts/contract.js';
import { deliveriesCases, deliveriesContract } from '../../contracts/deliveries.contract.js';
import {
  doNothingAssets,
  doNothingDeliveries,
  doNothingEndpoints,
  doNothingFolders,
  doNothingGrants,
  doNothingJobs,
  doNothingOriginals,
  doNothingUploads,
} from '../../contracts/do-nothing.js';
import { endpointsCases, endpointsContract } from '../../contracts/endpoints.contract.js';
import { foldersCases, foldersContract } from '../../contracts/folders.contract.js';
import { grantsCases, grantsContract } from '../../contracts/grants.contract.js';
import { jobsCases, jobsContract } from '../../contracts/jobs.contract.js';
import { type UploadsSubject, uploadsCases, uploadsContract } from '../../contracts/uploads.contract.js';
import { wholeLibraryCases, wholeLibraryContract } from '../../contracts/whole-library.contract.js';
import { FakeClock } from '../../support/fake-clock.js';
import { openLibrarySubject, originalOf } from '../../support/library.js';

assetsContract('the embedded library', openLibrarySubject);
jobsContract('the embedded library', openLibrarySubject);
deliveriesContract('the embedded library', openLibrarySubject);
foldersContract('the embedded library', openLibrarySubject);
uploadsContract('the embedded library', openLibrarySubject);
endpointsContract('the embedded library', openLibrarySubject);
grantsContract('the embedded library', openLibrarySubject);
wholeLibraryContract('the embedded library', openLibrarySubject);

test('a library that does nothing passes no case of them', async () => {
  const clock = new FakeClock();
  const nothing = { assets: doNothingAssets, jobs: doNothingJobs, originals: doNothingOriginals };
  const subject: UploadsSubject = {
    ...nothing,
    uploads: doNothingUploads,
    peer: nothing,
    dataDir: '/nowhere',
    clock,
    advance: (ms) => clock.advance(ms),
    keep: async (text) => originalOf(text),
  };
  const open = async () => ({ subject, close: async () => {} });
  expect(await passedCases(assetsCases, open)).toEqual([]);
  expect(await passedCases(jobsCases, open)).toEqual([]);
  expect(await passedCases(uploadsCases, open)).toEqual([]);
  expect(
    await passedCases(endpointsCases, async () => ({
      subject: { ...subject, endpoints: doNothingEndpoints },
      close: async () => {},
    })),
  ).toEqual([]);
  const tokens = { grants: doNothingGrants, peer: { grants: doNothingGrants }, clock, advance: subject.advance };
  expect(await passedCases(grantsCases, async () => ({ subject: tokens, close: async () => {} }))).toEqual([]);
  const log = { deliveries: doNothingDeliveries, peer: { deliveries: doNothingDeliveries } };
  expect(await passedCases(deliveriesCases, async () => ({ subject: log, close: async () => {} }))).toEqual([]);
  const shelf = { folders: doNothingFolders, peer: { folders: doNothingFolders } };
  expect(await passedCases(foldersCases, async () => ({ subject: shelf, close: async () => {} }))).toEqual([]);
  const all = { ...subject, ...log, ...shelf, ...tokens, endpoints: doNothingEndpoints, uploads: doNothingUploads };
  const whole = { ...all, peer: all };
  expect(await passedCases(wholeLibraryCases, async () => ({ subject: whole, close: async () => {} }))).toEqual([]);
});
