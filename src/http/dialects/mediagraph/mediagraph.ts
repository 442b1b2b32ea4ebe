// The API of Mediagraph, as far as pictures are uploaded, kept in versions, found and downloaded by it: what its clients know, over the
// library.
import type { Dialect } from '../dialect.js';
import { admitTenant, credentialsOf } from './access.js';
import { assetDetails, restoreAsset, trashedAssets, updatedSinceLastSync } from './assets.js';
import { FAILURE } from './descriptions.js';
import { downloadAsset } from './downloads.js';
import type { MediagraphSettings } from './face.js';
import { failureBody } from './failures.js';
import { createFromUrls } from './from-urls.js';
import { preview } from './previews.js';
import { putUpload } from './put.js';
import { searchAssets } from './search.js';
import { canUpload, contributions, emptyLists, organization, storageFolder, storageFolders, whoami } from './start.js';
import { downloadByToken, grantDownload } from './tokens.js';
import { contributionUploads, setDone, setUploaded, uploadAssets, uploadSession, uploadSessions } from './uploads.js';
import { addVersion, assetVersion, assetVersions, revertAsset } from './versions.js';
import { webhookRoutes } from './webhooks.js';

export function mediagraph(settings: MediagraphSettings): Dialect {
  return {
    name: 'mediagraph',
    mount: settings.mount,
    summary: 'The API of Mediagraph, as far as images are uploaded, kept in versions, found and downloaded by it.',
    failureSchema: FAILURE,
    credentialsOf,
    admitTenant,
    // Names that are words come before names that are anything.
    routes: [
      putUpload(),
      preview(),
      whoami(),
      canUpload(),
      organization(),
      storageFolders(),
      storageFolder(),
      contributions(),
      contributionUploads(),
      ...emptyLists(),
      ...webhookRoutes(settings),
      uploadSessions(),
      uploadAssets(settings),
      setDone(),
      uploadSession(),
      grantDownload(),
      downloadByToken(),
      createFromUrls(settings, 'assetsFromUrls', '/api/assets'),
      createFromUrls(settings, 'uploadFromUrls', '/api/assets/upload'),
      searchAssets(settings),
      trashedAssets(),
      updatedSinceLastSync(),
      setUploaded(settings),
      restoreAsset(settings),
      downloadAsset(),
      assetVersion(settings),
      assetVersions(settings),
      addVersion(settings),
      revertAsset(settings),
      assetDetails(settings),
    ],
    renderFailure: failureBody,
  };
}
