// A disk that runs full at every point of an upload: refused with 507/5070, nothing acknowledged is lost, hits go on, and
// with space uploads go on, without a restart.
import { cp, mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { expectAccounted } from '../../support/faults/accounts.js';
import { another, ask, clear, isWhole, said, upload, WITH_ADMIN } from '../../support/faults/server-client.js';
import { insideOf, withSmallDisk } from '../../support/faults/wrappers.js';
import { until } from '../../support/gate.js';
import { startStandalone } from '../../support/redis-servers.js';
import { type ServerProcess, scrape, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const KIB = 1_024;
const DISK_BYTES = 24 * 1_024 * KIB;

/** Where only how much is written counts: two previews are made five times as fast as all. */
const FEW_PREVIEWS = { PROOFSHEET_TARGET_FORMATS: 'auto:200x150,auto:800x800' };
/** A source that weighs a MiB and is made in no time: bytes behind the end of a JPEG are stored with it and not looked at. */
const heavyPhoto = async () => Buffer.concat([await encodedPhoto(320, 240), Buffer.alloc(1_024 * KIB)]);
const QUICK = { ...WITH_ADMIN, PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1' };

let dir: TempDir;
let server: ServerProcess | undefined;

beforeEach(async () => {
  dir = await tempDir();
});

afterEach(async () => {
  server?.kill('SIGKILL');
  await server?.gone;
  server = undefined;
  await dir.remove();
});

it('refuses what finds no room, keeps and serves what was acknowledged, and recovers with space', async () => {
  const disk = join(dir.path, 'disk');
  await mkdir(disk);
  const started = await startServerProcess(
    // Others fill this disk: nothing that we keep is to go for that.
    { ...QUICK, PROOFSHEET_DATA_DIR: join(disk, 'data'), PROOFSHEET_DISK_MIN_FREE_BYTES: '0' },
    await withSmallDisk(disk, DISK_BYTES),
  );
  server = started;
  const seen = insideOf(started.pid, disk);
  const photo = await encodedPhoto(1_000, 800, 95);
  const kept: string[] = [];
  const keep = async (key: string) => {
    const outcome = await upload(`${started.url}/cacheImage/${key}`, another(photo));
    if (outcome.status === 200) kept.push(key);
    return outcome;
  };
  expect(said(await keep('first'))).toBe('200');
  expect(said(await upload(`${started.url}/cacheAndGetImage/second/auto:200x150`, another(photo)))).toBe('200');

  const outcomes: string[] = [];
  // From no room at all to room for the upload but not for its blobs, its previews, its record.
  for (const freeKib of [
    0, 4, 16, 64, 128, 200, 256, 300, 320, 330, 340, 350, 360, 380, 400, 512, 640, 800, 1_024, 1_400,
  ]) {
    await fillUpTo(join(seen, 'filler'), freeKib * KIB);
    const outcome = await keep(`full-${freeKib}`);
    outcomes.push(`${freeKib} ${said(outcome)}`);
    expect(['200', '507/5070'], `with ${freeKib} KiB: ${outcome.body.toString()}`).toContain(said(outcome));
    for (const key of [...kept, 'second']) {
      expect(isWhole(await ask(`${started.url}/getImage/${key}/auto:200x150`)), key).toBe(true);
    }
    if (outcome.status !== 200) {
      expect(said(await ask(`${started.url}/getMetadata/full-${freeKib}`))).toBe('404/4040');
    }
    await rm(join(seen, 'filler'));
  }
  expect(outcomes[0]).toContain('507/5070');
  expect(outcomes.at(-1)).toContain('200');

  // A preview that is lost just then cannot be made again, and its image is not given up for that.
  const { headers } = await ask(`${started.url}/getImage/first/auto:1920x1080`);
  await fillUpTo(join(seen, 'filler'), 0);
  await rm(join(seen, 'data', 'blobs', ...placeOf(headers.get('etag')?.replaceAll('"', '') ?? '')));
  const lost = await ask(`${started.url}/getImage/first/auto:1919x1080`);
  expect(['200', '507/5070'], 'memory may still have it').toContain(said(lost));
  await rm(join(seen, 'filler'));
  expect(isWhole(await ask(`${started.url}/getImage/first/auto:1918x1080`))).toBe(true);

  expect(said(await keep('after'))).toBe('200');
  expect(said(await clear(`${started.url}/clearImagesByKey/first`))).toBe('200');
  kept.splice(kept.indexOf('first'), 1);
  for (const key of kept) {
    for (const format of ['auto:200x150', 'auto:800x800', 'auto:1920x1080'])
      expect(isWhole(await ask(`${started.url}/getImage/${key}/${format}`)), `${key} ${format}`).toBe(true);
  }
  expect((await ask(`${started.origin}/readyz`)).status).toBe(200);
  // What is unfinished is finished, and no temp file is left of all that failed.
  const tmp = join(seen, 'data', 'tmp');
  const [own = ''] = await readdir(tmp);
  await until(async () => (await readdir(join(tmp, own))).length === 0, 'temp files are gone');
  started.kill('SIGSTOP');
  await cp(join(seen, 'data'), join(dir.path, 'copy'), {
    recursive: true,
    // Not what the living server holds: its scratch directory, and the socket by which it shows that it lives.
    filter: (path) => !/\/(?:run-|in-use)/.test(path),
  });
  const { groups } = await expectAccounted(join(dir.path, 'copy'));
  expect(groups).toBe(kept.length + 1);
}, 300_000);

it('refuses a commit that finds no room in the catalog, the blobs being stored, and goes on once there is', async () => {
  const [data, catalog] = [join(dir.path, 'data'), join(dir.path, 'data', 'catalog')];
  await mkdir(catalog, { recursive: true });
  const started = await startServerProcess(
    { ...QUICK, PROOFSHEET_DATA_DIR: data, PROOFSHEET_DISK_MIN_FREE_BYTES: '0' },
    await withSmallDisk(catalog, 2_048 * KIB),
  );
  server = started;
  const filler = join(insideOf(started.pid, catalog), 'filler');
  const photo = await encodedPhoto(320, 240);
  const outcomes: string[] = [];
  const kept: string[] = [];
  for (let round = 0; round < 3; round++) {
    await fillUpTo(filler, round * 2 * KIB);
    // The catalog lives on pages that it has freed for a while.
    for (let n = 0; n < 40 && !outcomes.at(-1)?.startsWith(`${round} 507`); n++) {
      const outcome = await upload(`${started.url}/cacheImage/${round}-${n}`, another(photo));
      outcomes.push(`${round} ${said(outcome)}`);
      if (outcome.status === 200) kept.push(`${round}-${n}`);
    }
    expect(outcomes.at(-1), outcomes.join()).toBe(`${round} 507/5070`);
    for (const key of kept) expect(isWhole(await ask(`${started.url}/getImage/${key}/auto:200x150`)), key).toBe(true);
    await rm(filler);
    expect(said(await upload(`${started.url}/cacheImage/after-${round}`, another(photo)))).toBe('200');
    kept.push(`after-${round}`);
  }
  expect(await ask(`${started.url}/getKeyCount`).then(({ body }) => body.toString())).toBe(`{"count":${kept.length}}`);
}, 300_000);

it.each([
  ['in rounds that come in time', '1'],
  ['when it is full, long before the next round', '3600'],
])(
  'makes room on a disk smaller than its limit by itself, %s',
  async (_when, interval) => {
    const disk = join(dir.path, 'disk');
    await mkdir(disk);
    const started = await startServerProcess(
      {
        ...WITH_ADMIN,
        ...FEW_PREVIEWS,
        PROOFSHEET_DATA_DIR: join(disk, 'data'),
        PROOFSHEET_EVICTION_INTERVAL_SECONDS: interval,
      },
      await withSmallDisk(disk, DISK_BYTES),
    );
    server = started;
    const photo = await heavyPhoto();
    const readyz = async () => (await ask(`${started.origin}/readyz`)).body.toString();
    const uploads = Math.ceil((3 * DISK_BYTES) / photo.length);
    const outcomes: string[] = [];
    for (let n = 0; n < uploads; n++) {
      let outcome = await upload(`${started.url}/cacheImage/${n}`, another(photo));
      for (let again = 0; again < 20 && outcome.status === 507; again++) {
        outcomes.push('507');
        await setTimeout(100);
        outcome = await upload(`${started.url}/cacheImage/${n}`, another(photo));
      }
      outcomes.push(said(outcome));
      expect(said(outcome), `${n} of ${uploads}`).toBe('200');
      expect(isWhole(await ask(`${started.url}/getImage/${n}/auto:200x150`))).toBe(true);
    }
    if (interval !== '1') expect(outcomes).toContain('507');
    // What was used longest ago has gone, and its files with it.
    expect(await scrape(started.origin, 'proofsheet_evictions_total', 'reason="disk"')).toBeGreaterThan(uploads / 3);
    await until(async () => (await readyz()).includes('"disk":"up"'), 'it has recovered');
    const { bavail, bsize } = await statfs(insideOf(started.pid, disk));
    expect(bavail * bsize).toBeGreaterThan(DISK_BYTES / 25);
  },
  300_000,
);

it('goes on when the disk is full to its last block', async () => {
  const disk = join(dir.path, 'disk');
  await mkdir(disk);
  const started = await startServerProcess(
    { ...WITH_ADMIN, PROOFSHEET_DATA_DIR: join(disk, 'data'), PROOFSHEET_EVICTION_INTERVAL_SECONDS: '3600' },
    await withSmallDisk(disk, DISK_BYTES),
  );
  server = started;
  const photo = await encodedPhoto(1_000, 800, 95);
  const disks = async () => /"disk":"(\w+)"/.exec((await ask(`${started.origin}/readyz`)).body.toString())?.[1];
  const filler = join(insideOf(started.pid, disk), 'filler');
  // Less than is to be free, and nothing to evict.
  await fillUpTo(filler, 512 * KIB);
  expect(await disks()).toBe('degraded');
  await rm(filler);
  expect(await disks()).toBe('up');
  for (let n = 0; n < 8; n++) expect(said(await upload(`${started.url}/cacheImage/${n}`, another(photo)))).toBe('200');
  await fillUpTo(filler, 0);
  expect(said(await upload(`${started.url}/cacheImage/full`, another(photo)))).toBe('507/5070');
  await until(
    async () => said(await upload(`${started.url}/cacheImage/again`, another(photo))) === '200',
    'an upload has room again',
  );
  expect(isWhole(await ask(`${started.url}/getImage/again/auto:200x150`))).toBe(true);
}, 300_000);

it.each([
  ['on one machine', false],
  ['in the cache of a node', true],
])(
  'makes room where the disk holds no more files, %s',
  async (_where, withRedis) => {
    const redis = withRedis ? await startStandalone() : undefined;
    try {
      const disk = join(dir.path, 'disk');
      await mkdir(disk);
      const started = await startServerProcess(
        { ...QUICK, PROOFSHEET_DATA_DIR: join(disk, 'data'), ...(redis && { PROOFSHEET_REDIS_URL: redis.url }) },
        // Each blob is a file, and at first makes two directories.
        await withSmallDisk(disk, 8 * DISK_BYTES, 400),
      );
      server = started;
      const photo = await encodedPhoto(200, 150);
      const outcomes = new Set<string>();
      for (let n = 0; n < 150; n++) {
        await until(async () => {
          const outcome = said(await upload(`${started.url}/cacheImage/${n}`, another(photo)));
          outcomes.add(outcome);
          return outcome === '200';
        }, `upload ${n} has room`);
        expect(isWhole(await ask(`${started.url}/getImage/${n}/auto:200x150`))).toBe(true);
      }
      expect([...outcomes].filter((outcome) => outcome !== '507/5070')).toEqual(['200']);
      await until(
        async () => (await ask(`${started.origin}/readyz`)).body.toString().includes('"disk":"up"'),
        'it has recovered',
      );
      const { ffree } = await statfs(insideOf(started.pid, disk));
      expect(ffree).toBeGreaterThan(400 / 25);
      // It waits for no upload that finds no room: less than is to be free is mended by itself.
      for (let n = 0; (await statfs(insideOf(started.pid, disk))).ffree >= 400 / 25; n++)
        await writeFile(join(insideOf(started.pid, disk), `filler-${n}`), '');
      await until(
        async () => (await statfs(insideOf(started.pid, disk))).ffree > 400 / 25,
        'files are free again without an upload',
      );
      await until(
        async () => (await ask(`${started.origin}/readyz`)).body.toString().includes('"disk":"up"'),
        'it has recovered without an upload',
      );
      // It did not give up everything that it had.
      expect(isWhole(await ask(`${started.url}/getImage/149/auto:200x150`))).toBe(true);
    } finally {
      await redis?.stop();
    }
  },
  300_000,
);

it('makes room in the cache of a node, whose store is elsewhere', async () => {
  const redis = await startStandalone();
  try {
    const disk = join(dir.path, 'disk');
    await mkdir(disk);
    const environment = {
      ...QUICK,
      ...FEW_PREVIEWS,
      PROOFSHEET_DATA_DIR: join(disk, 'data'),
      PROOFSHEET_REDIS_URL: redis.url,
    };
    const started = await startServerProcess(environment, await withSmallDisk(disk, DISK_BYTES));
    server = started;
    const photo = await heavyPhoto();
    const uploads = Math.ceil((2 * DISK_BYTES) / photo.length);
    for (let n = 0; n < uploads; n++) {
      // One that finds no room for its own file is refused, and has room made for the next.
      await until(
        async () => said(await upload(`${started.url}/cacheImage/${n}`, another(photo))) === '200',
        `upload ${n} of ${uploads} has room`,
      );
      expect(isWhole(await ask(`${started.url}/getImage/${n}/auto:800x800`))).toBe(true);
    }
    for (let n = 0; n < uploads; n++)
      expect(isWhole(await ask(`${started.url}/getImage/${n}/auto:200x150`)), `${n}`).toBe(true);
    expect(started.log.filter(({ level }) => level === 'error')).toEqual([]);
  } finally {
    await redis.stop();
  }
}, 300_000);

it('leaves the cache of a node alone while only the store elsewhere is full', async () => {
  const redis = await startStandalone();
  try {
    const data = join(dir.path, 'data');
    const started = await startServerProcess({
      ...QUICK,
      PROOFSHEET_DATA_DIR: data,
      PROOFSHEET_REDIS_URL: redis.url,
    });
    server = started;
    const photo = await encodedPhoto(300, 200);
    for (const key of ['a', 'b'])
      expect(said(await upload(`${started.url}/cacheImage/${key}`, another(photo)))).toBe('200');
    const cached = async () =>
      (await readdir(join(data, 'node-cache-0', 'blobs'), { recursive: true }))
        .filter((name) => name.length > 64)
        .sort();
    const before = await cached();
    expect(before.length).toBeGreaterThan(0);
    await redis.server.cli('CONFIG', 'SET', 'maxmemory', '1');
    for (let n = 0; n < 4; n++)
      expect(said(await upload(`${started.url}/cacheImage/full-${n}`, another(photo)))).toBe('507/5070');
    const after = new Set(await cached());
    expect(before.filter((name) => !after.has(name))).toEqual([]);
    for (const key of ['a', 'b']) expect(isWhole(await ask(`${started.url}/getImage/${key}/auto:200x150`))).toBe(true);
  } finally {
    await redis.stop();
  }
}, 300_000);

function placeOf(digest: string): readonly string[] {
  return [digest.slice(0, 2), digest.slice(2, 4), digest];
}

/** Writes a file that leaves `freeBytes` of the file system; allocated in pages, so rounded up to 4 KiB. */
async function fillUpTo(path: string, freeBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  try {
    await writeFile(path, Buffer.alloc(Math.max(0, bavail * bsize - freeBytes)));
  } catch (error) {
    // The server wrote in between, and then the disk is as full as it gets.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}
