// The Livingdocs API, as far as pictures are imported and shown by it: what its importers and renderers know, over the library.
import type { Dialect } from '../dialect.js';
import { FAILURE } from './descriptions.js';
import { failureBody } from './failures.js';
import type { ImageUrls } from './image-object.js';
import { imageRoute } from './images.js';
import { importImages } from './import-images.js';
import { importStatus } from './import-status.js';
import { mediaLibraryEntry, mediaLibraryList, serveImage } from './media-library.js';

export interface LivingdocsSettings extends ImageUrls {
  /** Whether some address may be asked at a port: what is known of a URL when it is accepted. */
  readonly permitsPort: (port: number) => boolean;
}

export function livingdocs(settings: LivingdocsSettings): Dialect {
  return {
    name: 'livingdocs',
    mount: settings.mount,
    summary: 'The Livingdocs API, as far as images are imported and shown by it.',
    failureSchema: FAILURE,
    routes: [
      imageRoute(),
      importImages(settings.permitsPort),
      importStatus(settings),
      serveImage(),
      mediaLibraryEntry(settings),
      mediaLibraryList(settings),
    ],
    renderFailure: failureBody,
  };
}
