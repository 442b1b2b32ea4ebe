// Uploads into slots, imports, pyramids and pictures drawn on demand while the machine fails: no file handles left, and processes that are
// stopped (SIGSTOP) for longer than their leases, or than a conversion may take. What was acknowledged becomes what it was to be, once; a
// fault of the machine is no fault of a picture; and nothing is left of what was under way.
import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodedPhoto } from '../../support/encoded-photo.js';
import { another, ask, said } from '../../support/faults/server-client.js';
import { withOpenFiles } from '../../support/faults/wrappers.js';
import { eventually, until } from '../../support/gate.js';
import { RawConnection } from '../../support/http-client.js';
import { MediagraphClient } from '../../support/mediagraph-client.js';
import { sourceForm } from '../../support/multipart.js';
import { type Origin, startOrigin } from '../../support/origins.js';
import { argumentsOf, childrenOf, descendantsOf, signalIfThere } from '../../support/processes.js';
import { type ServerProcess, startServerProcess, type Wrapper } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

const TOKEN = 'a-token-of-16-characters';
const OF_CACHE = 'another-token-of-16-characters';
const FILES = 256;
/** Of a job, renewed three times in it (see job-runner.ts). */
const LEASE_MS = 15_000;
const CONVERSION_MS = 10_000;
const UPLOADS = 6;

let dir: TempDir;
let origin: Origin;
let server: ServerProcess;
let client: MediagraphClient;
let photo: Buffer;

beforeEach(async () => {
  dir = await tempDir();
  photo = await encodedPhoto(1200, 900);
  await writeFile(join(dir.path, 'tenants.yaml'), `- { id: agency, tokens: [${TOKEN}], organizationNumber: 100 }`);
  origin = await startOrigin((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(photo);
  });
});
afterEach(async () => {
  for (const pid of [server.pid, ...descendantsOf(server.pid)]) signalIfThere(pid, 'SIGCONT');
  server.kill('SIGKILL');
  await server.gone;
  await origin.close();
  await dir.remove();
});

async function start(environment: Readonly<Record<string, string>> = {}, wrapper?: Wrapper): Promise<void> {
  const given = {
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_DIALECTS: 'image-converter,mediagraph,dzi,iiif',
    PROOFSHEET_TENANTS: join(dir.path, 'tenants.yaml'),
    PROOFSHEET_API_TOKENS: OF_CACHE,
    PROOFSHEET_URL_KEYS: 'main:a-secret-of-the-operator',
    PROOFSHEET_FETCH_ALLOW: `${origin.place.address}:${origin.place.port}`,
    PROOFSHEET_TARGET_FORMATS: 'auto:200x150',
    ...environment,
  };
  server = await startServerProcess(given, wrapper);
  client = new MediagraphClient(`${server.origin}/mediagraph`, TOKEN);
}

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');

/** What is acknowledged, by the number of the asset. */
async function accept(session: string, name: string): Promise<readonly [id: number, md5: string]> {
  const bytes = another(photo);
  const prepared = await client.prepare(session, `${name}.jpg`, bytes.length);
  expect((await client.put(prepared.url, bytes)).status).toBe(200);
  expect((await client.uploaded(prepared.guid)).status).toBe(200);
  return [prepared.id, md5(bytes)];
}

/** Every asset is made of its bytes, as one version. */
async function expectMade(kept: ReadonlyMap<number, string>): Promise<void> {
  for (const [id, digest] of kept) {
    expect(await client.watch(id), `asset ${id}`).toMatchObject({ aasm_state: 'processed', md5: digest });
    expect(await client.get(`/api/assets/${id}/asset_data_versions`)).toHaveLength(1);
  }
}

/** Nothing of what was under way is in the directories of temporary files. */
async function expectNothingLeft(): Promise<void> {
  await until(async () => {
    const names = await readdir(join(dir.path, 'data', 'tmp'), { recursive: true, withFileTypes: true });
    return names.every((entry) => !entry.isFile());
  }, 'nothing is left');
}

/** Nothing is under way any more, and the server ends as it is told to. */
async function expectCleanEnd(): Promise<void> {
  await expectNothingLeft();
  server.kill('SIGTERM');
  expect(await server.gone).toBe(0);
}

const headers = { Authorization: `Bearer ${OF_CACHE}` };
const store = (key: string, source: Buffer) =>
  ask(`${server.url}/cacheImage/${key}`, { method: 'POST', body: sourceForm(source), headers });
const tile = (key: string, level: number) => ask(`${server.origin}/dzi/_/${key}_files/${level}/0_0.jpg`, { headers });
const drawn = (key: string, widthPx: number) =>
  ask(`${server.origin}/iiif/3/${key}/full/${widthPx},/0/default.jpg`, { headers });

describe('out of file handles', () => {
  it('uploads, imports, tiles and drawn pictures are refused or wait, and are made once there are some', async () => {
    await start({}, await withOpenFiles(FILES));
    expect(said(await store('photo', photo))).toBe('200');
    const session = await client.open();
    const prepared = [];
    for (let n = 0; n < UPLOADS; n++) {
      const bytes = another(photo);
      prepared.push({ bytes, ...(await client.prepare(session.guid, `${n}.jpg`, bytes.length)) });
    }
    const kept = new Map<number, string>();
    // Accepted now, and at work while there are no handles.
    for (let n = 0; n < 2; n++) kept.set(...(await accept(session.guid, `before-${n}`)));
    const { body } = await client.send('POST', '/api/assets', { from_url: origin.url('/picture.jpg') });
    const [imported] = body as unknown as readonly { readonly id: number }[];
    const hogs: (RawConnection | undefined)[] = [];
    for (let n = 0; n < FILES; n++) hogs.push(await RawConnection.open(server.origin).catch(() => undefined));
    const outcomes = await Promise.all([
      ...prepared.map(async ({ id, url, guid, bytes }) => {
        const put = await client.put(url, bytes).catch(() => undefined);
        if (put?.status === 200 && (await client.uploaded(guid).catch(() => undefined))?.status === 200)
          kept.set(id, md5(bytes));
        return put === undefined ? 'closed' : String(put.status);
      }),
      tile('photo', 11).then(said, () => 'closed'),
      ...[301, 302, 303].map((widthPx) => drawn('photo', widthPx).then(said, () => 'closed')),
    ]);
    for (const outcome of outcomes) expect(outcome).toMatch(/^(200|503(\/50\d0)?|closed)$/);
    for (const hog of hogs) hog?.destroy();
    await eventually(async () => said(await drawn('photo', 304)) === '200', 'it recovers');
    await eventually(async () => said(await tile('photo', 11)) === '200', 'tiles are made');
    // The client of a slot begins again where it was.
    for (const { id, url, guid, bytes } of prepared) {
      if (kept.has(id)) continue;
      const { status } = await client.put(url, bytes);
      // Its last answer may have been lost: then it is complete already.
      if (status !== 403) expect(status).toBe(200);
      expect((await client.uploaded(guid)).status).toBe(200);
      kept.set(id, md5(bytes));
    }
    await expectMade(kept);
    expect(await client.watch(imported?.id ?? 0)).toMatchObject({ aasm_state: 'processed', md5: md5(photo) });
    await expectCleanEnd();
  }, 300_000);
});

describe('stopped', () => {
  it('for longer than its leases, a worker goes on afterwards, and what it had in hand is made once', async () => {
    await start({ PROOFSHEET_WORKERS: '2' });
    const session = await client.open();
    const kept = new Map<number, string>();
    for (let n = 0; n < UPLOADS; n++) kept.set(...(await accept(session.guid, `before-${n}`)));
    const workers = childrenOf(server.pid);
    expect(workers).toHaveLength(2);
    const [stopped = 0] = workers;
    const all = [stopped, ...descendantsOf(stopped)];
    for (const pid of all) process.kill(pid, 'SIGSTOP');
    await sleep(LEASE_MS + 2_000);
    for (const pid of all) process.kill(pid, 'SIGCONT');
    for (let n = 0; n < 2; n++) kept.set(...(await accept(session.guid, `after-${n}`)));
    await expectMade(kept);
    expect(await client.get(`/api/assets/search?upload_guid=${session.guid}`)).toMatchObject({
      total_entries: kept.size,
    });
    await expectCleanEnd();
  }, 300_000);

  it('for longer than a conversion may take, a converter is replaced, and what it had in hand is made once', async () => {
    await start({ PROOFSHEET_CONVERSION_TIMEOUT_MS: String(CONVERSION_MS), PROOFSHEET_CONVERTERS: '2' });
    expect(said(await store('photo', photo))).toBe('200');
    const session = await client.open();
    const kept = new Map<number, string>();
    // Not those that make tiles, whose time is another one (PROOFSHEET_PYRAMID_TIMEOUT_MS).
    const converters = () =>
      descendantsOf(server.pid).filter(
        (pid) =>
          /child\.js [^ ]*$/.test(argumentsOf(pid).join(' ')) && !/"streams":true/.test(argumentsOf(pid).join(' ')),
      );
    const accepting = Array.from({ length: UPLOADS }, (_, n) => accept(session.guid, `upload-${n}`));
    const pictures = [drawn('photo', 401), drawn('photo', 402)];
    for (const made of await Promise.all(accepting)) kept.set(...made);
    const { body } = await client.send('POST', '/api/assets', { from_url: origin.url('/picture.jpg') });
    const [imported] = body as unknown as readonly { readonly id: number }[];
    // One: a picture that two in a row did not get done in time is taken for what keeps them.
    const [stopped = 0] = converters();
    expect(stopped).toBeGreaterThan(0);
    signalIfThere(stopped, 'SIGSTOP');
    for (const picture of pictures) expect(said(await picture)).toMatch(/^(200|50[34]\/50\d0)$/);
    await eventually(async () => said(await drawn('photo', 403)) === '200', 'pictures are drawn');
    await eventually(async () => said(await tile('photo', 11)) === '200', 'tiles are made');
    await expectMade(kept);
    expect(await client.watch(imported?.id ?? 0)).toMatchObject({ aasm_state: 'processed', md5: md5(photo) });
    await expectCleanEnd();
  }, 300_000);
});
