// Micrio at the edge: the contract of dialects, the four calls of its server API as the seed has them, and what its viewer asks for.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { dialectsOf } from '../../src/http/dialects/registry.js';
import { ProofsheetError } from '../../src/kernel/errors.js';
import type { Context } from '../../src/kernel/image-key.js';
import type { FolderId } from '../../src/kernel/library/folder.js';
import type { TenantId } from '../../src/kernel/library/ids.js';
import { maxLevelOf, tileRect } from '../../src/kernel/zoom/pyramid.js';
import { describeContract } from '../contracts/contract.js';
import { dialectCases, openDialect } from '../contracts/dialect.contract.js';
import { tenantOf } from '../support/import-flow.js';
import { BOTH, type LibraryEdge, startLibraryEdge } from '../support/library-edge.js';
import { groupRef } from '../support/records.js';
import { jpegOf } from '../support/test-images.js';

const ORGANISATION = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
const WHO = { organisationId: ORGANISATION, apiKey: BOTH };
const ROOT = 'root01';
const OTHER = tenantOf({ id: 'other' as TenantId, context: 'other' as Context });

interface Image {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly thumbnail?: string;
}

let edge: LibraryEdge;
afterEach(() => edge?.close());

const start = async () => {
  edge = await startLibraryEdge(
    { organisationId: ORGANISATION, rootFolderId: ROOT },
    { dialects: [{ name: 'micrio' }], others: [OTHER], maxItems: 20 },
  );
};
const base = () => `${edge.server.origin}/micrio`;
const call = (path: string, body: unknown) =>
  fetch(`${base()}/v2/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });

async function result<T>(path: string, body: object): Promise<T> {
  const answer = await call(path, { ...WHO, ...body });
  const { result } = (await answer.json()) as { result: T };
  expect(answer.status).toBe(200);
  return result;
}

const add = (names: readonly string[], folderId = ROOT) =>
  result<{ images: readonly Image[] }>('images/add', {
    folderId,
    images: names.map((name) => ({ name, sourceUrl: `https://example.com/${name}.jpg?token=secret` })),
  });
const statusOf = async (ids: readonly string[]) =>
  (await result<{ images: readonly Image[] }>('image/status', { imageIds: ids })).images;
const folder = (folderId = ROOT) => result<object>('folder/status', { folderId });

async function oneReady(): Promise<string> {
  edge.fetcher.answers.set('/cat.jpg', await jpegOf(640, 480));
  const [image] = (await add(['cat'])).images;
  await edge.work();
  return image?.id ?? '';
}

describeContract('Micrio', dialectCases, async () => {
  await start();
  const id = await oneReady();
  const [dialect] = dialectsOf({
    ...{ basePath: '/a', strictErrors: false, strictFormats: false },
    dialects: [{ name: 'micrio' }],
    micrio: { publicUrl: () => '', permitsPort: () => true },
  });
  const at = `/images/${edge.tenant.id}/${id}`;
  const offer = {
    dialect,
    group: groupRef('unused', ''),
    examples: {
      micrioInfo: { path: `${at}/info.json` },
      micrioTile: { path: `${at}/9/0_0.jpg` },
      micrioThumbnail: { path: `${at}/thumbnail` },
      micrioAdd: {
        path: '/v2/images/add',
        body: { ...WHO, folderId: ROOT, images: [{ sourceUrl: 'https://example.com/a.jpg' }] },
      },
      micrioStatus: { path: '/v2/image/status', body: { ...WHO, imageIds: [id] } },
      micrioFolderStatus: { path: '/v2/folder/status', body: { ...WHO, folderId: ROOT } },
      micrioFolderCreate: { path: '/v2/folder/create', body: { ...WHO, parentId: ROOT } },
    },
  };
  const opened = await openDialect(offer, edge.server);
  return { ...opened, close: () => edge.close() };
});

describe('the server API', () => {
  beforeEach(start);

  it('adds images in their order, and tells of each how it is, in truth', async () => {
    edge.fetcher.answers.set('/cat.jpg', await jpegOf(640, 480));
    edge.fetcher.answers.set('/text.jpg', Buffer.from('no picture'));
    const { images } = await add(['cat', 'absent', 'text']);
    expect(images).toEqual(
      ['cat', 'absent', 'text'].map((name) => ({
        id: expect.stringMatching(/^[a-z0-9]{13,16}$/),
        name,
        status: 'queued',
      })),
    );
    const ids = images.map(({ id }) => id);
    expect(await statusOf(ids)).toEqual(images);
    expect(await folder()).toEqual({ numTotal: 3, numComplete: 0, processingIds: ids, erroredIds: [] });
    await edge.work();
    expect(await statusOf([...ids].reverse())).toEqual([
      { id: ids[2], name: 'text', status: 'error', error: 'invalidImage' },
      { id: ids[1], name: 'absent', status: 'error', error: 'originalNotFound' },
      {
        ...{ id: ids[0], name: 'cat', status: 'ready', width: 640, height: 480 },
        thumbnail: `${base()}/images/${edge.tenant.id}/${ids[0]}/thumbnail`,
      },
    ]);
    expect(await folder()).toEqual({ numTotal: 3, numComplete: 1, processingIds: [], erroredIds: [ids[1], ids[2]] });
    expect(edge.tiled).toHaveLength(1);
    const thumbnail = await fetch((await statusOf(ids))[0]?.thumbnail ?? '');
    expect([thumbnail.status, thumbnail.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
  });

  it('says where an image is on its way: downloading, processing, storing, tiling', async () => {
    const bytes = await jpegOf(64, 48);
    const seen: string[] = [];
    const look = async () => seen.push((await statusOf([id]))[0]?.status ?? '');
    edge.fetcher.answers.set('/cat.jpg', async () => {
      await look();
      return edge.fetcher.fetched(bytes);
    });
    const [{ id = '' } = {}] = (await add(['cat'])).images;
    const [claim] = await edge.jobs.claim({ kind: 'import-item', limit: 1, leaseMs: 60_000 });
    if (claim === undefined) throw new Error('expected a job');
    const giveUp = new AbortController().signal;
    const ending = await edge.worker.run(claim, {
      ...{ lost: giveUp, giveUp },
      async note(stage) {
        await edge.jobs.note(claim, stage);
        await look();
      },
    });
    if (ending.kind === 'done') await edge.jobs.finish(claim, ending.effects);
    await look();
    expect(seen).toEqual(['downloading', 'downloading', 'processing', 'storing', 'tiling', 'ready']);
  });

  it('an image whose tiles cannot be made is an error, and one that this server is too busy for waits', async () => {
    edge.fetcher.answers.set('/cat.jpg', await jpegOf(64, 48));
    edge.tiling.failNext = new ProofsheetError('source-limits-exceeded', 'too many pixels');
    const [first] = (await add(['cat'])).images;
    await edge.work();
    expect(await statusOf([first?.id ?? ''])).toMatchObject([{ status: 'error', error: 'invalidImage' }]);
    edge.tiling.failNext = new ProofsheetError('overloaded', 'too much is being made');
    const [second] = (await add(['cat'])).images;
    await edge.work();
    expect(await statusOf([second?.id ?? ''])).toMatchObject([{ status: 'queued' }]);
  });

  it('knows images for good, and those that nobody knows are errors in their place', async () => {
    const id = await oneReady();
    await edge.assets.sweep({ trashedBefore: 0, unneededBefore: 0, finishedBefore: edge.clock.now() + 1 }, 100);
    expect(await statusOf(['nothing', id, `${id}1`])).toMatchObject([
      { id: 'nothing', status: 'error', error: 'unknown' },
      { id, name: 'cat', status: 'ready' },
      { id: `${id}1`, status: 'error', error: 'unknown' },
    ]);
    expect(await folder()).toEqual({ numTotal: 1, numComplete: 1, processingIds: [], erroredIds: [] });
  });

  it('makes folders of all types, below each other, and puts images there', async () => {
    const { id: album } = await result<{ id: string }>('folder/create', {
      parentId: ROOT,
      type: 'album',
      name: 'Maps',
    });
    const { id: space } = await result<{ id: string }>('folder/create', { parentId: album, type: 'space' });
    expect([album, space]).toEqual([
      expect.stringMatching(/^[A-Za-z0-9]{6}$/),
      expect.stringMatching(/^[A-Za-z0-9]{6}$/),
    ]);
    await add(['a', 'b'], album);
    await add(['c'], album);
    expect(await folder(album)).toMatchObject({ numTotal: 3 });
    expect(await folder(space)).toMatchObject({ numTotal: 0 });
    expect(await folder()).toMatchObject({ numTotal: 0 });
    for (const [path, body] of [
      ['folder/create', { parentId: 'zzzzzz' }],
      ['folder/status', { folderId: 'zzzzzz' }],
      ['images/add', { folderId: 'nothing at all', images: [{ sourceUrl: 'https://example.com/a.jpg' }] }],
    ] as const)
      expect([path, (await call(path, { ...WHO, ...body })).status]).toEqual([path, 404]);
    expect((await call('folder/create', { ...WHO, parentId: ROOT, type: 'drawer' })).status).toBe(400);
  });

  it('begins no import that its folder does not know, and notes none that was refused', async () => {
    const failing = vi.spyOn(edge.folders, 'add').mockRejectedValueOnce(new Error('the disk is gone'));
    const images = [{ sourceUrl: 'https://example.com/a.jpg' }];
    expect((await call('images/add', { ...WHO, folderId: ROOT, images })).status).toBe(500);
    failing.mockRestore();
    expect(await edge.assets.usage(edge.tenant.context)).toMatchObject({ openImports: 0 });
    for (let accepted = 0; accepted < 3; accepted++) await add(['a']);
    expect((await call('images/add', { ...WHO, folderId: ROOT, images })).status).toBe(429);
    expect(await edge.folders.batchesOf(edge.tenant.context, ROOT as FolderId)).toHaveLength(3);
  });

  it('names an image by its file where nobody names it', async () => {
    const images = [{ sourceUrl: 'https://example.com/a/b%20c.jpg?x=1' }, { sourceUrl: 'https://example.com/' }];
    const answer = await result<{ images: readonly Image[] }>('images/add', {
      folderId: ROOT,
      images,
      userEmail: 'a@b.c',
    });
    expect(answer.images.map(({ name }) => name)).toEqual(['b c.jpg', 'image']);
  });

  it('refuses what it cannot do, in words that its clients read', async () => {
    const one = [{ sourceUrl: 'https://example.com/a.jpg' }];
    for (const [path, body, status] of [
      ['images/add', { ...WHO, apiKey: 'another-key-0000000', folderId: ROOT, images: one }, 401],
      ['images/add', { ...WHO, organisationId: ORGANISATION.replace('6', '7'), folderId: ROOT, images: one }, 401],
      ['images/add', { folderId: ROOT, images: one }, 400],
      ['images/add', { ...WHO, folderId: ROOT, images: [] }, 400],
      ['images/add', { ...WHO, folderId: ROOT, images: [{ sourceUrl: 'ftp://example.com/a' }] }, 400],
      ['images/add', { ...WHO, folderId: ROOT, images: [{ sourceUrl: 'https://a:b@example.com/a' }] }, 400],
      ['images/add', { ...WHO, folderId: ROOT, images: Array(21).fill(one[0]) }, 413],
      ['image/status', { ...WHO, imageIds: Array(101).fill('a') }, 400],
      ['image/status', { ...WHO, imageIds: [1] }, 400],
    ] as const) {
      const answer = await call(path, body);
      expect([path, answer.status, await answer.json()]).toEqual([path, status, { error: expect.any(String) }]);
    }
    for (const name of ['a', 'b', 'c']) await add([name]);
    expect((await call('images/add', { ...WHO, folderId: ROOT, images: one })).status).toBe(429);
    expect(JSON.stringify(edge.server.logger)).not.toContain('secret');
  });
});

describe('the viewer', () => {
  beforeEach(start);

  it('is told where the tiles are, and finds every tile of every layer there, and nothing else', async () => {
    const size = { widthPx: 1300, heightPx: 700 };
    edge.fetcher.answers.set('/cat.jpg', await jpegOf(size.widthPx, size.heightPx));
    const [{ id = '' } = {}] = (await add(['cat'])).images;
    const at = `${base()}/images/${edge.tenant.id}/`;
    expect((await fetch(`${at}${id}/info.json`)).status).toBe(404);
    await edge.work();
    const info = (await (await fetch(`${at}${id}/info.json`)).json()) as {
      path: string;
      id: string;
      tileSize: number;
      tileExtension: string;
    };
    expect(info).toEqual({
      ...{ id, path: at, title: 'cat', width: 1300, height: 700, tileSize: 512, format: 'dz' },
      ...{ isWebP: false, isPng: false, tileExtension: 'jpg', version: '5.0' },
    });
    // As the viewer counts: layers from the full size on, and one more for what it shows first.
    let halvings = 0;
    for (let side = 1300; side > 1 || halvings === 0; side /= 2) halvings++;
    expect(halvings).toBe(maxLevelOf(size));
    for (let layer = 0, span = 512; layer <= halvings; layer++, span *= 2) {
      const [columns, rows] = [Math.ceil(1300 / span), Math.ceil(700 / span)];
      for (let column = 0; column < columns; column++)
        for (let row = 0; row < rows; row++) {
          const level = halvings - layer;
          const answer = await fetch(`${info.path}${info.id}/${level}/${column}_${row}.${info.tileExtension}`);
          expect([level, column, row, answer.status]).toEqual([level, column, row, 200]);
          expect(tileRect(size, { level, column, row })).toBeDefined();
        }
      expect((await fetch(`${info.path}${info.id}/${halvings - layer}/${columns}_0.jpg`)).status).toBe(404);
    }
    for (const path of ['9/0_0.png', '9/0-0.jpg', '0/1_0.jpg', 'thumbnails', '99/0_0.jpg'])
      expect([path, (await fetch(`${at}${id}/${path}`)).status]).toEqual([path, 404]);
    expect((await fetch(`${base()}/images/other/${id}/info.json`)).status).toBe(404);
  });

  it.each([
    [1, 1],
    [2, 1],
    [1, 3],
    [512, 512],
    [513, 1],
    [3_000, 2],
    [2, 1_025],
  ])('of a picture of %i x %i finds every tile that it counts', async (widthPx, heightPx) => {
    edge.fetcher.answers.set('/cat.jpg', await jpegOf(widthPx, heightPx));
    const [{ id = '' } = {}] = (await add(['cat'])).images;
    await edge.work();
    const at = `${base()}/images/${edge.tenant.id}/${id}`;
    expect(await (await fetch(`${at}/info.json`)).json()).toMatchObject({ width: widthPx, height: heightPx });
    // Its halvings are of the longer side, not rounded, and one at least.
    let halvings = 0;
    for (let side = Math.max(widthPx, heightPx); side > 1 || halvings === 0; side /= 2) halvings++;
    for (let layer = 0, span = 512; layer <= halvings; layer++, span *= 2)
      for (let column = 0; column < Math.ceil(widthPx / span); column++)
        for (let row = 0; row < Math.ceil(heightPx / span); row++) {
          const answer = await fetch(`${at}/${halvings - layer}/${column}_${row}.jpg`);
          expect([halvings - layer, column, row, answer.status]).toEqual([halvings - layer, column, row, 200]);
        }
    expect((await fetch(`${at}/${halvings + 1}/0_0.jpg`)).status).toBe(404);
    expect((await fetch(`${at}/thumbnail`)).status).toBe(200);
  });
});
