// A server that is killed again and again in the middle of imports: every item ends once, as one asset with one version, whose
// original is there, byte for byte, whatever was cleared from the cache meanwhile.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import type { Context } from '../../../src/kernel/image-key.js';
import { type ImportId, newImportId } from '../../../src/kernel/library/ids.js';
import type { ImportItem } from '../../../src/kernel/library/import-job.js';
import { type EmbeddedLibrary, openEmbeddedLibrary } from '../../../src/stores/embedded/library/open-library.js';
import { systemClock } from '../../../src/telemetry/clock.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakeMetrics } from '../../support/fake-metrics.js';
import { until } from '../../support/gate.js';
import { flat, image } from '../../support/images.js';
import { type Origin, startOrigin } from '../../support/origins.js';
import { startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const TENANT = 'agency' as Context;
/** `PROOFSHEET_TEST_KILLS=100` for a long run. */
const KILLS = Number(process.env.PROOFSHEET_TEST_KILLS ?? 12);
/** One batch for each kill, so that there is always work in hand. */
const BATCH = 25;
const ADMIN = { PROOFSHEET_ADMIN_USER: 'admin', PROOFSHEET_ADMIN_PASSWORD: 'correct horse' };

let dir: TempDir;
let origin: Origin;
let library: EmbeddedLibrary;
let environment: Record<string, string>;

/** The picture that the origin has at a path: another one for each, though some are equal by design. */
const pictureOf = async (path: string): Promise<Buffer> => {
  const number = Number(/\d+/.exec(path)?.[0]) % 256;
  return image(flat(64 + (number % 7), 48, [number, 255 - number, 100]))
    .jpeg()
    .toBuffer();
};

beforeEach(async () => {
  dir = await tempDir();
  const dataDir = join(dir.path, 'data');
  await mkdir(join(dataDir, 'test'), { recursive: true });
  origin = await startOrigin((request, response) => {
    void pictureOf(request.url ?? '').then((bytes) =>
      response.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(bytes),
    );
  });
  await writeFile(join(dir.path, 'tenants.yaml'), `- { id: ${TENANT}, tokens: [a-token-of-16-characters] }`);
  environment = {
    PROOFSHEET_DATA_DIR: dataDir,
    PROOFSHEET_TENANTS: join(dir.path, 'tenants.yaml'),
    PROOFSHEET_FETCH_ALLOW: `${origin.place.address}:${origin.place.port}`,
    PROOFSHEET_TARGET_FORMATS: 'auto:20x20',
    PROOFSHEET_LOG_LEVEL: 'info',
    ...ADMIN,
  };
  library = await openEmbeddedLibrary({
    dataDir,
    tmpDir: join(dataDir, 'test'),
    fsync: false,
    clock: systemClock,
    logger: new FakeLogger(),
    metrics: new FakeMetrics(),
  });
});
afterEach(async () => {
  await library.close();
  await origin.close();
  await dir.remove();
});

async function accept(batch: number): Promise<ImportId> {
  const id = newImportId();
  const items = Array.from({ length: BATCH }, (_, n) => {
    const number = batch * BATCH + n;
    return {
      url: origin.url(`/${number}.jpg`),
      title: `${number}`,
      reference: { system: 'kills', externalId: `${number}` },
    };
  });
  const wanted = { id, context: TENANT, dialect: 'test', items, quota: {}, maxOpen: 1_000 };
  expect((await library.assets.acceptImport(wanted)).outcome).toBe('accepted');
  return id;
}

async function itemsOf(ids: readonly ImportId[]): Promise<readonly ImportItem[]> {
  return (await Promise.all(ids.map((id) => library.assets.itemsOf(id)))).flat();
}

test('kill -9 in the middle of imports loses nothing and makes nothing twice', {
  timeout: 60_000 + KILLS * 20_000,
}, async () => {
  const ids: ImportId[] = [];
  let ended = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const server = await startServerProcess(environment);
    ids.push(await accept(kill));
    // Killed once it has ended a few more, so that every kill is in the middle of work whatever the machine's speed.
    const before = ended;
    await until(async () => {
      ended = (await itemsOf(ids)).filter(({ state }) => state === 'succeeded').length;
      return ended > before + (kill % 5);
    }, 'imported items');
    if (kill % 3 === 0) {
      const login = Buffer.from(`${ADMIN.PROOFSHEET_ADMIN_USER}:${ADMIN.PROOFSHEET_ADMIN_PASSWORD}`).toString('base64');
      const cleared = await fetch(`${server.url}/clearImages`, {
        method: 'DELETE',
        headers: { Authorization: `Basic ${login}` },
      });
      expect(cleared.status).toBe(200);
    }
    server.kill('SIGKILL');
    await server.gone;
  }
  const last = await startServerProcess(environment);
  // However many there are: each within the patience of all tests.
  for (let left = Number.POSITIVE_INFINITY; left > 0; ) {
    const before = left;
    await until(async () => {
      left = (await library.jobs.counts()).reduce((sum, { jobs }) => sum + jobs, 0);
      return left < before;
    }, 'the end of one more item');
  }
  expect(await library.assets.usage(TENANT)).toMatchObject({ openImports: 0 });
  const items = await itemsOf(ids);
  expect(items).toHaveLength(KILLS * BATCH);
  expect(items.filter(({ state }) => state !== 'succeeded').map(({ state, reason }) => [state, reason])).toEqual([]);
  expect(new Set(items.map(({ assetId }) => assetId)).size).toBe(items.length);
  expect(await library.assets.usage(TENANT)).toMatchObject({ assets: items.length });
  for (const { assetId, url } of items) {
    const found = assetId && (await library.assets.findAsset(TENANT, assetId));
    const bytes = await pictureOf(new URL(url).pathname);
    expect(found && [found.asset.versions, found.version?.digest]).toEqual([1, digestOf(bytes)]);
    if (found?.version) expect(await library.originals.isWhole(found.version)).toBe(true);
  }
  const [first] = items;
  const version = first?.assetId && (await library.assets.findAsset(TENANT, first.assetId));
  expect(version?.version && (await library.originals.copyTo(version.version.digest, join(dir.path, 'copy')))).toBe(
    true,
  );
  last.kill('SIGTERM');
  expect(await last.gone).toBe(0);
  expect((await library.jobs.counts()).every(({ jobs }) => jobs === 0)).toBe(true);
});
