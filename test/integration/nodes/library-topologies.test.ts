// The library of many machines over the kinds of Redis that a deployment may have: behind Sentinel, by TLS, with several processes a
// node, and with a server that is not there when the nodes start; and tenants that change while two nodes serve.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../support/gate.js';
import { type Origin, startOrigin } from '../../support/origins.js';
import { type RedisServers, startSentinelSet, startStandalone, startWithTls } from '../../support/redis-servers.js';
import { type ServerProcess, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { jpegOf } from '../../support/test-images.js';

/** Several servers, started one after the other on a busy machine. */
const SLOW = 240_000;
const ITEMS = 40;
const TOKEN = 'token-of-the-agency-0001';
const OTHER = 'token-of-somebody-else-1';
const LOGIN = `Basic ${Buffer.from('admin:correct horse').toString('base64')}`;

let dir: TempDir;
let redis: RedisServers | undefined;
let origin: Origin;
let receiver: Origin;
let nodes: ServerProcess[];
let told: string[];

beforeEach(async () => {
  dir = await tempDir();
  [nodes, told, redis] = [[], [], undefined];
  const picture = await jpegOf(64, 48);
  origin = await startOrigin(({ url = '' }, response) => {
    // Bytes behind the end of the image change nothing but its digest.
    response.end(Buffer.concat([picture, Buffer.from(url)]));
  });
  receiver = await startOrigin(async (request, response) => {
    for await (const _ of request);
    told.push(String(request.headers['webhook-id']));
    response.end();
  });
  await tenants([{ id: 'agency', tokens: [TOKEN] }]);
});
afterEach(async () => {
  for (const node of nodes) node.kill('SIGKILL');
  await Promise.all(nodes.map((node) => node.gone));
  await Promise.all([origin.close(), receiver.close(), redis?.stop()]);
  await dir.remove();
});

const tenants = (list: readonly object[]) => writeFile(join(dir.path, 'tenants.yaml'), JSON.stringify(list));

/** Starts so many nodes, which `afterEach` ends. */
async function start(count: number, more: Record<string, string>): Promise<void> {
  const started = Array.from({ length: count }, (_, at) =>
    startServerProcess({
      PROOFSHEET_DATA_DIR: join(dir.path, `data-${at}`),
      PROOFSHEET_TENANTS: join(dir.path, 'tenants.yaml'),
      PROOFSHEET_DIALECTS: 'image-converter,livingdocs',
      PROOFSHEET_FETCH_ALLOW: [origin, receiver].map(({ port }) => `127.0.0.1:${port}`).join(','),
      PROOFSHEET_FETCH_HOST_CONCURRENCY: '16',
      PROOFSHEET_TARGET_FORMATS: 'auto:100x100',
      PROOFSHEET_ADMIN_USER: 'admin',
      PROOFSHEET_ADMIN_PASSWORD: 'correct horse',
      ...more,
    }),
  );
  // Whatever became of the others, those that started are to be ended.
  for (const result of await Promise.allSettled(started)) {
    if (result.status === 'rejected') throw result.reason;
    nodes.push(result.value);
  }
}

const node = (at: number): ServerProcess => nodes[at] as ServerProcess;

async function send(at: number, items: number, token = TOKEN): Promise<Response> {
  const images = Array.from({ length: items }, (_, n) => ({
    url: origin.url(`/${n}.jpg`),
    id: `urn:${n}`,
    fileName: `${n}`,
    metadata: {},
  }));
  return fetch(`${node(at).origin}/livingdocs/api/v1/import/images`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ systemName: 'test', images, webhook: receiver.url('/hook') }),
  });
}

async function post(at: number, items = ITEMS): Promise<string> {
  const sent = await send(at, items);
  const body = (await sent.json()) as { readonly id: string };
  expect([sent.status, body]).toEqual([200, { id: expect.any(String) }]);
  return body.id;
}

interface Shown {
  readonly items: readonly { readonly state: string; readonly assetId?: string; readonly version?: number }[];
}

const operators = async <T>(at: number, path: string): Promise<T> =>
  (await (await fetch(`${node(at).origin}/library/jobs${path}`, { headers: { Authorization: LOGIN } })).json()) as T;
const endedOf = async (at: number, id: string): Promise<number> => {
  // The library may be away.
  const shown = await operators<Partial<Shown>>(at, `/${id}`);
  return (shown.items ?? []).filter(({ state }) => state === 'succeeded').length;
};

/** Every item ended well, as an asset of its own with one version, and whoever asked was told once. */
async function proveEachOnce(at: number, id: string): Promise<void> {
  await until(async () => (await endedOf(at, id)) === ITEMS, 'the end of every item');
  const { items } = await operators<Shown>(at, `/${id}`);
  expect(new Set(items.map(({ assetId }) => assetId)).size).toBe(ITEMS);
  expect(new Set(items.map(({ version }) => version))).toEqual(new Set([1]));
  const { usage } = await operators<{ readonly usage: object }>(at, '');
  expect(usage).toMatchObject({ assets: ITEMS, originals: ITEMS, openImports: 0 });
  await until(() => told.length > 0, 'the callback');
  expect(told).toEqual([`import_${id}`]);
}

test(
  'two nodes of two processes each go on over Sentinel when the master of the library is lost in the middle',
  async () => {
    redis = await startSentinelSet(1_000);
    await start(2, { PROOFSHEET_REDIS_URL: redis.url, PROOFSHEET_WORKERS: '2' });
    const id = await post(0);
    await until(async () => (await endedOf(1, id)) >= 5, 'some of the batch');
    const [master] = await redis.masters();
    await master?.kill();
    await until(async () => (await redis?.masters())?.some((server) => server !== master) === true, 'another master');
    await proveEachOnce(1, id);
  },
  SLOW,
);

test(
  'records and queue of a node of two processes lie behind TLS',
  async () => {
    const secured = await startWithTls();
    redis = secured;
    await start(1, {
      PROOFSHEET_REDIS_URL: secured.url,
      PROOFSHEET_REDIS_CA_FILE: secured.caFile,
      PROOFSHEET_WORKERS: '2',
    });
    await proveEachOnce(0, await post(0));
    const [server] = secured.servers;
    // BullMQ's queues are there too.
    expect(Number(await server?.cli('EXISTS', 'proofsheet:{jobs}:import-item:meta'))).toBe(1);
  },
  SLOW,
);

describe('a Redis of the library that is away when the nodes start', () => {
  let jobs: Awaited<ReturnType<typeof startStandalone>> | undefined;
  beforeEach(() => {
    jobs = undefined;
  });
  afterEach(() => jobs?.stop());

  /** Two nodes beside a Redis of the library that ended before, and comes back with `settings`. */
  async function startWithout(...settings: string[]): Promise<{ readonly comesBack: () => Promise<void> }> {
    const [cache, gone] = await Promise.all([startStandalone(), startStandalone(settings)]);
    [redis, jobs] = [cache, gone];
    await gone.server.kill();
    await start(2, { PROOFSHEET_REDIS_URL: cache.url, PROOFSHEET_JOBS_REDIS_URL: gone.url });
    return { comesBack: () => gone.server.resume() };
  }

  const libraryOf = async (at: number): Promise<unknown> => {
    const ready = await (await fetch(`${node(at).origin}/readyz`)).json();
    return (ready as { readonly dependencies: { readonly library: string } }).dependencies.library;
  };

  test(
    'keeps nobody from starting, refuses imports meanwhile, and takes them once it is there',
    async () => {
      const { comesBack } = await startWithout('--appendonly', 'yes');
      expect(await libraryOf(0)).toBe('degraded');
      const refused = await send(0, 1);
      expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([503, true]);
      // The cache needs none of it.
      expect((await fetch(`${node(0).url}/getKeyCount`)).status).toBe(200);
      await comesBack();
      await until(async () => (await libraryOf(0)) === 'up' && (await libraryOf(1)) === 'up', 'the library to be up');
      await proveEachOnce(1, await post(0));
    },
    SLOW,
  );

  test(
    'and turns out to take keys away is not used, which is told as an error',
    async () => {
      const { comesBack } = await startWithout('--maxmemory-policy', 'allkeys-lru');
      await comesBack();
      const refusals = (at: number) =>
        node(at).log.filter(({ message }) => message === 'the Redis of the library is not to be used');
      await until(() => [0, 1].every((at) => refusals(at).length > 0), 'both nodes to refuse it');
      expect(JSON.stringify(refusals(0))).toMatch(/maxmemory-policy noeviction.*PROOFSHEET_JOBS_REDIS_URL/);
      expect((await send(0, 1)).status).toBeGreaterThanOrEqual(500);
    },
    SLOW,
  );
});

test(
  'tenants that are added, changed and taken away in the file are so on both nodes, without a restart',
  async () => {
    redis = await startStandalone();
    await start(2, { PROOFSHEET_REDIS_URL: redis.url });
    const statuses = async (token: string): Promise<number[]> =>
      Promise.all(
        [0, 1].map(
          async (at) =>
            (
              await fetch(`${node(at).origin}/livingdocs/api/v1/mediaLibrary`, {
                headers: { Authorization: `Bearer ${token}` },
              })
            ).status,
        ),
      );
    const become = (token: string, status: number) =>
      until(async () => (await statuses(token)).every((seen) => seen === status), `${status} on both nodes`);
    await become(TOKEN, 200);
    expect(await statuses(OTHER)).toEqual([401, 401]);
    await tenants([
      { id: 'agency', tokens: [TOKEN] },
      { id: 'other', tokens: [OTHER], imagesPerDay: 1 },
    ]);
    await become(OTHER, 200);
    expect((await send(1, 2, OTHER)).status).toBe(429);
    // A file that is wrong changes nothing, on either.
    await writeFile(join(dir.path, 'tenants.yaml'), '- { id: other, tokens: [short] }');
    const isTold = ({ log }: ServerProcess) =>
      log.some(({ level, message }) => level === 'error' && /tenants/.test(String(message)));
    await until(() => nodes.every(isTold), 'both to say that the file is wrong');
    expect([await statuses(TOKEN), await statuses(OTHER)]).toEqual([
      [200, 200],
      [200, 200],
    ]);
    await tenants([{ id: 'other', tokens: [OTHER] }]);
    await become(TOKEN, 401);
    expect(await statuses(OTHER)).toEqual([200, 200]);
  },
  SLOW,
);

/** A snapshot of all that the server has, in a directory of its own. */
async function snapshotOf({ server }: Awaited<ReturnType<typeof startStandalone>>, name: string): Promise<string> {
  expect(await server.cli('SAVE')).toBe('OK');
  const own = (await server.cli('CONFIG', 'GET', 'dir')).split('\n').at(-1) ?? '';
  const copy = join(dir.path, name);
  await mkdir(copy);
  await copyFile(join(own, 'dump.rdb'), join(copy, 'dump.rdb'));
  return copy;
}

test(
  'a snapshot of the records, and a later one of the originals, are elsewhere the library with every asset, whose import goes on',
  async () => {
    const started: Awaited<ReturnType<typeof startStandalone>>[] = [];
    const begin = async (...settings: string[]) => {
      const server = await startStandalone(settings);
      started.push(server);
      return server;
    };
    try {
      const [records, originals] = [await begin(), await begin()];
      await start(1, { PROOFSHEET_REDIS_URL: originals.url, PROOFSHEET_JOBS_REDIS_URL: records.url });
      const id = await post(0);
      await until(async () => (await endedOf(0, id)) >= 5, 'some of the batch');
      const earlier = await snapshotOf(records, 'records');
      const seen = await endedOf(0, id);
      await until(async () => (await endedOf(0, id)) >= Math.min(ITEMS, seen + 1), 'more of it, behind the snapshot');
      const later = await snapshotOf(originals, 'originals');
      node(0).kill('SIGKILL');
      await node(0).gone;
      await Promise.all([records.server.kill(), originals.server.kill()]);
      [nodes, told] = [[], []];

      const [newRecords, newOriginals] = [await begin('--dir', earlier), await begin('--dir', later)];
      await start(1, {
        PROOFSHEET_DATA_DIR: join(dir.path, 'elsewhere'),
        PROOFSHEET_REDIS_URL: newOriginals.url,
        PROOFSHEET_JOBS_REDIS_URL: newRecords.url,
      });
      expect(await endedOf(0, id), 'as far as the snapshot tells').toBeGreaterThanOrEqual(5);
      await proveEachOnce(0, id);
      const status = `${node(0).origin}/livingdocs/api/v1/import/images/status?id=${id}`;
      const { images } = (await (await fetch(status, { headers: { Authorization: `Bearer ${TOKEN}` } })).json()) as {
        readonly images: readonly { readonly externalId: string; readonly image: { readonly originalUrl: string } }[];
      };
      for (const { externalId, image } of images) {
        const bytes = Buffer.from(await (await fetch(image.originalUrl)).arrayBuffer());
        expect(bytes.subarray(-12).toString('latin1')).toContain(`/${externalId.slice('urn:'.length)}.jpg`);
      }
    } finally {
      await Promise.all(started.map((server) => server.stop()));
    }
  },
  SLOW,
);
