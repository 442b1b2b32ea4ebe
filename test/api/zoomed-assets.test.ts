// Assets of the library by Deep Zoom and IIIF: by their tenant and id, open to whoever knows them, and gone with the asset.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type LibraryEdge, startLibraryEdge } from '../support/library-edge.js';
import { jpegOf } from '../support/test-images.js';

const ORGANISATION = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

let edge: LibraryEdge;
let id: string;
beforeEach(async () => {
  edge = await startLibraryEdge(
    { organisationId: ORGANISATION, rootFolderId: 'root01' },
    {
      dialects: [{ name: 'dzi' }, { name: 'iiif' }],
      settings: { zoom: { publicUrl: () => 'https://pictures.test', viewerScript: () => 'var OpenSeadragon;' } },
    },
  );
  edge.fetcher.answers.set('/cat.jpg', await jpegOf(1300, 700));
  const item = { url: 'https://example.com/cat.jpg', sentUrl: 'https://example.com/cat.jpg', title: 'cat' };
  await edge.service.acceptImport(edge.tenant, { dialect: 'livingdocs', items: [item] });
  await edge.work();
  const [asset] = (await edge.service.findAssets(edge.tenant.context, { limit: 1 })).entries;
  id = asset?.asset.id ?? '';
});
afterEach(() => edge.close());

const get = (path: string) => fetch(`${edge.server.origin}${path}`, { redirect: 'manual' });
const paths = (name = id) => {
  const at = `assets/${edge.tenant.id}/${name}`;
  return [
    `/dzi/${at}.dzi`,
    `/dzi/${at}_files/11/0_0.jpg`,
    `/dzi/view/${at}`,
    `/iiif/3/${at}/info.json`,
    `/iiif/2/${at}/full/64,/0/default.jpg`,
    `/iiif/presentation/${at}/manifest.json`,
  ];
};

it('an asset is there by every address, under its own id', async () => {
  for (const path of paths()) expect([path, (await get(path)).status]).toEqual([path, 200]);
  const at = `https://pictures.test/iiif/3/assets/${edge.tenant.id}/${id}`;
  const info = (await (await get(`/iiif/3/assets/${edge.tenant.id}/${id}/info.json`)).json()) as { id: string };
  expect(info).toMatchObject({ id: at, width: 1300, height: 700 });
  const base = await get(`/iiif/3/assets/${edge.tenant.id}/${id}`);
  expect([base.status, base.headers.get('location')]).toEqual([303, `${at}/info.json`]);
  const manifest = await (await get(`/iiif/presentation/assets/${edge.tenant.id}/${id}/manifest.json`)).text();
  expect(manifest).toContain(`"id":"${at}","type":"ImageService3"`);
  expect(await (await get(`/dzi/view/assets/${edge.tenant.id}/${id}`)).text()).toContain(
    `data-descriptor="../../../assets/${edge.tenant.id}/${id}.dzi"`,
  );
});

it('one that nobody knows, of another tenant, with a page it has not, or in the trash is not there', async () => {
  const others = [...paths('k3v9q1x7m2p8z'), ...paths('..'), ...paths(id.toUpperCase())];
  for (const path of others) expect([path, (await get(path)).status]).toEqual([path, 404]);
  expect((await get(`/dzi/assets/stranger/${id}.dzi`)).status).toBe(404);
  await edge.service.trash(edge.tenant.context, id as never);
  for (const path of paths()) expect([path, (await get(path)).status]).toEqual([path, 404]);
});

it('is open to whoever knows its id, and no prepared answer outlives it', async () => {
  for (let time = 0; time < 3; time++) expect((await get(paths()[1] ?? '')).status).toBe(200);
  await edge.service.erase(edge.tenant.context, id as never);
  expect((await get(paths()[1] ?? '')).status).toBe(404);
});
