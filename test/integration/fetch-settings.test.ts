// The settings of fetching, each seen in what a server does to origins: where it goes, how often, how many at once, and for how long.
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../support/gate.js';
import { type Origin, startOrigin, startRawOrigin } from '../support/origins.js';
import { type ServerProcess, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';

const SLOW = { timeout: 600_000 };
const TOKEN = { Authorization: 'Bearer token-of-the-agency-0001', 'Content-Type': 'application/json' };
const ADMIN = { PROOFSHEET_ADMIN_USER: 'admin', PROOFSHEET_ADMIN_PASSWORD: 'correct horse' };
const LOGIN = { Authorization: `Basic ${Buffer.from('admin:correct horse').toString('base64')}` };

let dir: TempDir;
let server: ServerProcess | undefined;
let origin: Origin;
/** Accepts connections and says nothing, so that no secure one is ever made. */
let mute: Origin;
let picture: Buffer;
/** Requests for `/held...` that have not been answered. */
let held: { readonly host: string; readonly response: ServerResponse }[];
const drips: NodeJS.Timeout[] = [];

beforeEach(async () => {
  dir = await tempDir();
  held = [];
  picture = await jpegOf(40, 30);
  origin = await startOrigin(answer);
  mute = await startRawOrigin(() => undefined);
  await writeFile(join(dir.path, 'tenants.yaml'), '- { id: agency, tokens: [token-of-the-agency-0001] }');
});
afterEach(async () => {
  server?.kill('SIGKILL');
  await server?.gone;
  server = undefined;
  for (const drip of drips.splice(0)) clearInterval(drip);
  await Promise.all([origin.close(), mute.close()]);
  await dir.remove();
});

function answer({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
  if (url.startsWith('/held')) return void held.push({ host: headers.host ?? '', response });
  if (url.startsWith('/silent')) return;
  if (url.startsWith('/bad')) return void response.writeHead(500).end();
  if (url.startsWith('/redirects/')) {
    const left = Number(url.split('/').at(-1));
    return void response.writeHead(302, { Location: left > 1 ? `/redirects/${left - 1}` : '/a.jpg' }).end();
  }
  if (url.startsWith('/stalls')) return void response.writeHead(200, { 'Content-Length': '1000' }).write('x');
  // 20 kB a second, without an end.
  if (url.startsWith('/drips')) return void drips.push(setInterval(() => response.write('x'.repeat(2_000)), 100));
  response.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(picture);
}

async function start(environment: Readonly<Record<string, string>>): Promise<void> {
  server = await startServerProcess({
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
    PROOFSHEET_DIALECTS: 'livingdocs',
    PROOFSHEET_TENANTS: join(dir.path, 'tenants.yaml'),
    PROOFSHEET_TARGET_FORMATS: 'auto:20x20',
    PROOFSHEET_FETCH_ALLOW: `127.0.0.1:${origin.port},127.0.0.1:${mute.port}`,
    ...ADMIN,
    ...environment,
  });
}

async function post(urls: readonly string[]): Promise<Response> {
  const images = urls.map((url, n) => ({ url, id: `${n} ${url}`, fileName: 'a', metadata: {} }));
  const body = JSON.stringify({ systemName: 'dam', images });
  return fetch(`${server?.origin}/livingdocs/api/v1/import/images`, { method: 'POST', headers: TOKEN, body });
}

interface Item {
  readonly state: string;
  readonly attempts: number;
  readonly reason: { readonly code: string; readonly message: string } | null;
  readonly nextAttemptAt: string | null;
}

/** The items of an import of `urls`, looked at whenever it is called. */
async function importing(...urls: readonly string[]): Promise<() => Promise<readonly Item[]>> {
  const { id } = (await (await post(urls)).json()) as { readonly id: string };
  return async () => {
    const told = await fetch(`${server?.origin}/library/jobs/${id}`, { headers: LOGIN });
    return ((await told.json()) as { readonly items: readonly Item[] }).items;
  };
}

/** What each has ended with, or waits for. */
async function outcomes(...urls: readonly string[]): Promise<readonly string[]> {
  const items = await importing(...urls);
  const told = async () => (await items()).map(({ state, reason }) => reason?.code ?? state);
  await until(
    async () => (await told()).every((word) => !['queued', 'fetching', 'converting'].includes(word)),
    'an outcome',
  );
  return told();
}

const byName = (path: string): string => `http://localhost:${origin.port}${path}`;

test('PROOFSHEET_FETCH_ALLOW and PROOFSHEET_FETCH_PORTS are where it may go', SLOW, async () => {
  await start({ PROOFSHEET_FETCH_PORTS: `81,${mute.port}`, PROOFSHEET_FETCH_ALLOW: `127.0.0.1:${origin.port}` });
  const mutes = `http://127.0.0.1:${mute.port}/`;
  expect(await outcomes(origin.url('/a.jpg'), mutes)).toEqual(['succeeded', 'address-forbidden']);
  expect((await post(['http://example.invalid/a.jpg'])).status).toBe(400);
  expect((await post(['http://example.invalid:81/a.jpg'])).status).toBe(200);
});

test(
  'PROOFSHEET_FETCH_HOSTS and PROOFSHEET_FETCH_DENIED_HOSTS are the hosts that are asked, and that are not',
  SLOW,
  async () => {
    await start({ PROOFSHEET_FETCH_HOSTS: 'localhost' });
    expect(await outcomes(origin.url('/a.jpg'), byName('/b.jpg'))).toEqual(['address-forbidden', 'succeeded']);
    server?.kill('SIGTERM');
    await server?.gone;
    await start({ PROOFSHEET_FETCH_DENIED_HOSTS: 'localhost' });
    expect(await outcomes(origin.url('/c.jpg'), byName('/d.jpg'))).toEqual(['succeeded', 'address-forbidden']);
  },
);

test('PROOFSHEET_FETCH_MAX_REDIRECTS is how many are followed', SLOW, async () => {
  await start({ PROOFSHEET_FETCH_MAX_REDIRECTS: '1' });
  const urls = [origin.url('/redirects/1'), origin.url('/redirects/2')];
  expect(await outcomes(...urls)).toEqual(['succeeded', 'too-many-redirects']);
});

/** What ends by which deadline alone, when that is short and all others are long. */
const ENDED_BY = {
  CONNECT_TIMEOUT_MS: () => `https://127.0.0.1:${mute.port}/`,
  HEADERS_TIMEOUT_MS: () => origin.url('/silent'),
  IDLE_TIMEOUT_MS: () => origin.url('/stalls'),
  TIMEOUT_MS: () => origin.url('/drips'),
} as const;
const DEADLINES = Object.keys(ENDED_BY) as readonly (keyof typeof ENDED_BY)[];

test.each(DEADLINES)(
  'PROOFSHEET_FETCH_%s ends what is too slow by it, while nothing else has ended yet',
  SLOW,
  async (short) => {
    const long = Object.fromEntries(DEADLINES.map((name) => [`PROOFSHEET_FETCH_${name}`, '3600000']));
    // No silence may be longer than the whole; what drips is never silent for as long.
    if (short === 'TIMEOUT_MS') long.PROOFSHEET_FETCH_IDLE_TIMEOUT_MS = '300';
    await start({ ...long, PROOFSHEET_FETCH_MIN_BYTES_PER_SECOND: '1', [`PROOFSHEET_FETCH_${short}`]: '300' });
    const items = await importing(...DEADLINES.map((name) => ENDED_BY[name]()));
    const attempts = async () => (await items()).map((item) => item.attempts);
    // All of them are within the time for one source.
    const ends = (name: string) => name === short || short === 'TIMEOUT_MS';
    await until(async () => {
      const tried = await attempts();
      return DEADLINES.every((name, index) => !ends(name) || (tried[index] ?? 0) > 0);
    }, 'the end of what is too slow');
    const told = await items();
    expect(told.map(({ attempts: tried }) => tried > 0)).toEqual(DEADLINES.map(ends));
    for (const { attempts: tried, reason } of told) if (tried > 0) expect(reason?.code).toBe('source-timeout');
  },
);

test(
  'PROOFSHEET_FETCH_MIN_BYTES_PER_SECOND ends what is slower than that, and not what is as slow as it may be',
  SLOW,
  async () => {
    await start({ PROOFSHEET_FETCH_MIN_BYTES_PER_SECOND: '1048576', PROOFSHEET_FETCH_TIMEOUT_MS: '3600000' });
    const items = await importing(origin.url('/drips'));
    await until(async () => ((await items())[0]?.attempts ?? 0) > 0, 'the end of what is too slow');
    expect((await items())[0]?.reason).toMatchObject({
      code: 'source-timeout',
      message: expect.stringContaining('slowly'),
    });
  },
);

test.each([
  ['PROOFSHEET_FETCH_CONCURRENCY', 1, 1, { PROOFSHEET_FETCH_HOST_CONCURRENCY: '1' }],
  ['PROOFSHEET_FETCH_HOST_CONCURRENCY', 2, 1, {}],
] as const)('%s=1 is how many are fetched at the same time', SLOW, async (setting, inAll, ofHost, more) => {
  await start({ [setting]: '1', ...more });
  const paths = Array.from({ length: 3 }, (_, n) => `/held-${n}.jpg`);
  const items = await importing(...paths.map((path) => origin.url(path)), ...paths.map(byName));
  let [most, mostOfHost] = [0, 0];
  await until(async () => {
    const live = held.filter(({ response }) => !response.destroyed && !response.writableEnded);
    most = Math.max(most, live.length);
    for (const name of ['127.0.0.1', 'localhost'])
      mostOfHost = Math.max(mostOfHost, live.filter(({ host }) => host.startsWith(name)).length);
    if (live.length >= inAll || held.length > 3) live[0]?.response.end(picture);
    return (await items()).every(({ state }) => state === 'succeeded');
  }, 'all of them');
  expect([most, mostOfHost]).toEqual([inAll, ofHost]);
});

test(
  'PROOFSHEET_FETCH_HOST_FAILURES is after how many a host is left alone, for PROOFSHEET_FETCH_HOST_REST_MS',
  SLOW,
  async () => {
    const rest = 3_000_000;
    await start({
      PROOFSHEET_FETCH_HOST_FAILURES: '2',
      PROOFSHEET_FETCH_HOST_REST_MS: `${rest}`,
      PROOFSHEET_FETCH_HOST_CONCURRENCY: '1',
    });
    const begunAt = Date.now();
    const items = await importing(...Array.from({ length: 5 }, (_, n) => origin.url(`/bad-${n}.jpg`)));
    await until(async () => (await items()).every(({ reason }) => reason !== null), 'a reason for each');
    const left = (await items()).filter(({ attempts }) => attempts === 0);
    expect(left).toHaveLength(3);
    for (const { reason, nextAttemptAt } of left) {
      expect(reason?.message).toContain('left alone');
      expect(Date.parse(nextAttemptAt ?? '')).toBeGreaterThan(begunAt + rest / 2);
    }
    expect(origin.requests).toHaveLength(2);
  },
);
