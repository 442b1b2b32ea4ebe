// What the operators' operations tell of themselves: parameters, and the shapes of their JSON.
import { ITEM_STATES } from '../../../kernel/library/import-job.js';
import { JOB_KINDS } from '../../../kernel/ports/jobs.js';
import type { RouteDescription, Schema } from '../description.js';

export const FAILURE: Schema = {
  type: 'object',
  properties: { code: { type: 'integer' }, message: { type: 'string', minLength: 1 } },
  required: ['code', 'message'],
};

const COUNT = { type: 'integer', minimum: 0 };
const TIME = { type: 'string', format: 'date-time' };
const TIME_OR_NOTHING = { type: ['string', 'null'], format: 'date-time' };
const TEXT_OR_NOTHING = { type: ['string', 'null'] };

const IMPORT = {
  id: { type: 'string', pattern: '^[a-z0-9]{12}$' },
  context: { type: 'string' },
  dialect: { type: 'string' },
  system: TEXT_OR_NOTHING,
  state: { enum: ['running', 'finished'] },
  items: { type: 'integer', minimum: 1 },
  ended: { type: 'object', properties: { succeeded: COUNT, skipped: COUNT, failed: COUNT, cancelled: COUNT } },
  acceptedAt: TIME,
  finishedAt: TIME_OR_NOTHING,
};

const IMPORT_WITH_ITEMS: Schema = {
  title: 'LibraryImportWithItems',
  type: 'object',
  properties: {
    ...IMPORT,
    items: {
      type: 'array',
      items: {
        title: 'LibraryImportItem',
        type: 'object',
        properties: {
          index: COUNT,
          source: { type: 'string', description: 'Its URL without the query.' },
          externalId: TEXT_OR_NOTHING,
          title: { type: 'string' },
          state: { enum: ITEM_STATES },
          reason: { type: ['object', 'null'] },
          attempts: COUNT,
          nextAttemptAt: TIME_OR_NOTHING,
          assetId: TEXT_OR_NOTHING,
          version: { type: ['integer', 'null'] },
          isThere: { type: 'boolean', description: 'The asset is there, be it in the trash.' },
        },
        required: ['index', 'source', 'title', 'state', 'attempts'],
      },
    },
  },
  required: ['id', 'state', 'items'],
};

const JOBS: Schema = {
  title: 'LibraryJobs',
  type: 'object',
  properties: {
    queue: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          kind: { enum: JOB_KINDS },
          waiting: COUNT,
          delayed: COUNT,
          claimed: COUNT,
          oldestDueAt: TIME_OR_NOTHING,
        },
        required: ['kind', 'waiting', 'delayed', 'claimed', 'oldestDueAt'],
      },
    },
    retries: {
      type: 'array',
      description: 'Why work was put off, by the process that answers and since it started; the most frequent first.',
      items: {
        type: 'object',
        properties: { kind: { enum: JOB_KINDS }, reason: { type: 'string' }, retries: { type: 'integer', minimum: 1 } },
        required: ['kind', 'reason', 'retries'],
      },
    },
    usage: { type: 'object', properties: { assets: COUNT, originals: COUNT, bytes: COUNT, openImports: COUNT } },
    imports: {
      type: 'array',
      items: { title: 'LibraryImport', type: 'object', properties: IMPORT, required: ['id', 'state', 'items'] },
    },
    next: { ...TEXT_OR_NOTHING, description: 'The cursor of the next page.' },
  },
  required: ['queue', 'retries', 'usage', 'imports', 'next'],
};

export const OF_JOBS: RouteDescription = {
  summary: 'How the queue is, and the imports, the latest first',
  parameters: [
    {
      name: 'context',
      in: 'query',
      description: 'Of this context alone.',
      schema: { type: 'string', maxLength: 256 },
      example: 'agency',
    },
    {
      name: 'limit',
      in: 'query',
      description: 'Most imports of the page.',
      schema: { type: 'integer', minimum: 1, maximum: 1_000, default: 100 },
      example: 10,
    },
    {
      name: 'cursor',
      in: 'query',
      description: 'As `next` of the page before has it.',
      schema: { type: 'string', pattern: '^[0-9a-z]{1,11}$' },
      example: 'zz',
    },
  ],
  answer: { kind: 'json', schema: JOBS },
  failures: ['invalid-request-format', 'invalid-image-key'],
};

const IMPORT_ID: NonNullable<RouteDescription['parameters']>[number] = {
  name: 'id',
  in: 'path',
  description: 'The id of the import.',
  schema: { type: 'string', pattern: '^[a-z0-9]{12}$' },
  example: 'k3v9x0a1b2c3',
};

const RECEIVER = [
  {
    name: 'receiver',
    in: 'path',
    description: 'As the list of those that fail has it: its URL, with a hash in place of a query; percent-encoded.',
    schema: { type: 'string', minLength: 1 },
    example: 'https://example.com/hook',
  },
  {
    name: 'context',
    in: 'query',
    description: 'Whose webhooks they are.',
    schema: { type: 'string', maxLength: 256 },
    example: 'tenant',
  },
] as const satisfies RouteDescription['parameters'];

export const OF_REPLAY: RouteDescription = {
  summary: 'Tells the end of an import once more',
  details:
    'To the URL that the import was sent with, by a delivery of the same id. One that is waiting already is left as it is.',
  parameters: [IMPORT_ID],
  answer: {
    kind: 'json',
    schema: { title: 'LibraryReplay', type: 'object', properties: { queued: { const: true } }, required: ['queued'] },
  },
  failures: ['unknown-image-key'],
};

export const OF_RECEIVERS: RouteDescription = {
  summary: 'The receivers of webhooks that failed last',
  parameters: [],
  answer: {
    kind: 'json',
    schema: {
      title: 'LibraryReceivers',
      type: 'object',
      properties: {
        failing: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              context: { type: 'string' },
              receiver: { type: 'string' },
              failures: { ...COUNT, description: 'In a row.' },
              failingSince: TIME,
              lastAttemptAt: TIME,
              isDisabled: { type: 'boolean', description: 'It is not called until somebody enables it.' },
            },
            required: ['context', 'receiver', 'failures', 'failingSince', 'lastAttemptAt', 'isDisabled'],
          },
        },
      },
      required: ['failing'],
    },
  },
};

export const OF_DELIVERIES: RouteDescription = {
  summary: 'What was said to a receiver, the latest first',
  parameters: RECEIVER,
  answer: {
    kind: 'json',
    schema: {
      title: 'LibraryDeliveries',
      type: 'object',
      properties: {
        deliveries: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              id: { type: 'string', description: 'The header `webhook-id`.' },
              at: TIME,
              attempt: COUNT,
              end: { enum: ['delivered', 'again', 'dead'] },
              fault: TEXT_OR_NOTHING,
              status: { type: ['integer', 'null'] },
              answer: { ...TEXT_OR_NOTHING, description: 'The first 1,000 bytes of the answer.' },
              durationMs: { type: ['integer', 'null'] },
            },
            required: ['id', 'at', 'attempt', 'end'],
          },
        },
      },
      required: ['deliveries'],
    },
  },
  failures: ['invalid-image-key'],
};

export const OF_ENABLING: RouteDescription = {
  summary: 'Lets a receiver be called again',
  parameters: RECEIVER,
  answer: {
    kind: 'json',
    schema: {
      title: 'LibraryEnabled',
      type: 'object',
      properties: { enabled: { const: true } },
      required: ['enabled'],
    },
  },
  failures: ['unknown-image-key', 'invalid-image-key'],
};

export const OF_JOB: RouteDescription = {
  summary: 'An import with its items',
  parameters: [IMPORT_ID],
  answer: { kind: 'json', schema: IMPORT_WITH_ITEMS },
  failures: ['unknown-image-key'],
};
