// What the routes of webhooks tell of themselves to whoever writes a client.
import { inPath, inQuery, type RouteDescription, type Schema } from '../description.js';
import { NOTHING, oneOf, WRONG_FIELD } from './descriptions.js';

const TEXT: Schema = { type: 'string' };
const FLAG: Schema = { type: 'boolean' };
const INTEGER: Schema = { type: 'integer' };
const OBJECT: Schema = { type: 'object' };

const FAILURES = ['invalid-request-format', 'unknown-image-key'] as const;
const WEBHOOK = inPath('webhook', 'Its number.', '1');
const REQUEST = inQuery('webhook_request_id', 'As the log has it.', 'asset_aaaaaaaaaaaaa_2_1_1700000000000');
const PAGES = [inQuery('current', 'From 1.', '1'), inQuery('pageSize', 'At most 100.', '25')];

const SHOWN: Schema = {
  title: 'MediagraphWebhook',
  description: 'Who is told what becomes of assets.',
  type: 'object',
  properties: { id: INTEGER, name: TEXT, url: TEXT, enabled: FLAG, events: TEXT },
  required: ['id', 'name', 'url', 'enabled', 'events'],
};
const WANTED: NonNullable<RouteDescription['takes']> = {
  schema: {
    title: 'MediagraphNewWebhook',
    type: 'object',
    properties: {
      webhook: {
        type: 'object',
        properties: {
          name: TEXT,
          url: TEXT,
          enabled: FLAG,
          events: { description: 'With commas; all of them unless named.', ...TEXT },
          include_download_url: FLAG,
          group_assets: FLAG,
          note: TEXT,
        },
      },
    },
  },
  example: { webhook: { name: 'Site', url: 'https://example.com/hook', events: 'asset.created,asset.deleted' } },
};
const described = (summary: string, schema: Schema, more: Partial<RouteDescription> = {}): RouteDescription => ({
  summary,
  answer: { kind: 'json', schema },
  failures: FAILURES,
  otherFailures: WRONG_FIELD,
  parameters: [WEBHOOK],
  ...more,
});

export const OF_WEBHOOKS = described(
  'Registers a webhook, or lists them',
  oneOf(SHOWN, { type: 'array', items: SHOWN }),
  { parameters: PAGES, takes: WANTED },
);
export const OF_WEBHOOK = described('Shows, changes or deletes a webhook', oneOf(SHOWN, NOTHING), { takes: WANTED });
export const OF_TEST = described('Sends a test to a URL', OBJECT, {
  parameters: [],
  takes: {
    schema: { title: 'MediagraphWebhookTest', type: 'object', properties: { url: TEXT }, required: ['url'] },
    example: { url: 'https://example.com/hook' },
  },
});
export const OF_REQUESTS = described(
  'Lists what was sent to a webhook, the latest first',
  { type: 'array', items: OBJECT },
  {
    parameters: [WEBHOOK, ...PAGES],
  },
);
export const OF_PAYLOAD = described('Shows what was sent', OBJECT, { parameters: [REQUEST] });
export const OF_PAYLOAD_OF = described('Shows what was sent to a webhook', OBJECT, { parameters: [WEBHOOK, REQUEST] });
export const OF_RESPONSE = described('Shows what was answered', OBJECT, { parameters: [REQUEST] });
export const OF_RESPONSE_OF = described('Shows what a webhook answered', OBJECT, { parameters: [WEBHOOK, REQUEST] });
export const OF_REPLAY = described('Sends it once more, in the same words', OBJECT, {
  parameters: [WEBHOOK],
  takes: {
    schema: { title: 'MediagraphReplay', type: 'object', properties: { webhook_request_id: TEXT } },
    example: { webhook_request_id: 'asset_aaaaaaaaaaaaa_2_1_1700000000000' },
  },
});
