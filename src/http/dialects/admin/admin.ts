// What admins do to all that is stored: take down, and bring up to date. No original has it; its words are the field's.
import { OWN_MOUNTS } from '../../../kernel/dialect-names.js';
import { plainFailure } from '../../replies/error-map.js';
import type { Dialect } from '../dialect.js';
import { FAILURE } from './descriptions.js';
import { purgeRoutes } from './purges.js';
import { reconcileRoutes } from './reconcile.js';

/** Mounted at `/admin`, beside every other dialect. */
export function administration(): Dialect {
  return {
    name: 'admin',
    mount: OWN_MOUNTS.admin,
    routes: [...purgeRoutes, ...reconcileRoutes],
    summary: 'For admins: takedowns with receipts, tombstones, and bringing what is stored up to date.',
    failureSchema: FAILURE,
    // For scripts of operators, not for the clients that most documents are read for.
    isApart: true,
    renderFailure: plainFailure,
  };
}
