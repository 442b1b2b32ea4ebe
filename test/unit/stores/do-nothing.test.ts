// The contracts have teeth: a backend that does nothing fails every case of its port's contract.
import { describe, expect, it } from 'vitest';
import { blobStoreCases, damagedBlobCases } from '../../contracts/blob-store.contract.js';
import { catalogCases } from '../../contracts/catalog.contract.js';
import { catalogWalkCases } from '../../contracts/catalog-walk.contract.js';
import { passedCases } from '../../contracts/contract.js';
import {
  doNothingBlobs,
  doNothingCatalog,
  doNothingFairEviction,
  doNothingInsight,
  doNothingLeases,
  doNothingNotes,
  doNothingRefusals,
  doNothingTakedowns,
  doNothingWalk,
} from '../../contracts/do-nothing.js';
import { fairEvictionCases } from '../../contracts/fair-eviction.contract.js';
import { insightCases } from '../../contracts/insight.contract.js';
import { leasesCases } from '../../contracts/leases.contract.js';
import { refusalsCases } from '../../contracts/refusals.contract.js';
import { takedownsCases } from '../../contracts/takedowns.contract.js';
import { workNotesCases } from '../../contracts/work-notes.contract.js';
import { openTestStore } from '../../support/embedded.js';
import { FakeClock } from '../../support/fake-clock.js';

const opened = <Subject>(subject: Subject) => {
  return async () => ({ subject, close: async () => {} });
};

describe('a backend that does nothing', () => {
  it('passes no case of the blob store contract', async () => {
    const subject = {
      blobs: doNothingBlobs,
      flipBit: async () => {},
      truncate: async () => {},
    };
    expect(await passedCases(blobStoreCases, opened(subject))).toEqual([]);
    expect(await passedCases(damagedBlobCases, opened(subject))).toEqual([]);
  });

  it('passes no case of the catalog contract', async () => {
    const subject = {
      catalog: doNothingCatalog,
      peer: doNothingCatalog,
      blobs: doNothingBlobs,
      clock: new FakeClock(),
    };
    expect(await passedCases(catalogCases, opened(subject))).toEqual([]);
  });

  it('passes no case of the fair eviction contract, not even with a catalog that does its work', async () => {
    const open = async () => {
      const store = await openTestStore();
      const { catalog, blobs, clock } = store;
      const [fair, peerFair] = [doNothingFairEviction, doNothingFairEviction];
      return { subject: { catalog, peer: catalog, blobs, clock, fair, peerFair }, close: () => store.dispose() };
    };
    expect(await passedCases(fairEvictionCases, open)).toEqual([]);
  });

  it('passes no case of the insight contract, not even with a catalog that does its work', async () => {
    const open = async () => {
      const store = await openTestStore();
      const { catalog, blobs, clock } = store;
      const subject = { catalog, peer: catalog, blobs, clock, insight: doNothingInsight };
      return { subject, close: () => store.dispose() };
    };
    expect(await passedCases(insightCases, open)).toEqual([]);
  });

  it('passes no case of the walk contract, not even with a catalog that does its work', async () => {
    const open = async () => {
      const store = await openTestStore();
      const { catalog, blobs, clock } = store;
      const subject = { catalog, peer: catalog, blobs, clock, walk: doNothingWalk };
      return { subject, close: () => store.dispose() };
    };
    expect(await passedCases(catalogWalkCases, open)).toEqual([]);
  });

  it('passes no case of the contract of notes', async () => {
    const subject = { notes: doNothingNotes, peer: doNothingNotes };
    expect(await passedCases(workNotesCases, opened(subject))).toEqual([]);
  });

  it('passes no case of the takedowns contract', async () => {
    const subject = { takedowns: doNothingTakedowns, peer: doNothingTakedowns };
    expect(await passedCases(takedownsCases, opened(subject))).toEqual([]);
  });

  it('passes no case of the leases contract', async () => {
    const subject = { leases: doNothingLeases, peer: doNothingLeases };
    expect(await passedCases(leasesCases, opened(subject))).toEqual([]);
  });

  it('passes no case of the refusals contract', async () => {
    const [refusals, peer, otherRules] = [doNothingRefusals, doNothingRefusals, doNothingRefusals];
    const subject = { refusals, peer, otherRules, now: () => 0, advance: async () => {} };
    expect(await passedCases(refusalsCases, opened(subject))).toEqual([]);
  });
});
