// What the operations of administration tell of themselves: the shapes of their JSON.
import { MAX_REASON } from '../../../kernel/takedown/tombstone.js';
import { inPath, inQuery, type Parameter, type RouteDescription, type Schema } from '../description.js';

export const FAILURE: Schema = {
  title: 'AdminFailure',
  type: 'object',
  properties: { code: { type: 'integer' }, message: { type: 'string', minLength: 1 } },
  required: ['code', 'message'],
};

const COUNT = { type: 'integer', minimum: 0 };
const TEXT = { type: 'string' };
const TIME = { type: 'string', format: 'date-time' };
const DIGEST = { type: 'string', pattern: '^[0-9a-f]{64}$' };
const MAYBE_TIME = { anyOf: [TIME, { type: 'null' }] };

/** All of `properties` are there, and nothing else. */
export function closed(properties: Readonly<Record<string, unknown>>): Schema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

const AMOUNT = closed({ blobs: COUNT, bytes: COUNT });

const SELECTION: Schema = {
  title: 'PurgeSelection',
  type: 'object',
  properties: {
    by: { enum: ['key', 'prefix', 'context', 'content'] },
    imageKey: TEXT,
    prefix: TEXT,
    context: TEXT,
    content: DIGEST,
  },
  required: ['by'],
  additionalProperties: false,
};

const NODE: Schema = {
  title: 'NodeOfReceipt',
  oneOf: [
    closed({ state: { const: 'dropped' }, host: TEXT, worker: COUNT, at: TIME, memory: AMOUNT, disk: AMOUNT }),
    closed({ state: { const: 'away' }, host: TEXT, worker: COUNT, seenAt: TIME }),
  ],
};

const RECEIPT: Schema = {
  title: 'Receipt',
  ...closed({
    id: { type: 'string', pattern: '^tkd_[0-9a-f]{32}$' },
    takenDownAt: TIME,
    issuedAt: TIME,
    by: TEXT,
    reason: TEXT,
    selection: { anyOf: [SELECTION, { type: 'null' }] },
    groups: closed({
      removed: COUNT,
      named: {
        type: 'array',
        items: closed({ context: TEXT, isOfLibrary: { type: 'boolean' }, imageKey: TEXT, content: DIGEST }),
      },
    }),
    lasting: closed({ tier: { enum: ['disk', 'shared'] }, blobs: COUNT, bytes: COUNT }),
    stillNamed: COUNT,
    undeleted: COUNT,
    derivatives: COUNT,
    originals: { type: 'array', items: closed({ context: TEXT, asset: TEXT }) },
    keptOriginals: COUNT,
    blocked: closed({ contents: { type: 'array', items: DIGEST }, until: MAYBE_TIME }),
    unblocked: { type: 'array', items: DIGEST },
    nodes: { type: 'array', items: NODE },
    cdn: closed({
      state: { enum: ['none', 'queued', 'delivered', 'dead'] },
      surrogateKeys: COUNT,
      messages: COUNT,
      sent: COUNT,
    }),
    isUnderWay: { type: 'boolean' },
    isComplete: { type: 'boolean' },
  }),
};

const SIGNED: Schema = {
  title: 'SignedReceipt',
  ...closed({ receipt: RECEIPT, jws: { type: ['string', 'null'] } }),
};

const TOMBSTONE: Schema = {
  title: 'Tombstone',
  ...closed({ content: DIGEST, reason: TEXT, since: TIME, until: MAYBE_TIME }),
};

const EXAMPLE_DIGEST = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const CONTENT: Parameter = {
  ...inPath('content', 'The SHA-256 of a source in hex.', EXAMPLE_DIGEST),
  schema: DIGEST,
};
const REASON = { type: 'string', minLength: 1, maxLength: MAX_REASON };
const LIMIT: Parameter = {
  ...inQuery('limit', 'How many at most.', '20'),
  schema: { type: 'integer', minimum: 1 },
  example: 20,
};

export const OF_PURGE: RouteDescription = {
  summary: 'Takes images down, and answers with a receipt',
  details:
    'One of `key`, `prefix` and `content`, or a `context` alone, which narrows `key` and `prefix` too. Their groups and bytes leave every tier at once; nodes that are away follow before they serve again, and are in the receipt until then. With `block` a tombstone keeps each content from coming back, until `until` or for good. The `jws` is the receipt signed, where the server has a key.',
  takes: {
    schema: {
      title: 'Purge',
      type: 'object',
      properties: {
        key: { ...TEXT, minLength: 1, maxLength: 256 },
        prefix: { ...TEXT, minLength: 1, maxLength: 256 },
        context: { ...TEXT, maxLength: 256 },
        content: DIGEST,
        reason: REASON,
        block: { type: 'boolean' },
        until: MAYBE_TIME,
      },
      required: ['reason'],
      additionalProperties: false,
    },
    example: { key: 'photo', reason: 'rights withdrawn, ticket 4711', block: true, until: '2099-01-01T00:00:00Z' },
  },
  answer: { kind: 'json', schema: SIGNED },
  failures: ['invalid-image-key', 'invalid-request-format', 'over-quota'],
};

export const OF_PURGES: RouteDescription = {
  summary: 'The receipts of the latest takedowns',
  parameters: [LIMIT],
  answer: { kind: 'json', schema: { title: 'Receipts', ...closed({ purges: { type: 'array', items: RECEIPT } }) } },
  failures: ['invalid-request-format'],
};

export const OF_RECEIPT: RouteDescription = {
  summary: 'The receipt of a takedown, as it is by now',
  parameters: [inPath('id', 'As the receipt has it.', `tkd_${'0'.repeat(32)}`)],
  answer: { kind: 'json', schema: SIGNED },
  failures: ['unknown-image-key'],
};

export const OF_TOMBSTONES: RouteDescription = {
  summary: 'The contents that are kept from coming back',
  parameters: [LIMIT],
  answer: {
    kind: 'json',
    schema: { title: 'Tombstones', ...closed({ tombstones: { type: 'array', items: TOMBSTONE } }) },
  },
  failures: ['invalid-request-format'],
};

export const OF_BLOCKING: RouteDescription = {
  summary: 'Keeps a content from coming back, whether it is stored or not',
  details:
    'What is stored of it stays until it is purged. Of two tombstones for one content the one that lasts longer counts.',
  takes: {
    schema: {
      title: 'Block',
      type: 'object',
      properties: { content: DIGEST, reason: REASON, until: MAYBE_TIME },
      required: ['content', 'reason'],
      additionalProperties: false,
    },
    example: { content: EXAMPLE_DIGEST, reason: 'rights withdrawn, ticket 4711' },
  },
  answer: { kind: 'json', schema: TOMBSTONE },
  failures: ['invalid-image-key', 'invalid-request-format', 'over-quota'],
};

export const OF_UNBLOCKING: RouteDescription = {
  summary: 'Takes a tombstone away',
  parameters: [CONTENT],
  answer: { kind: 'json', schema: { title: 'Unblocked', ...closed({ unblocked: { const: true } }) } },
  failures: ['unknown-image-key', 'invalid-image-key'],
};

export const OF_KEYS: RouteDescription = {
  summary: 'The key by which receipts can be verified',
  details: 'A JSON Web Key Set (RFC 7517); empty where receipts are not signed.',
  answer: {
    kind: 'json',
    schema: {
      title: 'ReceiptKeys',
      ...closed({
        keys: {
          type: 'array',
          items: closed({
            kty: { const: 'OKP' },
            crv: { const: 'Ed25519' },
            x: TEXT,
            kid: TEXT,
            use: { const: 'sig' },
            alg: { const: 'EdDSA' },
          }),
        },
      }),
    },
  },
};
