// Micrio: the four calls of its server API, version 2, and what its viewer asks for. Over the library; an organisation and its key are
// those of a tenant.
import type { Dialect } from '../dialect.js';
import { calls, type MicrioSettings } from './calls.js';
import { FAILURE } from './descriptions.js';
import { viewerRoutes } from './viewer-routes.js';

export type { MicrioSettings } from './calls.js';

export function micrio(settings: MicrioSettings): Dialect {
  return {
    name: 'micrio',
    mount: settings.mount,
    summary: 'The server API of Micrio, version 2, and the images that its viewer shows.',
    failureSchema: FAILURE,
    routes: [...viewerRoutes(settings), ...calls(settings)],
    renderFailure: ({ error, status, headers }) => ({
      status,
      headers,
      body: JSON.stringify({ error: error.message }),
    }),
    headers: [['Access-Control-Allow-Origin', '*']],
  };
}
