// Mediagraph keeps the contract of a dialect, with an example of every call.
import { dialectsOf } from '../../src/http/dialects/registry.js';
import { describeContract } from '../contracts/contract.js';
import { dialectCases, openDialect } from '../contracts/dialect.contract.js';
import { BOTH, startLibraryEdge } from '../support/library-edge.js';
import { MediagraphClient } from '../support/mediagraph-client.js';
import { groupRef } from '../support/records.js';
import { jpegOf } from '../support/test-images.js';

const FROM_URL = { from_url: 'https://example.com/a.jpg' };
const HOOK = { name: 'Site', url: 'https://example.com/hook' };

describeContract('Mediagraph', dialectCases, async () => {
  const edge = await startLibraryEdge({ organizationNumber: 100 }, { dialects: [{ name: 'mediagraph' }] });
  const mount = `${edge.server.origin}/mediagraph`;
  const client = new MediagraphClient(mount, BOTH, 100);
  await client.send('POST', '/api/webhooks', { webhook: HOOK });
  edge.fetcher.answers.set('/a.jpg', await jpegOf(640, 480));
  const [made] = (await client.send('POST', '/api/assets', FROM_URL)).body as unknown as { id: number }[];
  await edge.work();
  await edge.work('webhook');
  const asset = await client.get(`/api/assets/${made?.id}`);
  const [request] = (await client.get('/api/webhooks/1/logs')) as unknown as { id: string }[];
  const session = await client.open();
  const prepared = await client.prepare(session.guid, 'b.jpg', 1_000);
  await client.put(prepared.url, await jpegOf(64, 48));
  const wish = { download: { asset_ids: [asset.id], size: 'original' } };
  const { token } = (await client.send('POST', '/api/downloads', wish)).body;
  const below = (url: unknown) => String(url).slice(mount.length);
  const { id } = asset;
  const name = `webhook_request_id=${request?.id}`;
  const signed = {
    putUpload: { path: below(prepared.url) },
    preview: { path: below(asset.small_url) },
    downloadToken: { path: `/api/downloads/${token}` },
  };
  const calls: Readonly<Record<string, { readonly path: string; readonly body?: unknown }>> = {
    whoami: { path: '/api/whoami' },
    canUpload: { path: '/api/can_upload' },
    organization: { path: '/api/organizations/100' },
    storageFolders: { path: '/api/storage_folders' },
    storageFolder: { path: '/api/storage_folders/100' },
    contributions: { path: '/api/contributions' },
    contributionUploads: { path: '/api/contributions/100/uploads', body: {} },
    collections: { path: '/api/collections' },
    collectionTree: { path: '/api/collections/tree' },
    lightboxes: { path: '/api/lightboxes' },
    lightboxTree: { path: '/api/lightboxes/tree' },
    tags: { path: '/api/tags' },
    testWebhook: { path: '/api/webhooks/test', body: { url: HOOK.url } },
    webhookLogs: { path: '/api/webhooks/1/logs' },
    webhookPayload: { path: `/api/webhooks/payload?${name}` },
    webhookResponse: { path: `/api/webhooks/response_data?${name}` },
    payloadOfWebhook: { path: `/api/webhooks/1/payload?${name}` },
    responseOfWebhook: { path: `/api/webhooks/1/response_data?${name}` },
    replayWebhook: { path: '/api/webhooks/1/replay', body: { webhook_request_id: request?.id } },
    webhooks: { path: '/api/webhooks' },
    webhook: { path: '/api/webhooks/1' },
    uploads: { path: '/api/uploads' },
    uploadAssets: { path: `/api/uploads/${session.guid}/assets` },
    setDone: { path: `/api/uploads/${session.id}/set_done` },
    upload: { path: `/api/uploads/${session.guid}` },
    downloads: { path: '/api/downloads', body: wish },
    assetsFromUrls: { path: '/api/assets', body: FROM_URL },
    uploadFromUrls: { path: '/api/assets/upload', body: FROM_URL },
    search: { path: '/api/assets/search?q=a' },
    trashedAssets: { path: '/api/assets/trashed' },
    updatedSinceLastSync: { path: '/api/assets/updated_since_last_sync' },
    setUploaded: { path: `/api/assets/${prepared.guid}/set_uploaded` },
    restoreAsset: { path: `/api/assets/${id}/restore` },
    download: { path: `/api/assets/${id}/download?size=small` },
    assetDataVersion: { path: `/api/assets/${id}/asset_data_versions/1` },
    assetDataVersions: { path: `/api/assets/${id}/asset_data_versions` },
    addVersion: { path: `/api/assets/${id}/add_version`, body: { asset: { filename: 'c.jpg' } } },
    revertAsset: { path: `/api/assets/${id}/revert`, body: { version: 1 } },
    asset: { path: `/api/assets/${id}` },
  };
  const { Authorization = '', OrganizationId = '' } = client.headers;
  const headers = { Authorization, OrganizationId };
  const examples = Object.fromEntries(Object.entries(calls).map(([call, example]) => [call, { ...example, headers }]));
  const [dialect] = dialectsOf({
    ...{ basePath: '/a', strictErrors: false, strictFormats: false, dialects: [{ name: 'mediagraph' }] },
    mediagraph: { publicUrl: () => edge.server.origin, permitsPort: () => true },
  });
  const opened = await openDialect(
    { dialect, group: groupRef('unused', ''), examples: { ...signed, ...examples } },
    edge.server,
  );
  return { ...opened, close: () => edge.close() };
});
