// The console's answers over a composed server: behind the admin's login, live, and true of what is stored and of what failed.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operatorsConsole } from '../../src/http/dialects/console/console.js';
import type { Dialect } from '../../src/http/dialects/dialect.js';
import { route } from '../../src/http/dialects/route.js';
import type { OpenApiDocument } from '../../src/http/openapi/openapi-types.js';
import { plainFailure } from '../../src/http/replies/error-map.js';
import { json } from '../../src/http/replies/reply.js';
import { blobOfBytes, clientOf } from '../support/client-of.js';
import { BASIC_AUTH, startEdgeServer } from '../support/edge-server.js';
import { sourceForm } from '../support/multipart.js';
import { AnswerCheck } from '../support/openapi-check.js';
import { checkedAnswerOf, examplesOf, sendExample } from '../support/openapi-examples.js';
import { startOrigin } from '../support/origins.js';
import { tempDir } from '../support/temp-dir.js';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
const BROKEN = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(500, 7)]);

beforeAll(async () => {
  server = await startTestServer({ environment: { PROOFSHEET_CONTEXT_MAX_BYTES: '1000000' } });
  await upload('photo', await jpegOf(640, 480));
  await upload('photo', await jpegOf(320, 240, '#336699'), 'a tenant');
  await upload('large', await jpegOf(1600, 1200));
}, 120_000);
afterAll(() => server.close());

const upload = (key: string, bytes: Buffer, context = '') => clientOf(server).put(blobOfBytes(bytes), { key, context });

const ask = (path: string, init: RequestInit = {}) =>
  fetch(`${server.origin}/console${path}`, { ...init, headers: { Authorization: server.adminAuth, ...init.headers } });

async function told<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
  const answer = await ask(path, init);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Answer;
}

interface Told {
  readonly servers: readonly { readonly worker: number; readonly rates: { readonly requests: number } }[];
  readonly usage: { readonly groups: number };
  readonly past?: {
    readonly hour: { readonly values: { readonly requests: readonly (number | null)[] } };
    readonly failures: readonly Readonly<Record<string, unknown>>[];
    readonly sightings: Readonly<Record<'newest' | 'largest' | 'asked', readonly { readonly imageKey: string }[]>>;
  };
}

/** The next `count` events of the stream. */
async function events(count: number): Promise<readonly Told[]> {
  const stop = new AbortController();
  const answer = await ask('/live', { signal: stop.signal });
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const found: Told[] = [];
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data !== undefined) found.push(JSON.parse(data) as Told);
    }
    if (found.length >= count) break;
  }
  stop.abort();
  return found.slice(0, count);
}

describe('who may look', () => {
  it.each(['', '/live?once=yes', '/contexts', '/picture?key=photo', '/thumb?key=photo', '/refusals', '/work'])(
    'the admin alone: /console%s',
    async (path) => {
      const answer = await fetch(`${server.origin}/console${path}`);
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Basic')]);
      expect(await answer.text()).not.toContain('photo');
      expect((await ask(path)).status).toBe(200);
    },
  );

  it('nobody without an admin’s password', async () => {
    const open = await startTestServer({ withAdmin: false });
    expect((await fetch(`${open.origin}/console`)).status).toBe(403);
    await open.close();
  });

  it('no page of another origin changes anything', async () => {
    const path = `/refusals/${'a'.repeat(64)}/forget`;
    const answer = await ask(path, { method: 'POST', headers: { 'Sec-Fetch-Site': 'cross-site' } });
    expect(answer.status).toBe(403);
  });
});

it('tells how the server is, at once and again: figures, the last hour, and what was met', async () => {
  const [first, second] = await events(2);
  expect(first).toMatchObject({ servers: [{ worker: 0 }], usage: { groups: 3 } });
  expect(first?.past?.hour.values.requests).toHaveLength(360);
  const { newest = [], largest = [] } = first?.past?.sightings ?? {};
  expect(new Set(newest.map(({ imageKey }) => imageKey))).toEqual(new Set(['photo', 'large']));
  expect(largest[0]?.imageKey).toBe('large');
  // The past is told every now and then.
  expect(second?.past).toBeUndefined();
  expect(second?.usage.groups).toBe(3);
});

it('knows the largest of what was stored before the start, which was not used lately', async () => {
  const dir = await tempDir();
  const environment = { PROOFSHEET_DATA_DIR: dir.path };
  const before = await startTestServer({ environment });
  const client = clientOf(before);
  await client.put(blobOfBytes(await jpegOf(1600, 1200)), { key: 'the largest' });
  const small = blobOfBytes(await jpegOf(64, 48));
  // More than are looked at for having been used last.
  for (let index = 0; index < 110; index++) await client.put(small, { key: `small-${index}` });
  await before.close();
  const after = await startTestServer({ environment });
  const largest = async () => {
    const answer = await fetch(`${after.origin}/console/live?once=yes`, {
      headers: { Authorization: after.adminAuth },
    });
    const overview = JSON.parse(/^data: (.*)$/m.exec(await answer.text())?.[1] ?? '{}') as Told;
    return overview.past?.sightings.largest[0]?.imageKey;
  };
  await expect.poll(largest, { timeout: 60_000 }).toBe('the largest');
  await after.close();
  await dir.remove();
}, 240_000);

it('counts what is answered between two looks', async () => {
  // Asked until both looks were had: a fixed number may all be answered before the first of them.
  let isLooking = true;
  const asking = (async () => {
    while (isLooking) {
      await (await fetch(`${server.url}/getImage/photo/200x150`)).arrayBuffer();
      await sleep(20);
    }
  })();
  const [first, second] = await events(2);
  isLooking = false;
  await asking;
  expect(first).toBeDefined();
  expect(second?.servers[0]?.rates.requests).toBeGreaterThan(0);
  const [later] = await events(1);
  expect(later?.past?.sightings.asked[0]?.imageKey).toBe('photo');
});

it('tells what contexts have', async () => {
  const { contexts } = await told<{ contexts: { context: string; groups: number; bytes: number }[] }>(
    '/contexts?by=groups',
  );
  expect(contexts.map(({ context, groups }) => [context, groups])).toEqual([
    ['', 2],
    ['a tenant', 1],
  ]);
  expect((await ask('/contexts?by=colour')).status).toBe(400);
});

it('tells the story of a picture: what is stored, what answers and why, and which tags are told to whom', async () => {
  const story = await told<{
    source: Readonly<Record<string, unknown>>;
    previews: readonly { readonly formats: readonly string[]; readonly isStored: boolean }[];
    answers: readonly Readonly<Record<string, unknown>>[];
    tags: readonly { readonly group: string; readonly isPublic: boolean }[];
  }>('/picture?key=photo&format=auto:210x160&format=png:9000x9000');
  expect(story.source).toMatchObject({ type: 'jpeg', widthPx: 640, heightPx: 480, isKept: true, isStored: true });
  expect(story.previews.length).toBeGreaterThan(1);
  expect(story.previews.every(({ isStored }) => isStored)).toBe(true);
  expect(story.answers).toMatchObject([
    { asked: 'auto:210x160', relation: 'larger', isFinal: true },
    { asked: 'png:9000x9000', relation: expect.stringMatching(/exact|smaller/) },
  ]);
  expect(story.tags.some(({ group, isPublic }) => group === 'Header' && isPublic)).toBe(true);
  expect((await ask('/picture?key=absent')).status).toBe(404);
  expect((await ask('/picture?key=photo&format=nonsense')).status).toBe(400);
});

it('shows a likeness that nobody between may keep, and that no prepared answer tells to others', async () => {
  for (let times = 0; times < 3; times++) {
    const answer = await ask('/thumb?key=photo');
    expect([answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
      'image/jpeg',
      'private, max-age=60',
    ]);
    await answer.arrayBuffer();
    expect((await fetch(`${server.origin}/console/thumb?key=photo`)).status).toBe(401);
  }
});

it('shows what lies in the library of a context as what it is, and looks it up', async () => {
  const dir = await tempDir();
  const tenants = join(dir.path, 'tenants.yaml');
  await writeFile(tenants, JSON.stringify([{ id: 'hub', context: 'a hub' }]));
  const picture = await jpegOf(640, 480);
  const origin = await startOrigin((_, response) => void response.end(picture));
  const hub = await startTestServer({
    environment: {
      PROOFSHEET_DIALECTS: 'image-converter,zoomhub',
      PROOFSHEET_TENANTS: tenants,
      PROOFSHEET_ZOOMHUB_TENANT: 'hub',
      PROOFSHEET_ZOOMHUB_TAKES_NEW: 'true',
      PROOFSHEET_FETCH_ALLOW: `127.0.0.1:${origin.port}`,
    },
  });
  const of = (path: string) =>
    fetch(`${hub.origin}/console${path}`, { headers: { Authorization: hub.adminAuth } }).then(async (answer) => ({
      status: answer.status,
      type: answer.headers.get('content-type'),
      text: await answer.text(),
    }));
  const wanted = encodeURIComponent(origin.url('/photo.jpg'));
  await fetch(`${hub.origin}/zoomhub/v1/content?url=${wanted}`, { redirect: 'manual' });
  type Shown = { readonly imageKey: string; readonly context: string; readonly isOfLibrary: boolean };
  const newest = async () => {
    const { text } = await of('/live?once=yes');
    const { past } = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? '{}') as {
      past?: { sightings: { newest: Shown[] } };
    };
    return past?.sightings.newest[0];
  };
  await expect.poll(newest, { timeout: 60_000 }).toMatchObject({ context: 'a hub', isOfLibrary: true });
  const found = await newest();
  const query = new URLSearchParams({ key: found?.imageKey ?? '', context: 'a hub' }).toString();
  expect(await of(`/thumb?${query}&library=yes`)).toMatchObject({ status: 200, type: 'image/jpeg' });
  const story = await of(`/picture?${query}&library=yes`);
  expect(JSON.parse(story.text)).toMatchObject({ key: found?.imageKey, context: 'a hub', isOfLibrary: true });
  expect((await of(`/picture?${query}`)).status).toBe(404);
  const { contexts } = JSON.parse((await of('/contexts')).text) as { contexts: object[] };
  expect(contexts).toEqual([expect.objectContaining({ context: 'a hub', isOfLibrary: true, groups: 1 })]);
  expect((await of('')).text).toContain('name="library"');
  expect(await (await ask('')).text()).not.toContain('name="library"');
  await hub.close();
  await origin.close();
  await dir.remove();
}, 120_000);

describe('what failed', () => {
  it('is told with its story, without the query, and can be forgotten or tried again', async () => {
    const url = `${server.url}/cacheAndGetImage/broken/200x150?context=a%20tenant&signature=secret`;
    const failed = await fetch(url, { method: 'POST', body: sourceForm(BROKEN) });
    expect(failed.status).toBe(422);
    // What was looked at less than a second ago is told again.
    const latest = async () => (await events(1))[0]?.past?.failures[0];
    const requestId = failed.headers.get('x-request-id');
    await expect.poll(async () => (await latest())?.requestId, { timeout: 30_000 }).toBe(requestId);
    const [overview] = await events(1);
    expect(overview?.past?.failures[0]).toMatchObject({
      requestId,
      ...{ operation: 'cacheAndGetImage', error: 'source-undecodable', context: 'a tenant' },
      path: '/imageconverter/cacheAndGetImage/broken/200x150',
    });
    expect(JSON.stringify(overview)).not.toContain('secret');

    const refused = async () =>
      (await told<{ refusals: readonly { readonly source: string; readonly error: string }[] }>('/refusals')).refusals;
    const [refusal] = await refused();
    expect(refusal).toMatchObject({ error: 'source-undecodable' });
    const path = `/refusals/${refusal?.source}`;
    expect(await told(`${path}/retry`, { method: 'POST' })).toEqual({ outcome: 'forgotten' });
    expect(await refused()).toEqual([]);
    expect(await told(`${path}/retry`, { method: 'POST' })).toEqual({ outcome: 'unknown' });
    expect(await told(`${path}/forget`, { method: 'POST' })).toEqual({ forgotten: false });
    expect((await ask('/refusals/nonsense/forget', { method: 'POST' })).status).toBe(400);
  });
});

it('has a document of its own, apart from what clients are written by, and answers as that says', async () => {
  const read = async (path: string) => (await (await fetch(`${server.origin}${path}`)).json()) as OpenApiDocument;
  const [document, whole] = [await read('/openapi/console.json'), await read('/openapi.json')];
  expect(Object.keys(whole.paths).filter((path) => path.startsWith('/console'))).toEqual([]);
  const check = new AnswerCheck(document);
  const examples = examplesOf(document);
  expect(examples.length).toBeGreaterThan(15);
  for (const example of examples) {
    const sent = await sendExample(server.origin, example, { admin: { Authorization: server.adminAuth } });
    const answer = await checkedAnswerOf(example.verb, sent);
    expect([example.operation.operationId, answer.status]).toEqual([example.operation.operationId, 200]);
    expect(check.templateOf(answer.path)).toBeDefined();
    expect(check.faultsOf(answer)).toEqual([]);
  }
});

it('is there beside a dialect at the root, whose paths are its own', async () => {
  const atRoot: Dialect = {
    ...{ name: 'at-root', mount: '', summary: 'Everything.', failureSchema: {}, renderFailure: plainFailure },
    routes: [
      route<string>({
        ...{
          name: 'atRoot',
          verbs: ['GET', 'HEAD'],
          path: '/{id}',
          opensTo: 'everybody',
          body: 'none',
          effort: 'reads',
        },
        description: { summary: 'Something', answer: { kind: 'json', schema: { type: 'object' } } },
        parse: ({ segments: [id = ''] }) => id,
        run: async (id) => json({ id }),
      }),
    ],
  };
  const edge = await startEdgeServer({}, { dialects: [atRoot, operatorsConsole()] });
  // By another name, since what is fetched by the first is held against the document, which has the console apart.
  const found = await fetch(`${edge.origin.replace('127.0.0.1', 'localhost')}/console`, {
    headers: { Authorization: BASIC_AUTH },
  });
  expect([found.status, found.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(await (await fetch(`${edge.origin}/consoles`)).json()).toEqual({ id: 'consoles' });
  await edge.close();
});

it('ends its streams when the server stops', async () => {
  const other = await startTestServer();
  const answer = await fetch(`${other.origin}/console/live`, { headers: { Authorization: other.adminAuth } });
  const whole = answer.text();
  const before = performance.now();
  await other.close();
  expect(await whole).toContain('event: overview');
  expect(performance.now() - before).toBeLessThan(5_000);
});
