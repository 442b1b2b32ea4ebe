// The records of endpoints as they come from Redis, looked at field by field like those of the library (library-records.ts).
import { ASSET_EVENTS, type Endpoint, type EndpointBook } from '../../../kernel/library/endpoint.js';
import { parseTenantId } from '../../../kernel/library/ids.js';
import { fieldsOf, flagIn, listIn, oneOf, parsedIn, textIn, wholeIn } from '../record-fields.js';
import { objectIn, urlIn } from './library-records.js';
import { timeIn } from './upload-records.js';

export function endpointBookIn(value: unknown): EndpointBook {
  const given = fieldsOf(value);
  return { last: wholeIn(given.last, 0), endpoints: listIn(given.endpoints).map(endpointIn) };
}

function endpointIn(value: unknown): Endpoint {
  const given = fieldsOf(value);
  return {
    id: wholeIn(given.id, 1),
    tenantId: parsedIn(parseTenantId, given.tenantId),
    name: textIn(given.name),
    url: urlIn(given.url),
    isEnabled: flagIn(given.isEnabled),
    events: listIn(given.events).map((event) => oneOf(ASSET_EVENTS, event)),
    extras: objectIn(given.extras),
    createdAt: timeIn(given.createdAt),
    updatedAt: timeIn(given.updatedAt),
  };
}
