// One library of two nodes over Redis and BullMQ: a node is killed, or Redis is, in the middle of a batch, and every item has
// exactly one outcome, one asset and one version; whoever asked is told once by the cluster.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually, until } from '../../support/gate.js';
import { type Origin, startOrigin } from '../../support/origins.js';
import { startStandalone } from '../../support/redis-servers.js';
import { type ServerProcess, scrape, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { jpegOf } from '../../support/test-images.js';

/** Several times what both nodes have in hand; `PROOFSHEET_TEST_IMPORT_ITEMS=1000` for a long run. */
const ITEMS = Number(process.env.PROOFSHEET_TEST_IMPORT_ITEMS ?? 120);
/** On a machine that does other things beside: who hangs is told by `untilAll` long before. */
const HANG_MS = 1_800_000;
const TOKEN = 'token-of-the-agency-0001';
const LOGIN = `Basic ${Buffer.from('admin:correct horse').toString('base64')}`;

let dir: TempDir;
let redis: Awaited<ReturnType<typeof startStandalone>>;
let origin: Origin;
let receiver: Origin;
let nodes: ServerProcess[];
let told: string[];
let asked: number;

beforeEach(async () => {
  dir = await tempDir();
  // As docs/CLUSTER.md says; each write is on the disk before it is acknowledged, so that a kill loses none.
  redis = await startStandalone(['--appendonly', 'yes', '--appendfsync', 'always']);
  const picture = await jpegOf(64, 48);
  asked = 0;
  origin = await startOrigin(({ url = '' }, response) => {
    asked++;
    // Bytes behind the end of the image change nothing but its digest.
    response.end(Buffer.concat([picture, Buffer.from(url)]));
  });
  told = [];
  receiver = await startOrigin(async (request, response) => {
    for await (const _ of request);
    told.push(String(request.headers['webhook-id']));
    response.end();
  });
  await writeFile(join(dir.path, 'tenants.yaml'), JSON.stringify([{ id: 'agency', tokens: [TOKEN] }]));
  nodes = await Promise.all([0, 1].map((at) => start(at)));
});
afterEach(async () => {
  for (const node of nodes) node.kill('SIGKILL');
  await Promise.all(nodes.map((node) => node.gone));
  await Promise.all([origin.close(), receiver.close(), redis.stop()]);
  await dir.remove();
});

function start(at: number): Promise<ServerProcess> {
  return startServerProcess({
    PROOFSHEET_DATA_DIR: join(dir.path, `data-${at}`),
    PROOFSHEET_REDIS_URL: redis.url,
    PROOFSHEET_TENANTS: join(dir.path, 'tenants.yaml'),
    PROOFSHEET_DIALECTS: 'image-converter,livingdocs',
    PROOFSHEET_FETCH_ALLOW: [origin, receiver].map(({ port }) => `127.0.0.1:${port}`).join(','),
    PROOFSHEET_FETCH_HOST_CONCURRENCY: '16',
    PROOFSHEET_TARGET_FORMATS: 'auto:100x100',
    PROOFSHEET_ADMIN_USER: 'admin',
    PROOFSHEET_ADMIN_PASSWORD: 'correct horse',
  });
}

const node = (at: number): ServerProcess => nodes[at] as ServerProcess;

async function post(): Promise<string> {
  const images = Array.from({ length: ITEMS }, (_, n) => ({
    url: origin.url(`/${n}.jpg`),
    id: `urn:${n}`,
    fileName: `${n}`,
    metadata: {},
  }));
  const sent = await fetch(`${node(0).origin}/livingdocs/api/v1/import/images`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ systemName: 'test', images, webhook: receiver.url('/hook') }),
  });
  const body = (await sent.json()) as { readonly id: string };
  expect([sent.status, body]).toEqual([200, { id: expect.any(String) }]);
  return body.id;
}

const operators = async (at: number, path: string): Promise<Record<string, unknown>> =>
  (await (
    await fetch(`${node(at).origin}/library/jobs${path}`, { headers: { Authorization: LOGIN } })
  ).json()) as Record<string, unknown>;

interface Shown {
  readonly items: readonly { readonly state: string; readonly assetId?: string; readonly version?: number }[];
  readonly finishedAt?: unknown;
}

/** Every item ended well, as an asset of its own with one version, and the counts agree; told once. */
async function proveEachOnce(at: number, id: string): Promise<void> {
  const shown = (await operators(at, `/${id}`)) as unknown as Shown;
  expect(shown.items).toHaveLength(ITEMS);
  expect(new Set(shown.items.map(({ state }) => state))).toEqual(new Set(['succeeded']));
  expect(new Set(shown.items.map(({ assetId }) => assetId)).size).toBe(ITEMS);
  expect(new Set(shown.items.map(({ version }) => version))).toEqual(new Set([1]));
  const { usage } = await operators(at, '');
  expect(usage).toMatchObject({ assets: ITEMS, originals: ITEMS, openImports: 0 });
  await until(() => told.length > 0, 'the callback');
  expect(new Set(told)).toEqual(new Set([`import_${id}`]));
  expect(asked).toBeGreaterThanOrEqual(ITEMS);
}

const endedAt = async (at: number, id: string): Promise<number> =>
  ((await operators(at, `/${id}`)) as unknown as Shown).items.filter(({ state }) => state === 'succeeded').length;

/** Turns of its own that a node has ended, whatever came of them. */
const turnsOf = (at: number): Promise<number> => scrape(node(at).origin, 'proofsheet_jobs_total', 'kind="import-item"');

/** As long as the node ends one after the other. Asks for what is cheap to tell: a batch with all of its items is not. */
async function untilAll(at: number): Promise<void> {
  for (let ended = false; !ended; ) {
    const before = await turnsOf(at);
    await until(async () => {
      // Redis may be away.
      const { usage } = await operators(at, '').catch(() => ({ usage: undefined }));
      ended = (usage as { readonly openImports: number } | undefined)?.openImports === 0;
      return ended || (await turnsOf(at)) > before;
    }, `more than ${before} turns`);
  }
}

test(
  'a node that is killed in the middle leaves its work to the other',
  async () => {
    const id = await post();
    await eventually(async () => (await endedAt(1, id)) >= ITEMS / 10, 'a tenth of the batch');
    // Both work, though one alone was sent the batch.
    await until(async () => Math.min(...(await Promise.all([0, 1].map(turnsOf)))) > 0, 'both have worked');
    node(0).kill('SIGKILL');
    await node(0).gone;
    expect(await endedAt(1, id), 'in the middle').toBeLessThan(ITEMS);
    await untilAll(1);
    await proveEachOnce(1, id);
    expect(told).toHaveLength(1);
  },
  HANG_MS,
);

test(
  'Redis that is killed and started again in the middle loses nothing',
  async () => {
    const id = await post();
    await eventually(async () => (await endedAt(1, id)) >= ITEMS / 10, 'a tenth of the batch');
    await redis.server.kill();
    await redis.server.resume();
    await untilAll(1);
    await proveEachOnce(0, id);
    expect(told).toHaveLength(1);
  },
  HANG_MS,
);
