// The API of ZoomHub (and of Zoom.it before it): give it a URL, and look at the picture behind it in a zooming viewer, on a page of its
// own or within another. Over the library of one tenant; open to everybody once that is named.
import type { Dialect } from '../dialect.js';
import { apiRoutes, type ZoomHubSettings } from './api-routes.js';
import { FAILURE } from './descriptions.js';
import { pageRoutes } from './page-routes.js';
import { tileRoutes } from './tile-routes.js';
import { uploadRoutes } from './uploads.js';

export type { ZoomHubSettings } from './api-routes.js';

export function zoomhub(settings: ZoomHubSettings): Dialect {
  return {
    name: 'zoomhub',
    mount: settings.mount,
    summary: 'The API of ZoomHub: pictures by their URLs, to be zoomed into.',
    failureSchema: FAILURE,
    // Those of pages last: they take any name.
    routes: [...apiRoutes(settings), ...uploadRoutes(settings), ...tileRoutes(settings), ...pageRoutes(settings)],
    renderFailure: ({ error, status, headers }) => ({
      status,
      headers: [...headers, ['Content-Type', status === 405 ? 'text/plain' : 'text/plain; charset=utf-8']],
      body: error.message,
    }),
    headers: [['Access-Control-Allow-Origin', '*']],
  };
}
