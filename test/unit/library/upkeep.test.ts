// What goes from the library by itself, and who sees to it where many processes share it.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Context } from '../../../src/kernel/image-key.js';
import type { Lease, Leases } from '../../../src/kernel/ports/leases.js';
import { LibraryUpkeep } from '../../../src/library/library-upkeep.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { openTestLibrary, type TestLibrary } from '../../support/library.js';

const TENANT = 'tenant' as Context;
const DAY_MS = 86_400_000;

let library: TestLibrary;
beforeEach(async () => {
  library = await openTestLibrary();
});
afterEach(() => library.dispose());

/** Of one process, while another one has the leases of the names in `taken`. */
function upkeepOf(leases?: Leases): LibraryUpkeep {
  const { assets, jobs, deliveries, uploads, grants, clock } = library;
  const times = { intervalMs: 60_000, trashMs: DAY_MS, unneededMs: DAY_MS, finishedMs: DAY_MS, slotMs: DAY_MS };
  return new LibraryUpkeep({
    ...{ assets, jobs, deliveries, uploads, grants, clock, ...times },
    logger: new FakeLogger(),
    ...(leases && { leases }),
  });
}

function leasesBut(taken: ReadonlySet<string>): Leases & { readonly given: string[] } {
  const given: string[] = [];
  const lease: Lease = { renew: async () => true, release: async () => undefined };
  return {
    given,
    acquire: async (name) => {
      if (taken.has(name)) return undefined;
      given.push(name);
      return lease;
    },
    waitUntilFree: async () => undefined,
    close: async () => undefined,
  };
}

function noted(receiver: string) {
  const at = library.clock.now();
  return library.deliveries.note({ id: 'import_a', context: TENANT, receiver, at, attempt: 1, end: 'delivered' });
}

test('receivers to which nothing was said for thirty days are forgotten with their log, and no others', async () => {
  await noted('https://old.example/');
  library.clock.advance(20 * DAY_MS);
  await noted('https://new.example/');
  const upkeep = upkeepOf();
  await upkeep.round();
  expect(await library.deliveries.log(TENANT, 'https://old.example/')).toHaveLength(1);
  library.clock.advance(10 * DAY_MS + 1);
  await upkeep.round();
  expect(await library.deliveries.log(TENANT, 'https://old.example/')).toEqual([]);
  expect(await library.deliveries.log(TENANT, 'https://new.example/')).toHaveLength(1);
  await upkeep.close();
});

test('one process at a time looks after a library that many share', async () => {
  await noted('https://old.example/');
  library.clock.advance(31 * DAY_MS);
  const taken = new Set(['library-upkeep']);
  const leases = leasesBut(taken);
  const upkeep = upkeepOf(leases);
  await upkeep.round();
  expect(await library.deliveries.log(TENANT, 'https://old.example/')).toHaveLength(1);
  taken.clear();
  await upkeep.round();
  expect(leases.given).toEqual(['library-upkeep']);
  expect(await library.deliveries.log(TENANT, 'https://old.example/')).toEqual([]);
  await upkeep.close();
});
