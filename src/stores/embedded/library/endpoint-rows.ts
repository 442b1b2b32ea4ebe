// The row of endpoints that a context has, for those who change it and those who tell of changes.
import { type EndpointBook, NO_ENDPOINTS } from '../../../kernel/library/endpoint.js';
import { readRow } from '../lmdb-environment.js';
import { decodeJson } from './library-rows.js';
import type { LibraryTables } from './library-tables.js';

/** What the row of a context says, in a transaction or out of one. */
export function endpointsOf({ endpoints }: Pick<LibraryTables, 'endpoints'>, context: Buffer): EndpointBook {
  return readRow(endpoints, context, (bytes) => decodeJson<EndpointBook>(bytes)) ?? NO_ENDPOINTS;
}
