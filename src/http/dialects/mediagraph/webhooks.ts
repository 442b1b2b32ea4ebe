// Webhooks: who is told what becomes of assets, trying a URL, what was said to an endpoint and what it answered, and saying it again.
import { ASSET_EVENTS, type AssetEvent, type Endpoint, type WantedEndpoint } from '../../../kernel/library/endpoint.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import { type PortRule, parseSourceUrl } from '../../../kernel/source-url.js';
import type { LibraryUse } from '../../../library/answers.js';
import type { ShownDelivery } from '../../../library/webhook-service.js';
import { json } from '../../replies/reply.js';
import { type Route, type RouteOf, route } from '../route.js';
import { iso, libraryOf, type MediagraphSettings, READING } from './face.js';
import { invalid, MediagraphFailure, notFound } from './failures.js';
import { parseNumber } from './ids.js';
import { extrasOf, testNotice } from './notice.js';
import { objectIn, Params } from './params.js';
import {
  OF_PAYLOAD,
  OF_PAYLOAD_OF,
  OF_REPLAY,
  OF_REQUESTS,
  OF_RESPONSE,
  OF_RESPONSE_OF,
  OF_TEST,
  OF_WEBHOOK,
  OF_WEBHOOKS,
} from './webhook-texts.js';

const MAX_TEXT = 1_024;
const MAX_NOTE = 4_096;
const MAX_PAGE = 100;

const RULES = { ...READING, scope: 'webhook' } as const;
const WRITING = { ...RULES, body: 'json', isBodyLoose: true } as const;

type Wanted = Omit<WantedEndpoint, 'tenantId'>;

const payloadOf = ({ told }: ShownDelivery): unknown => JSON.parse(told?.body ?? 'null');
const responseOf = ({ said }: ShownDelivery): unknown => ({
  response_status: said?.status ?? null,
  response_body: said?.answer ?? null,
});

/** Names that are words stand before the name that is anything. */
export function webhookRoutes({ permitsPort }: MediagraphSettings): readonly Route[] {
  return [
    test(permitsPort),
    requests(),
    ...attemptsOfWebhook,
    replay(),
    ...attemptsByName,
    webhooks(permitsPort),
    webhook(permitsPort),
  ];
}

function webhooks(permitsPort: PortRule): Route {
  return route<{ readonly params: Params; readonly body: unknown }>({
    ...WRITING,
    verbs: ['GET', 'HEAD', 'POST'],
    name: 'webhooks',
    path: '/api/webhooks',
    description: OF_WEBHOOKS,
    parse: ({ url }, body) => ({ params: new Params(url), body }),
    async run({ params, body }, use, call) {
      const { webhooks: service } = libraryOf(use);
      const tenant = call.tenant();
      if (call.verb !== 'POST')
        return json(pageOf(sorted(await service.list(tenant.context), params), params).map(shown));
      const { name, url, isEnabled = true, events = [], extras = extrasOf({}) } = wantedIn(body, permitsPort);
      if (name === undefined) throw invalid('name', "can't be blank");
      if (url === undefined) throw invalid('url', "can't be blank");
      const added = await service.add(tenant, { name, url, isEnabled, events, extras });
      if (added) return json(shown(added));
      throw new MediagraphFailure('unprocessable', 'too_many_webhooks', 'expected fewer webhooks; delete one first');
    },
  });
}

function webhook(permitsPort: PortRule): Route {
  return route<{ readonly name: string; readonly body: unknown }>({
    ...WRITING,
    verbs: ['GET', 'HEAD', 'PUT', 'DELETE'],
    name: 'webhook',
    path: '/api/webhooks/{webhook}',
    description: OF_WEBHOOK,
    parse: ({ segments: [name = ''] }, body) => ({ name, body }),
    async run({ name, body }, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const endpoint = await endpointNamed(library, tenant, name);
      if (call.verb === 'GET' || call.verb === 'HEAD') return json(shown(endpoint));
      if (call.verb === 'DELETE') {
        if (!(await library.webhooks.remove(tenant.context, endpoint.id))) throw notFound('webhook');
        return json({});
      }
      const { extras, ...change } = wantedIn(body, permitsPort, endpoint);
      const changed = await library.webhooks.change(tenant, endpoint.id, { ...change, ...(extras && { extras }) });
      if (changed === undefined) throw notFound('webhook');
      return json(shown(changed));
    },
  });
}

function test(permitsPort: PortRule): Route {
  return route<string>({
    ...WRITING,
    verbs: ['POST'],
    name: 'testWebhook',
    path: '/api/webhooks/test',
    description: OF_TEST,
    parse: ({ url }, body) =>
      urlIn(new Params(url, body).text('url') ?? objectIn(objectIn(body).webhook).url, permitsPort),
    async run(url, use, call) {
      const library = libraryOf(use);
      const { fault, status } = await library.webhooks.try(call.tenant(), url, testNotice(library.now()));
      if (fault === undefined) return json({ message: 'Success' });
      throw new MediagraphFailure(
        'unprocessable',
        'webhook_failed',
        `expected an answer of 200 to 299, got ${status ?? fault.replaceAll('-', ' ')}`,
      );
    },
  });
}

function requests(): Route {
  return route<{ readonly name: string; readonly params: Params }>({
    ...RULES,
    name: 'webhookLogs',
    path: '/api/webhooks/{webhook}/logs',
    description: OF_REQUESTS,
    parse: ({ segments: [name = ''], url }) => ({ name, params: new Params(url) }),
    async run({ name, params }, use, call) {
      const library = libraryOf(use);
      const { context } = call.tenant();
      const endpoint = await endpointNamed(library, call.tenant(), name);
      const log = await library.webhooks.log(endpoint, context);
      return json(
        pageOf(log, params).map(({ name: id, told, said, end, at }) => ({
          id,
          webhook_id: endpoint.id,
          event: told?.notice.event ?? null,
          request_body: told?.body ?? null,
          response_status: said?.status ?? null,
          response_body: said?.answer ?? null,
          success: end === 'delivered',
          created_at: iso(at),
        })),
      );
    },
  });
}

/** One attempt, of which a part is shown; of any webhook where the path names none. */
function attempt(
  name: string,
  path: string,
  description: RouteOf<unknown>['description'],
  partOf: (delivery: ShownDelivery) => unknown,
): Route {
  return route<{ readonly webhook: string | undefined; readonly request: string | undefined }>({
    ...RULES,
    name,
    path: `/api/webhooks/${path}`,
    description,
    parse: ({ segments: [webhook], url }) => ({ webhook, request: new Params(url).text('webhook_request_id') }),
    run: async ({ webhook, request }, use, call) =>
      json(partOf(await attemptNamed(libraryOf(use), call.tenant(), webhook, request))),
  });
}

function replay(): Route {
  return route<{ readonly webhook: string; readonly request: string | undefined }>({
    ...WRITING,
    verbs: ['POST'],
    name: 'replayWebhook',
    path: '/api/webhooks/{webhook}/replay',
    description: OF_REPLAY,
    parse: ({ segments: [webhook = ''], url }, body) => ({
      webhook,
      request: new Params(url, body).text('webhook_request_id'),
    }),
    async run({ webhook, request }, use, call) {
      const library = libraryOf(use);
      const found = await attemptNamed(library, call.tenant(), webhook, request);
      if (!(await library.webhooks.replay(found))) throw notFound('webhook request');
      return json({ message: 'Success' });
    },
  });
}

/** Clients ask without the webhook's number, whose request has a name that says all. */
const attemptsByName = [
  attempt('webhookPayload', 'payload', OF_PAYLOAD, payloadOf),
  attempt('webhookResponse', 'response_data', OF_RESPONSE, responseOf),
];
const attemptsOfWebhook = [
  attempt('payloadOfWebhook', '{webhook}/payload', OF_PAYLOAD_OF, payloadOf),
  attempt('responseOfWebhook', '{webhook}/response_data', OF_RESPONSE_OF, responseOf),
];

async function endpointNamed({ webhooks }: LibraryUse, { context }: Tenant, name: string): Promise<Endpoint> {
  const id = parseNumber(name);
  const endpoint = id === undefined ? undefined : await webhooks.find(context, id);
  if (endpoint === undefined) throw notFound('webhook');
  return endpoint;
}

async function attemptNamed(
  library: LibraryUse,
  tenant: Tenant,
  webhook: string | undefined,
  request: string | undefined,
): Promise<ShownDelivery> {
  const { context } = tenant;
  const endpoints =
    webhook === undefined ? await library.webhooks.list(context) : [await endpointNamed(library, tenant, webhook)];
  for (const endpoint of endpoints) {
    const found = (await library.webhooks.log(endpoint, context)).find(({ name }) => name === request);
    if (found) return found;
  }
  throw notFound('webhook request');
}

/** What `{webhook: {...}}`, or the body itself, says; what it does not say is left away. Throws 422. */
function wantedIn(body: unknown, permitsPort: PortRule, before?: Endpoint): Partial<Wanted> {
  const given = objectIn(objectIn(body).webhook ?? body);
  const params = new Params('', given);
  const name = params.text('name')?.trim();
  if (params.has('name') && !name) throw invalid('name', "can't be blank");
  const url = params.has('url') ? urlIn(params.text('url'), permitsPort) : undefined;
  const events = params.list('events')?.map(eventIn);
  const note = params.text('note');
  if (note !== undefined && note.length > MAX_NOTE) throw invalid('note', `must be at most ${MAX_NOTE} characters`);
  return {
    ...(name !== undefined && { name: name.slice(0, MAX_TEXT) }),
    ...(url !== undefined && { url }),
    ...(params.has('enabled') && { isEnabled: params.flag('enabled') }),
    ...(events && { events: [...new Set(events.filter((event) => event !== undefined))] }),
    extras: extrasOf(given, before?.extras),
  };
}

/** Throws 422; of events that never happen here, nothing. */
function eventIn(text: string): AssetEvent | undefined {
  const event = ASSET_EVENTS.find((known) => known === text);
  if (event === undefined && text !== 'collection.updated')
    throw invalid('events', `must be of ${[...ASSET_EVENTS, 'collection.updated'].join(', ')}`);
  return event;
}

/** Throws 422. */
function urlIn(given: unknown, permitsPort: PortRule): string {
  const url = typeof given === 'string' ? parseSourceUrl(given, permitsPort) : undefined;
  if (url === undefined || typeof url === 'string')
    throw invalid('url', 'must be an absolute URL of http or https, without a password, with a port that may be asked');
  return url.href;
}

function shown({ id, name, url, isEnabled, events, extras, createdAt, updatedAt }: Endpoint) {
  return {
    ...{ id, name, url, enabled: isEnabled, events: (events.length === 0 ? ASSET_EVENTS : events).join(',') },
    ...extras,
    created_at: iso(createdAt),
    updated_at: iso(updatedAt),
  };
}

function sorted(endpoints: readonly Endpoint[], params: Params): readonly Endpoint[] {
  const sign = params.text('sortOrder') === 'descend' ? -1 : 1;
  const value = params.text('sortField') === 'name' ? ({ name }: Endpoint) => name : ({ id }: Endpoint) => id;
  return endpoints.toSorted((a, b) => sign * (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0));
}

function pageOf<T>(all: readonly T[], params: Params): readonly T[] {
  const size = params.whole('pageSize', 25, 1, MAX_PAGE);
  const from = (params.whole('current', 1, 1, Number.MAX_SAFE_INTEGER) - 1) * size;
  return all.slice(from, from + size);
}
