// Whatever happens to the cache and to the library, in whatever order, and wherever a process ends: no original of an asset is ever
// lost, and no byte that nothing names stays for ever.
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import type { Context } from '../../../src/kernel/image-key.js';
import type { AssetId } from '../../../src/kernel/library/ids.js';
import { type EmbeddedStore, openEmbeddedStore } from '../../../src/stores/embedded/embedded-store.js';
import { type EmbeddedLibrary, openEmbeddedLibrary } from '../../../src/stores/embedded/library/open-library.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakeMetrics } from '../../support/fake-metrics.js';
import { arrived, newImport, originalOf } from '../../support/library.js';
import { commitOf, groupRef, testSource } from '../../support/records.js';
import { withTempDir } from '../../support/temp-dir.js';

const TENANT = 'tenant' as Context;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const small = fc.integer({ min: 0, max: 4 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('import' as const), name: small, picture: small }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('upload' as const), name: small, picture: small }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('dies' as const), picture: small }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('trash' as const, 'restore' as const, 'erase' as const),
      asset: small,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('clear' as const, 'evict' as const, 'sweep' as const, 'restart' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 20 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const textOf = (picture: number): string => `picture ${'#'.repeat(picture)}`;

/** Cache and library of one data directory, and what is known of them from outside. */
class World {
  /** Every asset that was not erased, in the trash or not, with the pictures of its versions. */
  readonly assets = new Map<AssetId, number[]>();
  readonly trashedAt = new Map<AssetId, number>();
  private constructor(
    readonly dir: string,
    readonly clock: FakeClock,
    public cache: EmbeddedStore,
    public library: EmbeddedLibrary,
  ) {}

  static async open(dir: string): Promise<World> {
    // Ages of files are told by the machine's clock.
    const clock = new FakeClock(Date.now());
    return new World(dir, clock, await openCache(dir, clock), await openLibrary(dir, clock));
  }

  async close(): Promise<void> {
    await this.library.close();
    await this.cache.close();
  }

  /** What is in hand is forgotten, as by the end of the process. */
  async restart(): Promise<void> {
    await this.close();
    this.cache = await openCache(this.dir, this.clock);
    this.library = await openLibrary(this.dir, this.clock);
  }

  async fileOf(picture: number): Promise<string> {
    const path = join(this.dir, 'test', randomUUID());
    await writeFile(path, textOf(picture));
    return path;
  }

  /** The cache's own names for the picture, as every upload gives it; without a record where the process dies before. */
  async cached(name: string, picture: number, dies = false): Promise<void> {
    const text = textOf(picture);
    const made = testSource(text);
    const digest = digestOf(Buffer.from(text));
    const source = { ...made, record: { ...made.record, digest, bytes: text.length } };
    const path = await this.fileOf(picture);
    await this.cache.blobs.putFile(digest, path, 'source', true);
    for (const blob of source.previews) await this.cache.blobs.put(blob.digest, blob.bytes, 'preview');
    if (!dies) expect(await this.cache.catalog.commit(commitOf(source, [groupRef(name, TENANT)]))).toEqual([]);
    await rm(path);
  }

  async keep(picture: number): Promise<void> {
    const path = await this.fileOf(picture);
    await this.library.originals.keep(digestOf(Buffer.from(textOf(picture))), path, textOf(picture).length);
    await rm(path);
  }

  async import(name: number, picture: number): Promise<void> {
    const { assets, jobs } = this.library;
    const wanted = newImport([`${name}`], { maxOpen: 1_000 });
    await assets.acceptImport(wanted);
    const claims = await jobs.claim({ kind: 'import-item', limit: 1, leaseMs: HOUR_MS });
    await this.cached(`imported-${picture}`, picture);
    await this.keep(picture);
    const outcome = arrived(`${name}`, originalOf(textOf(picture)));
    for (const claim of claims)
      expect(await jobs.finish(claim, { importId: wanted.id, index: 0, outcome })).toBe('finished');
    const item = await assets.findItem(wanted.id, 0);
    const id = item?.assetId as AssetId;
    if (item?.state === 'succeeded') this.assets.set(id, [...(this.assets.get(id) ?? []), picture]);
  }

  async sweepAll(): Promise<void> {
    const now = this.clock.now();
    for (const [id, at] of this.trashedAt)
      if (at < now - DAY_MS) {
        this.trashedAt.delete(id);
        this.assets.delete(id);
      }
    const times = { trashedBefore: now - DAY_MS, unneededBefore: now - HOUR_MS, finishedBefore: now - DAY_MS };
    await this.library.assets.sweep(times, 1_000);
    while ((await this.cache.catalog.sweep(100)).length > 0);
    await this.cache.sweepOrphans();
  }

  /** No original of an asset is lost, and the counts are those of what is there. */
  async check(): Promise<void> {
    const needed = new Map<string, number>();
    for (const [id, pictures] of this.assets) {
      const versions = await this.library.assets.versionsOf(TENANT, id);
      expect(versions.map(({ digest }) => digest).toReversed()).toEqual(
        pictures.map((picture) => digestOf(Buffer.from(textOf(picture)))),
      );
      for (const { digest, bytes } of versions) needed.set(digest, bytes);
    }
    for (const [digest, length] of needed)
      expect(await this.library.originals.isWhole({ digest: digest as never, bytes: length })).toBe(true);
    const bytes = [...needed.values()].reduce((sum, length) => sum + length, 0);
    const expected = { assets: this.assets.size, originals: needed.size, bytes };
    expect(await this.library.assets.usage()).toMatchObject(expected);
    expect(await this.library.assets.usage(TENANT)).toMatchObject(expected);
  }

  /** After all that is to go had its time: the originals' files are those that assets need, and the cache's are those of its groups. */
  async checkRest(): Promise<void> {
    // Once for the trash, once for what only that had named.
    for (let turn = 0; turn < 2; turn++) {
      this.clock.advance(2 * DAY_MS);
      await this.sweepAll();
      await this.check();
    }
    const needed = new Set([...this.assets.values()].flat().map((picture) => digestOf(Buffer.from(textOf(picture)))));
    expect(new Set(await filesBelow(join(this.dir, 'library', 'originals')))).toEqual(needed);
    await this.cache.catalog.remove({});
    await this.sweepAll();
    expect(await filesBelow(join(this.dir, 'blobs'))).toEqual([]);
    await this.check();
  }
}

const ports = (clock: FakeClock) => ({ clock, logger: new FakeLogger(), metrics: new FakeMetrics() });
const openCache = (dataDir: string, clock: FakeClock) =>
  openEmbeddedStore({ ...ports(clock), dataDir, orphanGraceMs: 0 });
const openLibrary = (dataDir: string, clock: FakeClock) =>
  openEmbeddedLibrary({
    ...ports(clock),
    dataDir,
    tmpDir: join(dataDir, 'test'),
    fsync: false,
    machineNow: () => clock.monotonic(),
  });

async function filesBelow(dir: string): Promise<readonly string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

async function take(world: World, what: Step): Promise<void> {
  const { cache, library, clock } = world;
  const id = 'asset' in what ? [...world.assets.keys()][what.asset] : undefined;
  switch (what.kind) {
    case 'import':
      return world.import(what.name, what.picture);
    case 'upload':
      return world.cached(`uploaded-${what.name}`, what.picture);
    case 'dies':
      await world.cached('never', what.picture, true);
      await world.keep(what.picture);
      return world.restart();
    case 'trash':
      if (id && (await library.assets.trash(TENANT, id)))
        world.trashedAt.set(id, world.trashedAt.get(id) ?? clock.now());
      return;
    case 'restore':
      if (id && (await library.assets.restore(TENANT, id))) world.trashedAt.delete(id);
      return;
    case 'erase':
      if (id && (await library.assets.erase(TENANT, id))) {
        world.assets.delete(id);
        world.trashedAt.delete(id);
      }
      return;
    case 'clear':
      await cache.catalog.remove({});
      return;
    case 'evict':
      await cache.catalog.evictSources(100);
      await cache.catalog.evictGroups(1);
      return;
    case 'sweep':
      return world.sweepAll();
    case 'restart':
      return world.restart();
    case 'wait':
      clock.advance(what.hours * HOUR_MS);
  }
}

test('no original of an asset is ever lost, and nothing that is not needed stays', { timeout: 300_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), (steps) =>
      withTempDir(async (dir) => {
        await mkdir(join(dir, 'test'), { recursive: true });
        const world = await World.open(dir);
        try {
          for (const what of steps) {
            await take(world, what);
            await world.check();
          }
          await world.checkRest();
        } finally {
          await world.close();
        }
      }),
    ),
    { numRuns: 25 },
  );
});
