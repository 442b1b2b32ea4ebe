// ZoomHub at the edge: the contract of dialects, and the requests of ZoomHub's own test-suite with the answers that its clients know.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dialectsOf } from '../../src/http/dialects/registry.js';
import { ProofsheetError } from '../../src/kernel/errors.js';
import type { TenantId } from '../../src/kernel/library/ids.js';
import { describeContract } from '../contracts/contract.js';
import { dialectCases, openDialect } from '../contracts/dialect.contract.js';
import { ADMIN, BASIC_AUTH } from '../support/edge-server.js';
import { failure } from '../support/import-flow.js';
import { type LibraryEdge, startLibraryEdge } from '../support/library-edge.js';
import { groupRef } from '../support/records.js';
import { jpegOf } from '../support/test-images.js';

const CAT = 'http://example.com/cat.jpg';
const INVALID = 'Please give us the full URL, including ‘http://’ or ‘https://’.';
const CLOSED = 'We are currently not processing new content.';
const MISSING =
  'Missing ID or URL. Please provide ID, e.g. `/v1/content/<id>`, or URL via `/v1/content?url=<url>` query parameter.';

interface Content {
  readonly dzi: { readonly url: string } | null;
  readonly id: string;
  readonly ready: boolean;
}

let edge: LibraryEdge;
afterEach(() => edge?.close());

async function start(zoomhub: Parameters<typeof startLibraryEdge>[1] = {}): Promise<void> {
  edge = await startLibraryEdge({}, { dialects: [{ name: 'zoomhub' }], ...zoomhub });
}

const base = () => `${edge.server.origin}/zoomhub`;
const get = (path: string, init: RequestInit = {}) => fetch(`${base()}${path}`, { redirect: 'manual', ...init });
const told = async (answer: Response) => [answer.status, answer.headers.get('content-type'), await answer.text()];
const byUrl = (url: string) => get(`/v1/content?url=${encodeURIComponent(url)}`);

async function begun(url = CAT): Promise<string> {
  const answer = await byUrl(url);
  expect(answer.status).toBe(301);
  const location = answer.headers.get('location') ?? '';
  const [, id = ''] = /\/v1\/content\/([A-Za-z0-9]+)$/.exec(location) ?? [];
  expect(location).toBe(`${base()}/v1/content/${id}`);
  return id;
}

async function ready(widthPx = 640, heightPx = 480): Promise<string> {
  edge.fetcher.answers.set('/cat.jpg', await jpegOf(widthPx, heightPx));
  const id = await begun();
  await edge.work();
  return id;
}

/** A URL for one file, with the form that brings it. */
async function uploadExample() {
  const { url } = (await (await get('/v1/content/upload')).json()) as { url: string };
  return { path: url.slice(base().length) };
}

const content = async (id: string) => (await (await get(`/v1/content/${id}`)).json()) as Content;

describeContract('ZoomHub', dialectCases, async () => {
  await start({ zoomhub: { takesUploads: true } });
  const id = await ready();
  const [dialect] = dialectsOf({
    basePath: '/a',
    strictErrors: false,
    strictFormats: false,
    dialects: [{ name: 'zoomhub' }],
    zoomhub: {
      ...{
        takesNew: true,
        takesUploads: true,
        requiresEmail: false,
        publicUrl: () => '',
        permitsPort: () => true,
        version: '1',
        viewerScript: () => '',
      },
    },
  });
  const offer = {
    dialect,
    group: groupRef('unused', ''),
    examples: {
      zoomhubContent: { path: `/v1/content/${id}` },
      zoomhubContentByUrl: { path: `/v1/content?url=${CAT}` },
      zoomhubUpload: { path: '/v1/content/upload' },
      zoomhubTakeUpload: await uploadExample(),
      zoomhubReset: { path: `/v1/content/${id}/reset` },
      zoomhubDzi: { path: `/v1/dzi/${id}` },
      zoomhubDziByUrl: { path: `/v1/dzi?url=${CAT}` },
      zoomhubHealth: { path: '/health' },
      zoomhubVersion: { path: '/version' },
      zoomhubDescriptor: { path: `/dzis/${id}.dzi` },
      zoomhubTile: { path: `/dzis/${id}_files/9/0_0.jpg` },
      zoomhubScript: { path: '/scripts/view.js' },
      zoomhubEmbed: { path: `/${id}/embed` },
      zoomhubEmbedScript: { path: `/${id}.js?id=here` },
      zoomhubView: { path: `/${id}` },
      zoomhubPageByUrl: { path: `/?url=${CAT}` },
    },
  };
  const opened = await openDialect(offer, edge.server);
  return { ...opened, close: () => edge.close() };
});

describe('the requests of its test-suite', () => {
  beforeEach(() => start());

  it('uploads are off', async () => {
    expect(await told(await get('/v1/content/upload'))).toEqual([503, 'text/plain; charset=utf-8', CLOSED]);
    expect(await told(await get('/v1/content/upload?email=a%40example.com'))).toEqual([
      503,
      'text/plain; charset=utf-8',
      CLOSED,
    ]);
  });

  it('new content needs an e-mail address where the server wants one, and what is known does not', async () => {
    await edge.close();
    await start({ zoomhub: { requiresEmail: true } });
    const missing = await told(await byUrl('http://example.com'));
    expect(missing).toEqual([400, 'text/plain; charset=utf-8', expect.stringContaining('email=<address>')]);
    for (const wrong of ['nobody', 'a@', '@b.c', 'a b@c.d', '<a@b.c>'])
      expect((await get(`/v1/content?url=http://example.com&email=${encodeURIComponent(wrong)}`)).status).toBe(400);
    expect(edge.fetcher.asked).toEqual([]);
    const taken = await get('/v1/content?url=http://example.com&email=test@example.com');
    expect(taken.status).toBe(301);
    expect(await taken.text()).not.toContain('test@example.com');
    expect((await byUrl('http://example.com')).status).toBe(301);
  });

  it('a list is a question by URL without one', async () => {
    expect(await told(await get('/v1/content'))).toEqual([400, 'text/plain; charset=utf-8', MISSING]);
  });

  it.each([
    '',
    'lasjdoasj)(¨‚Ô‚ˆÔ∏ŒÂ;sd)',
    'example.com',
    'ftp://example.com',
    'mailto://example@example.com',
    'http:/a.b',
  ])('the URL %j is none', async (url) => {
    expect(await told(await byUrl(url))).toEqual([400, 'text/plain; charset=utf-8', INVALID]);
    expect(edge.fetcher.asked).toEqual([]);
  });

  it('a new URL is answered at once, begun once, and then ready', async () => {
    const id = await begun('http://example.com');
    expect(await begun('http://example.com')).toBe(id);
    expect((await get('/v1/content?email=test@example.com&url=http://example.com')).status).toBe(301);
    const answer = await get(`/v1/content/${id}`);
    expect(await told(answer)).toEqual([
      200,
      'application/json;charset=utf-8',
      `{"dzi":null,"embedHtml":"<script src=\\"${base()}/${id}.js?width=auto&height=400px\\"></script>","failed":false,"id":"${id}","progress":0,"ready":false,"shareUrl":"${base()}/${id}","url":"http://example.com","verified":true}`,
    ]);
    edge.fetcher.answers.set('/', await jpegOf(640, 480));
    await edge.work();
    expect(edge.fetcher.asked).toHaveLength(1);
    expect(edge.tiled).toHaveLength(1);
    expect(await (await get(`/v1/content/${id}`)).text()).toBe(
      `{"dzi":{"height":480,"tileFormat":"jpg","tileOverlap":0,"tileSize":512,"url":"${base()}/dzis/${id}.dzi","width":640},"embedHtml":"<script src=\\"${base()}/${id}.js?width=auto&height=400px\\"></script>","failed":false,"id":"${id}","progress":1,"ready":true,"shareUrl":"${base()}/${id}","url":"http://example.com","verified":true}`,
    );
    expect(await begun('http://example.com')).toBe(id);
    await edge.work();
    expect(edge.fetcher.asked).toHaveLength(1);
  });

  it('an id that there is not', async () => {
    for (const id of ['nonExistentContent', 'aaaaaaaaaaaa'])
      expect(await told(await get(`/v1/content/${id}`))).toEqual([
        404,
        'text/plain; charset=utf-8',
        `No content with ID: ${id}`,
      ]);
    expect((await get('/v1/content/%3Cscript%3E')).status).toBe(404);
  });

  it.each(['POST', 'PUT'])('%s of a URL is refused', async (method) => {
    expect(await told(await get('/v1/content?url=http://example.com', { method }))).toEqual([
      405,
      'text/plain',
      'Only GET or HEAD is supported',
    ]);
  });

  it('JSONP: always 200, with the status inside', async () => {
    const type = 'application/javascript;charset=utf-8';
    expect(await told(await get('/v1/content?callback=handleContent'))).toEqual([
      200,
      type,
      `/**/ typeof handleContent === "function" && handleContent({"error":"${MISSING}","redirectLocation":null,"status":400,"statusText":"Bad Request"});`,
    ]);
    const id = await ready();
    const shown = await (await get(`/v1/content/${id}`)).text();
    expect(await told(await get(`/v1/content/${id}?callback=handleContent`))).toEqual([
      200,
      type,
      `/**/ typeof handleContent === "function" && handleContent({"content":${shown},"redirectLocation":null,"status":200,"statusText":"OK"});`,
    ]);
    expect((await told(await get(`/v1/content?url=${CAT}&callback=a.b`)))[2]).toBe(
      `/**/ typeof a.b === "function" && a.b({"content":${shown},"redirectLocation":"${base()}/v1/content/${id}","status":301,"statusText":"Moved Permanently"});`,
    );
    expect((await told(await get('/v1/content/none?callback=f')))[2]).toContain('"error":"No content with ID: none"');
    for (const name of ['alert(1)//', '', 'a..b', '1a', 'x'.repeat(101), 'a b', 'a%0Ab'])
      expect((await get(`/v1/content/${id}?callback=${name}`)).status).toBe(400);
  });

  it('every origin may read it', async () => {
    const answer = await get('/v1/content/none', { headers: { Origin: 'http://example.com' } });
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  });

  it('health and version', async () => {
    expect(await (await get('/health')).text()).toBe('up');
    expect(await (await get('/version')).text()).toBe('1.2.3');
  });

  it('a reset needs the admin, and has the state begin anew', async () => {
    const id = await ready();
    const put = (authorization?: string) =>
      get(`/v1/content/${id}/reset`, { method: 'PUT', ...(authorization && { headers: { authorization } }) });
    const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    for (const wrong of [undefined, basic('eve', ADMIN.password), basic(ADMIN.user, 'eve')])
      expect((await put(wrong)).status).toBe(401);
    const answer = await put(BASIC_AUTH);
    expect([answer.status, answer.headers.get('location')]).toEqual([301, `${base()}/v1/content/${id}`]);
    expect(await content(id)).toMatchObject({ dzi: null, progress: 0, ready: false, failed: false, url: CAT });
    const asked = edge.fetcher.asked.length;
    edge.fetcher.answers.set('/cat.jpg', await jpegOf(800, 600));
    await edge.work();
    expect(edge.fetcher.asked).toHaveLength(asked + 1);
    expect(await content(id)).toMatchObject({ dzi: { width: 800, height: 600 }, progress: 1, ready: true });
  });
});

describe('uploads', () => {
  const signed = async (email = '') => {
    const answer = await get(`/v1/content/upload${email && `?email=${encodeURIComponent(email)}`}`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json;charset=utf-8']);
    expect(answer.headers.get('cache-control')).toContain('no-store');
    return (await answer.json()) as Readonly<Record<string, string>>;
  };
  /** As its own page sends one: all fields but the URL, then the file. */
  const send = async ({ url = '', ...fields }: Readonly<Record<string, string>>, bytes: Buffer) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob([new Uint8Array(bytes)], { type: 'image/jpeg' }), 'cat.jpg');
    return fetch(url, { method: 'POST', body: form, redirect: 'manual' });
  };
  const idOf = ({ success_action_redirect: url = '' }: Readonly<Record<string, string>>) => url.split('/').at(-1) ?? '';

  it('a file that is sent to a signed URL becomes a content, once, and is tiled', async () => {
    await start({ zoomhub: { takesUploads: true } });
    const form = await signed('test@example.com');
    const id = idOf(form);
    expect(form).toEqual({
      'Content-Type': 'image/',
      key: `uploads/${id}`,
      success_action_redirect: `${base()}/v1/content/${id}`,
      url: expect.stringMatching(`^${base()}/v1/content/upload/${id}\\?email=test%40example.com&max=1000000&expires=`),
    });
    expect((await get(`/v1/content/${id}`)).status).toBe(404);
    expect(await edge.assets.usage(edge.tenant.context)).toMatchObject({ assets: 0, openSlots: 0 });
    const bytes = await jpegOf(640, 480);
    const answer = await send(form, bytes);
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `${base()}/v1/content/${id}`]);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(await content(id)).toMatchObject({ dzi: null, failed: false, progress: 0, ready: false, id });
    expect((await send(form, bytes)).status).toBe(303);
    await edge.work('upload');
    expect(edge.tiled).toHaveLength(1);
    const shown = await (await get(`/v1/content/${id}`)).text();
    expect(JSON.parse(shown)).toMatchObject({ dzi: { width: 640, height: 480 }, ready: true, progress: 1 });
    expect(shown).not.toContain('test@example.com');
    expect((await send(form, await jpegOf(64, 48))).status).toBe(303);
    expect(await edge.assets.usage(edge.tenant.context)).toMatchObject({ assets: 1, originals: 1 });
    for (const path of [`/${id}`, `/${id}/embed`, `/${id}.js`, `/dzis/${id}.dzi`, `/dzis/${id}_files/9/0_0.jpg`])
      expect([path, (await get(path)).status]).toEqual([path, 200]);
    const reset = await get(`/v1/content/${id}/reset`, { method: 'PUT', headers: { authorization: BASIC_AUTH } });
    expect(reset.status).toBe(400);
  });

  it('of what is no picture fails, and of tiles that cannot be made waits', async () => {
    await start({ zoomhub: { takesUploads: true } });
    const form = await signed();
    edge.previews.failNext = new ProofsheetError('source-undecodable', 'damaged');
    expect((await send(form, Buffer.from('no picture'))).status).toBe(303);
    await edge.work('upload');
    expect(await content(idOf(form))).toMatchObject({ dzi: null, failed: true, progress: 1, ready: false });
    const second = await signed();
    edge.tiling.failNext = new ProofsheetError('overloaded', 'too much is being made');
    await send(second, await jpegOf(64, 48));
    await edge.work('upload');
    expect(await content(idOf(second))).toMatchObject({ failed: false, progress: 0, ready: false });
  });

  it('a URL opens nothing but what it was signed for, until its hour is over', async () => {
    await start({ zoomhub: { takesUploads: true } });
    const form = await signed('a@example.com');
    const other = await signed('a@example.com');
    const { url = '' } = form;
    const bytes = await jpegOf(64, 48);
    for (const wrong of [
      url.replace(idOf(form), idOf(other)),
      url.replace('max=1000000', 'max=2000000'),
      url.replace('a%40example.com', 'b%40example.com'),
      url.replace(/email=[^&]*&/, ''),
      url.replace(/signature=.*/, 'signature='),
      `${base()}/v1/content/upload/${idOf(form)}`,
    ])
      expect([wrong, (await send({ ...form, url: wrong }, bytes)).status]).toEqual([wrong, 403]);
    edge.clock.advance(3_601_000);
    const over = await send(form, bytes);
    expect([over.status, await over.text()]).toEqual([403, expect.stringContaining('no longer good')]);
    expect(await edge.assets.usage(edge.tenant.context)).toMatchObject({ assets: 0, openSlots: 0 });
    expect((await get(`/v1/content/upload/${idOf(form)}`)).status).toBe(405);
  });

  it('of a tenant who may have no more are closed, and take no byte', async () => {
    edge = await startLibraryEdge(
      { quota: { imagesPerDay: 1 } },
      { dialects: [{ name: 'zoomhub' }], zoomhub: { takesUploads: true } },
    );
    const [first, second] = [await signed(), await signed()];
    expect((await send(first, await jpegOf(64, 48))).status).toBe(303);
    const full = await send(second, await jpegOf(64, 48));
    expect([full.status, await full.text()]).toEqual([503, CLOSED]);
  });

  it('need an e-mail address where the server wants one', async () => {
    await start({ zoomhub: { takesUploads: true, requiresEmail: true } });
    for (const query of ['', '?email=', '?email=nobody'])
      expect(await told(await get(`/v1/content/upload${query}`))).toEqual([
        400,
        'text/plain; charset=utf-8',
        expect.stringContaining('email=<address>'),
      ]);
    expect((await signed('a@example.com')).url).toContain('email=a%40example.com');
  });

  it('an asset that came by another way is no content', async () => {
    await start({ zoomhub: { takesUploads: true } });
    edge.fetcher.answers.set('/cat.jpg', await jpegOf(64, 48));
    await begun();
    await edge.work();
    const { entries } = await edge.assets.listAssets(edge.tenant.context, { limit: 1 });
    expect((await get(`/v1/content/${entries[0]?.asset.id}`)).status).toBe(404);
  });
});

describe('a content', () => {
  it('that fails says so for as long as it is remembered, and is not tried again by asking', async () => {
    await start();
    // Told back as it was sent, which is not as it is fetched.
    const url = 'http://EXAMPLE.com/absent.jpg';
    const id = await begun(url);
    await edge.work();
    expect(await content(id)).toMatchObject({ dzi: null, failed: true, progress: 1, ready: false, url });
    expect(await begun(url)).toBe(id);
    await edge.work();
    expect(edge.fetcher.asked).toHaveLength(1);
    expect((await get(`/v1/dzi/${id}`)).status).toBe(404);
  });

  it('that cannot be tiled has failed', async () => {
    await start();
    edge.tiling.failNext = new ProofsheetError('source-limits-exceeded', 'too many pixels');
    const id = await ready();
    expect(await content(id)).toMatchObject({ failed: true, ready: false });
  });

  it('is known when its import is forgotten, and new when it was taken away', async () => {
    await start();
    const id = await ready();
    const finished = edge.clock.now() + 1;
    await edge.assets.sweep({ trashedBefore: 0, unneededBefore: 0, finishedBefore: finished }, 100);
    expect(await edge.service.findImport(undefined, id as never)).toBeUndefined();
    expect(await content(id)).toMatchObject({ ready: true, url: CAT });
    const found = await edge.service.findByReference(edge.tenant.context, { system: 'zoomhub', externalId: id });
    await edge.service.trash(edge.tenant.context, found?.asset.id as never);
    expect((await get(`/v1/content/${id}`)).status).toBe(404);
    expect((await get(`/dzis/${id}_files/9/0_0.jpg`)).status).toBe(404);
    expect(await begun()).toBe(id);
    await edge.work();
    expect(await content(id)).toMatchObject({ ready: true });
  });

  it('of a source that cannot be fetched now waits, and is not a failure', async () => {
    await start();
    edge.fetcher.answers.set('/cat.jpg', failure('source-timeout', { isTransient: true }) as never);
    const id = await begun();
    await edge.work();
    expect(await content(id)).toMatchObject({ failed: false, progress: 0, ready: false });
  });
});

describe('while it is closed', () => {
  it('tells who asks for a new URL, and shows what it has', async () => {
    await start({ zoomhub: { takesNew: false } });
    expect(await told(await byUrl(CAT))).toEqual([503, 'text/plain; charset=utf-8', CLOSED]);
    expect((await byUrl(CAT)).headers.get('retry-after')).toBe('3600');
    expect((await told(await get(`/v1/content?url=${CAT}&callback=f`)))[2]).toContain('"status":503');
    expect((await get(`/v1/dzi?url=${CAT}`)).status).toBe(503);
    expect(edge.fetcher.asked).toEqual([]);
  });

  it('counts what its tenant may have', async () => {
    await start();
    for (const n of [1, 2, 3]) await begun(`http://example.com/${n}.jpg`);
    expect((await byUrl('http://example.com/4.jpg')).status).toBe(503);
  });

  it.each([{}, { tenant: 'nobody' as TenantId }])('is shut without a tenant: %j', async (facts) => {
    edge = await startLibraryEdge(
      {},
      { dialects: [{ name: 'zoomhub' }], zoomhub: { tenant: undefined as never, ...facts } },
    );
    for (const path of ['/v1/content/aaaaaaaaaaaa', `/v1/content?url=${CAT}`, '/aaaaaaaaaaaa'])
      expect((await get(path)).status).toBe(403);
  });
});

describe('Deep Zoom', () => {
  it('as the seed has it: leads to the image when it is there, and says when to come again', async () => {
    await start();
    const id = await begun();
    const early = await get(`/v1/dzi/${id}`);
    expect([early.status, early.headers.get('retry-after')]).toEqual([404, '5']);
    const waiting = await get(`/v1/dzi?url=${CAT}`);
    expect([waiting.status, waiting.headers.get('location')]).toEqual([301, `${base()}/v1/dzi/${id}`]);
    await ready();
    for (const path of [`/v1/dzi/${id}`, `/v1/dzi?url=${CAT}`]) {
      const answer = await get(path);
      expect([answer.status, answer.headers.get('location')]).toEqual([301, `${base()}/dzis/${id}.dzi`]);
      expect(await answer.json()).toMatchObject({ width: 640, height: 480, tileFormat: 'jpg' });
    }
    expect((await get('/v1/dzi')).status).toBe(400);
    expect((await get('/v1/dzi?url=nothing')).status).toBe(400);
    expect((await get('/v1/dzi/none')).status).toBe(404);
    expect((await told(await get(`/v1/dzi/${id}?callback=f`)))[2]).toContain('"dzi":{"height":480');
    const xml = await (await get(`/dzis/${id}.dzi`)).text();
    expect(xml).toContain('Overlap="0" TileSize="512"');
    expect((await get(`/dzis/${id}_files/10/0_0.jpg`)).headers.get('content-type')).toBe('image/jpeg');
    for (const name of ['10/9_9.jpg', '10/0_0.png', '10/0-0.jpg', '99/0_0.jpg'])
      expect([name, (await get(`/dzis/${id}_files/${name}`)).status]).toEqual([name, 404]);
  });
});

describe('pages', () => {
  beforeEach(() => start());

  it('show a content, may be framed where they are meant to be, and run no script of their own', async () => {
    const id = await ready();
    const view = await get(`/${id}`);
    expect([view.status, view.headers.get('x-frame-options')]).toEqual([200, 'SAMEORIGIN']);
    expect(view.headers.get('content-security-policy')).toContain("frame-ancestors 'self'");
    const framed = await get(`/${id}/embed?fit=cover&constrain=full&background=white`);
    expect([framed.status, framed.headers.get('x-frame-options')]).toEqual([200, null]);
    expect(framed.headers.get('content-security-policy')).toContain('frame-ancestors *');
    const html = await framed.text();
    expect(html).toContain('data-fit="cover" data-constrain="full"');
    for (const page of [html, await view.text()]) expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|https?:\/\//);
    for (const query of ['fit=none', 'constrain=all', 'background=red'])
      expect((await get(`/${id}/embed?${query}`)).status).toBe(400);
    expect((await get('/nonExistent')).status).toBe(404);
    const byUrl = await get(`/?url=${CAT}`);
    expect([byUrl.status, byUrl.headers.get('location')]).toEqual([302, `${base()}/${id}`]);
    expect((await get('/?url=nothing')).status).toBe(400);
  });

  it('the script puts an element where it was asked for, with what was asked for, and nothing else', async () => {
    const id = await ready();
    const answer = await get(`/${id}.js?width=50%25&height=0&border=none&id=%3C%2Fscript%3E%22&background=none`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/javascript;charset=utf-8']);
    const text = await answer.text();
    expect(text).toContain('"element":"</script>\\""');
    expect(text).toContain('aspect-ratio: 640 / 480; background: none; border: none;');
    expect(text).toContain('height: 0; margin: 0; padding: 0; width: 50%');
    expect(text).toContain('__zoomhub __seadragon');
    expect(text).not.toContain('document.write');
    expect(await (await get(`/${id}.js`)).text()).toMatch(/"element":"zoomhub-embed-\d{6}"/);
    for (const query of ['width=5em', 'height=1e3px', 'border=2px', 'id=', 'width=100%25;color:red'])
      expect([query, (await get(`/${id}.js?${query}`)).status]).toEqual([query, 400]);
  });
});
