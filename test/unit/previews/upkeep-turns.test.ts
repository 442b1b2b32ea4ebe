// Processes that share a catalog take turns at evicting, or each of them would take away what all of them see too much of.
import { expect, it } from 'vitest';
import type { Evicted } from '../../../src/kernel/ports/catalog.js';
import type { FairEviction } from '../../../src/kernel/ports/fair-eviction.js';
import type { Leases } from '../../../src/kernel/ports/leases.js';
import type { AccessJournal } from '../../../src/previews/access-journal.js';
import type { BlobTiers } from '../../../src/previews/blob-tiers.js';
import type { SourceMaker } from '../../../src/previews/source-maker.js';
import { Upkeep } from '../../../src/previews/upkeep.js';
import { doNothingCatalog, doNothingFairEviction } from '../../contracts/do-nothing.js';
import { openTestStore } from '../../support/embedded.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakeMetrics } from '../../support/fake-metrics.js';
import { Gate, until } from '../../support/gate.js';

const LIMIT = 4;

/** Counts groups over the limit, and takes away one at a time. */
function upkeepOf(groups: { left: number }, leases: Leases, clock: FakeClock, taking?: () => Promise<void>): Upkeep {
  const fair: FairEviction = {
    ...doNothingFairEviction,
    heaviest: async () => ({ groups: groups.left, bytes: 0, alone: true }),
    evictGroupsOfHeaviest: async (): Promise<Evicted> => {
      await taking?.();
      groups.left--;
      return { groups: 1, sources: 0, bytes: 0 };
    },
  };
  return new Upkeep({
    catalog: doNothingCatalog,
    fair,
    leases,
    // Not asked in here: nothing is read, made or kept.
    blobs: {} as BlobTiers,
    maker: {} as SourceMaker,
    journal: { flush: async () => undefined } as AccessJournal,
    clock,
    logger: new FakeLogger(),
    metrics: new FakeMetrics(),
    limits: { maxBytes: 1e9, maxGroups: 1e9, maxAgeSeconds: 0, contextMaxBytes: 0, contextMaxGroups: LIMIT },
    intervalMs: 1e6,
  });
}

it('one evicts, the other leaves it to it, and has its turn once the first is done', async () => {
  const store = await openTestStore();
  const peer = await store.another();
  const clock = new FakeClock();
  const groups = { left: LIMIT + 3 };
  const gate = new Gate();
  gate.shut();
  const first = upkeepOf(groups, store.leases, clock, () => gate.pass());
  const second = upkeepOf(groups, peer.leases, clock);
  const round = first.round();
  await until(() => gate.held === 1, 'the first one evicts');
  await second.round();
  expect(groups.left).toBe(LIMIT + 3);
  gate.open();
  await round;
  expect(groups.left).toBe(LIMIT);
  groups.left = LIMIT + 2;
  await second.round();
  expect(groups.left).toBe(LIMIT);
  await Promise.all([first.close(), second.close()]);
  await peer.close();
  await store.dispose();
});

it('stops taking away when its turn was lost to another, and renews it while it lasts', async () => {
  const clock = new FakeClock();
  const groups = { left: LIMIT + 20 };
  const renewed: number[] = [];
  let mayRenew = true;
  const leases: Leases = {
    acquire: async () => ({
      renew: async () => {
        renewed.push(groups.left);
        return mayRenew;
      },
      release: async () => undefined,
    }),
    waitUntilFree: async () => undefined,
    close: async () => undefined,
  };
  const upkeep = upkeepOf(groups, leases, clock, async () => {
    clock.advance(4_000);
    if (renewed.length === 2) mayRenew = false;
  });
  await upkeep.round();
  // 30 s long and renewed after a third: with 4 s for each, after every third. The third time it was lost.
  expect(renewed).toEqual([LIMIT + 17, LIMIT + 14, LIMIT + 11]);
  expect(groups.left).toBe(LIMIT + 11);
});
