// The keys by which a CDN finds what was taken down, on the answers of every face that it may keep: of the picture's group, of its context,
// of its content; on prepared answers too, and nowhere where nobody has asked for them.
import { afterEach, expect, it } from 'vitest';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import { type Context, type GroupRef, libraryContextOf } from '../../src/kernel/image-key.js';
import type { AssetId } from '../../src/kernel/library/ids.js';
import { surrogateKeysOf } from '../../src/kernel/takedown/surrogate-keys.js';
import { originalsOf } from '../../src/library/asset-holders.js';
import { BOTH, type LibraryEdge, startLibraryEdge } from '../support/library-edge.js';
import { type Json, MediagraphClient } from '../support/mediagraph-client.js';
import { sourceForm } from '../support/multipart.js';
import { groupRef } from '../support/records.js';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

let close: (() => Promise<unknown>) | undefined;
afterEach(() => close?.());

const ENVIRONMENT = { PROOFSHEET_DIALECTS: 'image-converter,dzi,iiif' };
async function served(header?: string): Promise<{ readonly server: TestServer; readonly photo: Buffer }> {
  const server = await startTestServer({
    environment: { ...ENVIRONMENT, ...(header !== undefined && { PROOFSHEET_SURROGATE_KEYS: header }) },
  });
  close = () => server.close();
  const photo = await jpegOf(1_300, 700);
  const answer = await fetch(`${server.url}/cacheImage/photo?context=of`, { method: 'POST', body: sourceForm(photo) });
  expect(answer.status).toBe(200);
  return { server, photo };
}
const PATHS = [
  '/imageconverter/getImage/photo/auto:200x150?context=of',
  '/imageconverter/getImageAndMetadata/photo/auto:200x150?context=of',
  '/dzi/of/photo.dzi',
  '/dzi/of/photo.json',
  '/dzi/of/photo_files/11/0_0.jpg',
  '/iiif/3/of%2Fphoto/info.json',
  '/iiif/3/of%2Fphoto/full/64,/0/default.jpg',
  '/iiif/presentation/of%2Fphoto/manifest.json',
];

it('are on pictures, tiles and what tells of them, the first time and prepared, whole and unchanged', async () => {
  const { server, photo } = await served('Cache-Tag');
  const keys = surrogateKeysOf({ group: groupRef('photo', 'of'), content: digestOf(photo) }).join(',');
  for (const path of PATHS) {
    let tag = '';
    for (const time of [1, 2, 3]) {
      const answer = await fetch(`${server.origin}${path}`);
      await answer.arrayBuffer();
      expect([path, time, answer.status, answer.headers.get('cache-tag')]).toEqual([path, time, 200, keys]);
      tag = answer.headers.get('etag') ?? '';
    }
    const unchanged = await fetch(`${server.origin}${path}`, { headers: { 'If-None-Match': tag } });
    expect([path, unchanged.status, unchanged.headers.get('cache-tag')]).toEqual([path, 304, keys]);
  }
  // A refusal may be kept as well; what it would be of is all that is known.
  const none = await fetch(`${server.url}/getImage/none/auto:200x150`);
  expect([none.status, none.headers.get('cache-tag')]).toEqual([
    404,
    surrogateKeysOf({ group: groupRef('none') }).join(','),
  ]);
});

it('are nowhere where no header is named', async () => {
  const { server } = await served();
  for (const path of PATHS) {
    const { headers } = await fetch(`${server.origin}${path}`);
    for (const name of ['surrogate-key', 'cache-tag', 'edge-cache-tag', 'xkey']) expect(headers.get(name)).toBeNull();
  }
});

it('are on what assets are shown by: their tiles, previews and originals', async () => {
  const photo = await jpegOf(640, 480);
  const content = digestOf(photo);
  const edge: LibraryEdge = await startLibraryEdge(
    { organisationId: '6ba7b810-9dad-11d1-80b4-00c04fd430c8', rootFolderId: 'root01' },
    {
      dialects: ['dzi', 'iiif', 'livingdocs', 'micrio', 'zoomhub'].map((name) => ({ name }) as { name: 'dzi' }),
      settings: {
        surrogateKeys: 'xkey',
        zoom: { publicUrl: () => 'https://pictures.test', viewerScript: () => 'var OpenSeadragon;' },
      },
    },
  );
  close = () => edge.close();
  edge.fetcher.answers.set('/cat.jpg', photo);
  const item = { url: 'https://example.com/cat.jpg', id: 'one', fileName: 'cat', metadata: {} };
  const asked = await fetch(`${edge.server.origin}/livingdocs/api/v1/import/images`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${BOTH}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ systemName: 'agency', images: [item] }),
  });
  expect(asked.status).toBe(200);
  const { id } = (await asked.json()) as { readonly id: string };
  await edge.work();
  const told = await fetch(`${edge.server.origin}/livingdocs/api/v1/import/images/status?id=${id}`, {
    headers: { Authorization: `Bearer ${BOTH}` },
  });
  const [{ image }] = ((await told.json()) as { images: [{ image: { url: string; originalUrl: string } }] }).images;
  const [found] = (await edge.service.findAssets(edge.tenant.context, { limit: 1 })).entries;
  const at = `assets/${edge.tenant.id}/${found?.asset.id}`;
  const ofGroup = groupKeys(edge.tenant.context, content);
  const ofOriginal = surrogateKeysOf({ context: edge.tenant.context, content });
  for (const [path, keys] of [
    [`/dzi/${at}.dzi`, ofGroup],
    [`/dzi/${at}_files/10/0_0.jpg`, ofGroup],
    [`/iiif/3/${at}/info.json`, ofGroup],
    [`/iiif/3/${at}/full/64,/0/default.jpg`, ofGroup],
    [`${image.url}&w=100`, ofGroup],
    [image.url, ofOriginal],
    [image.originalUrl, ofOriginal],
  ] as const) {
    const answer = await fetch(new URL(path, edge.server.origin), { headers: { Authorization: `Bearer ${BOTH}` } });
    expect([path, answer.status, answer.headers.get('xkey')]).toEqual([path, 200, keys.join(' ')]);
  }
  // Taken down, an asset keeps its original, and shows it to nobody; which assets these are can be told.
  edge.blocked.add(content);
  for (const path of [image.url, image.originalUrl]) {
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${BOTH}` } });
    expect([path, answer.status]).toEqual([path, 403]);
  }
  const holders = async (of: Digest, limit = 10) => (await originalsOf(edge.assets, new Set([of]), limit)).assets;
  const holder = { context: edge.tenant.context, asset: found?.asset.id };
  expect(await holders(content)).toEqual([holder]);
  expect(await holders(digestOf(Buffer.from('another')))).toEqual([]);
  await edge.service.trash(edge.tenant.context, found?.asset.id as AssetId);
  expect(await holders(content)).toEqual([holder]);
  await edge.service.erase(edge.tenant.context, found?.asset.id as AssetId);
  expect(await holders(content)).toEqual([]);
});

it('are on what ZoomHub, Micrio and Mediagraph show: descriptors, tiles, thumbnails, previews and files', async () => {
  const photo = await jpegOf(640, 480);
  const organisationId = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
  const edge = await startLibraryEdge(
    { organisationId, rootFolderId: 'root01', organizationNumber: 100 },
    {
      dialects: ['mediagraph', 'micrio', 'zoomhub'].map((name) => ({ name }) as { name: 'micrio' }),
      settings: { surrogateKeys: 'Surrogate-Key' },
    },
  );
  close = () => edge.close();
  edge.fetcher.answers.set('/cat.jpg', photo);
  const { origin } = edge.server;
  const url = 'https://example.com/cat.jpg';
  const begun = await fetch(`${origin}/zoomhub/v1/content?url=${encodeURIComponent(url)}`, { redirect: 'manual' });
  const zoomed = begun.headers.get('location')?.split('/').at(-1);
  const added = await fetch(`${origin}/micrio/v2/images/add`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      organisationId,
      apiKey: BOTH,
      folderId: 'root01',
      images: [{ name: 'cat', sourceUrl: url }],
    }),
  });
  const { result } = (await added.json()) as {
    readonly result: { readonly images: readonly { readonly id: string }[] };
  };
  const client = new MediagraphClient(`${origin}/mediagraph`, BOTH, 100);
  const asked = await client.send('POST', '/api/assets', { from_url: url });
  await edge.work();
  const { guid, small_url: small } = await client.get(`/api/assets/${(asked.body as unknown as [Json])[0].id}`);
  const wish = { download: { asset_ids: [guid], size: 'original' } };
  const { token } = (await client.send('POST', '/api/downloads', wish)).body;
  const ofGroup = groupKeys(edge.tenant.context, digestOf(photo));
  const ofOriginal = surrogateKeysOf({ context: edge.tenant.context, content: digestOf(photo) });
  const shown = `/micrio/images/${edge.tenant.id}/${result.images[0]?.id}`;
  for (const [path, keys] of [
    [`/zoomhub/dzis/${zoomed}.dzi`, ofGroup],
    [`/zoomhub/dzis/${zoomed}_files/9/0_0.jpg`, ofGroup],
    [`${shown}/info.json`, ofGroup],
    [`${shown}/9/0_0.jpg`, ofGroup],
    [`${shown}/thumbnail`, ofGroup],
    [String(small), ofOriginal],
    [`/mediagraph/api/assets/${guid}/download?size=small`, ofOriginal],
    [`/mediagraph/api/assets/${guid}/download`, ofOriginal],
    [`/mediagraph/api/downloads/${token}`, ofOriginal],
  ] as const) {
    const answer = await fetch(new URL(path, origin), path.includes('/api/assets/') ? { headers: client.headers } : {});
    await answer.arrayBuffer();
    expect([path, answer.status, answer.headers.get('surrogate-key')]).toEqual([path, 200, keys.join(' ')]);
  }
});

function groupKeys(context: Context, content: Digest): readonly string[] {
  const group = { context: libraryContextOf(context), imageKey: content as string } as GroupRef;
  return surrogateKeysOf({ group, content });
}
