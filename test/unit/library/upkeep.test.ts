// What goes from the library by itself, and who sees to it where many processes share it.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import { parseFormat } from '../../../src/kernel/format.js';
import { type Context, type ImageKey, libraryContextOf } from '../../../src/kernel/image-key.js';
import type { Lease, Leases } from '../../../src/kernel/ports/leases.js';
import { LibraryService } from '../../../src/library/library-service.js';
import { LibraryUpkeep, type LibraryUpkeepDeps } from '../../../src/library/library-upkeep.js';
import { FakeDrawings } from '../../support/fake-drawings.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakePreviews } from '../../support/fake-previews.js';
import { arrived, newImport, openTestLibrary, originalOf, type TestLibrary } from '../../support/library.js';

const TENANT = 'tenant' as Context;
const DAY_MS = 86_400_000;

let library: TestLibrary;
beforeEach(async () => {
  library = await openTestLibrary();
});
afterEach(() => library.dispose());

/** Of one process, while another one has the leases of the names in `taken`. */
function upkeepOf(leases?: Leases, forgetMade: LibraryUpkeepDeps['forgetMade'] = async () => undefined): LibraryUpkeep {
  const { assets, jobs, deliveries, uploads, grants, clock } = library;
  const times = { intervalMs: 60_000, trashMs: DAY_MS, unneededMs: DAY_MS, finishedMs: DAY_MS, slotMs: DAY_MS };
  return new LibraryUpkeep({
    ...{ assets, jobs, deliveries, uploads, grants, clock, forgetMade, ...times },
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

const SMALL = parseFormat('png:100x100');

/** An asset with its previews, its pictures on demand, and what takes them away. */
async function shownAsset() {
  const previews = new FakePreviews(library.clock);
  const drawings = new FakeDrawings(() => undefined);
  const { assets, originals, dataDir } = library;
  const service = new LibraryService({
    ...{ assets, originals, previews, drawings, maxItems: 10, maxOpenImports: 10 },
    tmpDir: dataDir,
  });
  const picture = await sharp({ create: { width: 20, height: 10, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const original = { ...originalOf(''), digest: digestOf(picture), bytes: picture.length };
  const keep = async () => {
    const path = join(dataDir, 'picture');
    await writeFile(path, picture);
    await originals.keep(original.digest, path, picture.length);
  };
  await keep();
  const wanted = newImport(['a']);
  await assets.acceptImport(wanted);
  const [claim] = await library.jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 60_000 });
  const outcome = arrived('a', original);
  if (claim) await library.jobs.finish(claim, { importId: wanted.id, index: 0, outcome });
  const id = outcome.newId;
  await service.choosePreview(TENANT, id, SMALL);
  const ref = { context: libraryContextOf(TENANT), imageKey: original.digest as string as ImageKey };
  return { id, ref, previews, drawings, service };
}

test('with an asset whose time in the trash is over, all that the cache has made of it goes in the same round', async () => {
  const { id, ref, previews, drawings, service } = await shownAsset();
  await library.assets.trash(TENANT, id);
  const upkeep = upkeepOf(undefined, service.forgetMade.bind(service));
  await upkeep.round();
  expect(await previews.has(ref)).toBe(true);
  library.clock.advance(DAY_MS + 1);
  await upkeep.round();
  expect(await library.assets.findAsset(TENANT, id)).toBeUndefined();
  expect(await previews.has(ref)).toBe(false);
  expect(drawings.forgotten).toEqual([`${ref.context} ${ref.imageKey}`]);
  await upkeep.close();
});

test('where a process dies between the two, the next one takes away what was made; and once more with the original', async () => {
  const { id, ref, previews, drawings, service } = await shownAsset();
  await library.assets.trash(TENANT, id);
  library.clock.advance(DAY_MS + 1);
  const dying = upkeepOf(undefined, () => Promise.reject(new Error('killed')));
  await dying.round();
  await dying.close();
  expect(await library.assets.findAsset(TENANT, id)).toBeUndefined();
  expect(await previews.has(ref)).toBe(true);
  library = await library.reopen();
  const upkeep = upkeepOf(undefined, service.forgetMade.bind(service));
  await upkeep.round();
  expect(await previews.has(ref)).toBe(false);
  // What had begun before may have ended behind it.
  library.clock.advance(DAY_MS + 1);
  await upkeep.round();
  expect(drawings.forgotten).toHaveLength(2);
  expect(await library.assets.letGo(library.clock.now() + 30 * DAY_MS, 10)).toEqual([]);
  await upkeep.close();
});
