// Opening a catalog that another process sets aside at the same moment: what is acknowledged goes to the catalog that stays.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openEmbeddedStore } from '../../../src/stores/embedded/embedded-store.js';
import { GroupLock, lockDir } from '../../../src/stores/embedded/group-lock.js';
import { openLibraryTables } from '../../../src/stores/embedded/library/library-tables.js';
import { LmdbEnvironment } from '../../../src/stores/embedded/lmdb-environment.js';
import { identityOf } from '../../../src/stores/embedded/lmdb-file.js';
import { openCatalogTables } from '../../../src/stores/embedded/open-catalog.js';
import { OpeningMark } from '../../../src/stores/embedded/opening-marks.js';
import { processGroup } from '../../../src/stores/embedded/process-identity.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakeMetrics } from '../../support/fake-metrics.js';
import { until } from '../../support/gate.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const [KEY, VALUE] = [Buffer.from('acknowledged'), Buffer.from('value')];

let dir: TempDir;
let path: string;
beforeEach(async () => {
  dir = await tempDir();
  path = join(dir.path, 'catalog');
  await (await open()).environment.close();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await dir.remove();
});

function open() {
  return openCatalogTables({ path, durability: 'none', clock: new FakeClock(), logger: new FakeLogger() });
}

/** What is written to `catalog` is there for who opens it next. */
async function expectKept(catalog: Awaited<ReturnType<typeof open>>): Promise<void> {
  expect(catalog.identity).toBe(identityOf(path));
  await catalog.environment.write(() => catalog.facts.putSync(KEY, VALUE));
  await catalog.environment.close();
  const next = await open();
  expect(next.facts.getBinary(KEY)).toEqual(VALUE);
  await next.environment.close();
}

// Each table by itself would be a commit, and synced.
it('tables of a new environment are made by one commit', async () => {
  const store = await openEmbeddedStore({
    ...{ dataDir: dir.path, clock: new FakeClock(), logger: new FakeLogger(), metrics: new FakeMetrics() },
    refusals: { ttlMs: 600_000, maxEntries: 100, rules: 'these' },
  });
  const library = await openLibraryTables(join(dir.path, 'library'), 'none');
  await library.environment.close();
  await store.close();
  const commits = (name: string): number => LmdbEnvironment.open(join(dir.path, name), 'none').refresh();
  // With what says of which kind they are.
  expect(commits('catalog')).toBeLessThanOrEqual(3);
  expect(commits('takedowns')).toBeLessThanOrEqual(2);
  expect(commits('library')).toBeLessThanOrEqual(2);
});

describe('opening a catalog', () => {
  it('that was set aside meanwhile opens the one that stands in its place', async () => {
    const clear = OpeningMark.prototype.clear;
    vi.spyOn(OpeningMark.prototype, 'clear').mockImplementationOnce(async function (this: OpeningMark) {
      await rename(path, `${path}.broken-1`);
      await clear.call(this);
    });
    await expectKept(await open());
    expect(existsSync(`${path}.broken-1`)).toBe(true);
  });

  it('that is just being set aside waits until it is, and is not waited for', async () => {
    const lock = await GroupLock.take(lockDir(dir.path), processGroup());
    const alone = await GroupLock.take(`${path}.setting-aside`, randomBytes(6).toString('hex'));
    const set = vi.spyOn(OpeningMark.prototype, 'set');
    const settled = vi.fn();
    const opening = open();
    void opening.then(settled, settled);
    await until(() => set.mock.calls.length === 2 || settled.mock.calls.length > 0, 'it was opened and let go of');
    expect(settled).not.toHaveBeenCalled();
    expect(await new OpeningMark(path, lock).users()).toEqual([]);
    await rename(path, `${path}.broken-1`);
    alone.release();
    await expectKept(await opening);
    lock.release();
  });
});
