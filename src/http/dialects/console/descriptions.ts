// What the console's operations tell of themselves: parameters, and the shapes of their JSON.
import { ERROR_NAMES } from '../../../kernel/errors.js';
import { inQuery, type Parameter, type RouteDescription, type Schema } from '../description.js';

/** The modules of the page's program, without their ending. */
export const SCRIPTS = ['main', 'dom', 'charts', 'tables', 'picture'] as const;
export type ScriptName = (typeof SCRIPTS)[number];

export const FAILURE: Schema = {
  type: 'object',
  properties: { code: { type: 'integer' }, message: { type: 'string', minLength: 1 } },
  required: ['code', 'message'],
};

const COUNT = { type: 'integer', minimum: 0 };
const TIME = { type: 'string', format: 'date-time' };
const TEXT = { type: 'string' };
const DIGEST = { type: 'string', pattern: '^[0-9a-f]{64}$' };

/** All of `properties` are there, and nothing else. */
function closed(properties: Readonly<Record<string, unknown>>): Schema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

/** Of a client, or of the previews of its assets. */
const SHOWN_CONTEXT = { context: TEXT, isOfLibrary: { type: 'boolean' } };

const REFUSAL = {
  error: { enum: ERROR_NAMES },
  message: TEXT,
  strikes: { type: 'integer', minimum: 1 },
  until: TIME,
};

const KEY = inQuery('key', 'The image key.', 'photo');
const CONTEXT: Parameter = { ...inQuery('context', 'The context; the default one without it.', ''), schema: TEXT };
const LIBRARY: Parameter = inQuery('library', '`yes`: among the previews of that context’s assets.', 'no');

export const OF_PAGE: RouteDescription = {
  summary: 'The page that shows all servers live',
  answer: { kind: 'page' },
};

export const OF_SCRIPT: RouteDescription = {
  summary: 'A part of that page’s program',
  parameters: [{ name: 'file', in: 'path', description: 'A module.', schema: TEXT, example: 'main.js' }],
  answer: { kind: 'text', mediaTypes: ['text/javascript'] },
  failures: ['unknown-image-key'],
};

export const OF_LIVE: RouteDescription = {
  summary: 'How all servers are, as server-sent events',
  details:
    'An event `overview` every two seconds, whose data is JSON; every fifth, and the first, has the last hour and day, the latest failures, and pictures that were met.',
  parameters: [inQuery('once', '`yes` ends after the first event.', 'yes')],
  answer: { kind: 'text', mediaTypes: ['text/event-stream'], isPassing: true },
};

export const OF_CONTEXTS: RouteDescription = {
  summary: 'The contexts that have most',
  parameters: [{ ...inQuery('by', '`bytes` or `groups`.', 'bytes'), schema: { enum: ['bytes', 'groups'] } }],
  answer: {
    kind: 'json',
    schema: closed({ contexts: { type: 'array', items: closed({ ...SHOWN_CONTEXT, groups: COUNT, bytes: COUNT }) } }),
  },
  failures: ['invalid-request-format'],
};

export const OF_PICTURE: RouteDescription = {
  summary: 'What is stored for an image key, which preview answers what, and which tags are told to whom',
  parameters: [
    KEY,
    CONTEXT,
    LIBRARY,
    inQuery(
      'format',
      'A request format to be explained, up to 20 times; the target formats without it.',
      'auto:200x150',
    ),
  ],
  answer: {
    kind: 'json',
    schema: {
      title: 'ConsolePicture',
      ...closed({
        key: TEXT,
        ...SHOWN_CONTEXT,
        fileName: { type: ['string', 'null'] },
        createdAt: TIME,
        lastAccess: TIME,
        source: closed({
          ...{
            record: DIGEST,
            digest: DIGEST,
            type: TEXT,
            widthPx: COUNT,
            heightPx: COUNT,
            pages: COUNT,
            bytes: COUNT,
          },
          ...Object.fromEntries(
            ['isKept', 'isStored', 'isComplete', 'hasTiles'].map((name) => [name, { type: 'boolean' }]),
          ),
        }),
        previews: {
          type: 'array',
          items: closed({
            formats: { type: 'array', items: TEXT },
            ...{ type: TEXT, widthPx: COUNT, heightPx: COUNT, bytes: COUNT, digest: DIGEST },
            ...{ isStored: { type: 'boolean' }, isOfOtherSequence: { type: 'boolean' } },
          }),
        },
        answers: {
          type: 'array',
          items: closed({
            ...{ asked: TEXT, preview: DIGEST, target: TEXT, relation: { enum: ['exact', 'larger', 'smaller'] } },
            isFinal: { type: 'boolean' },
          }),
        },
        tags: { type: 'array', items: closed({ group: TEXT, label: TEXT, text: TEXT, isPublic: { type: 'boolean' } }) },
        refusal: { oneOf: [{ type: 'null' }, closed(REFUSAL)] },
      }),
    },
  },
  failures: ['unknown-image-key', 'invalid-request-format'],
};

export const OF_THUMB: RouteDescription = {
  summary: 'The likeness of a picture, for the page',
  parameters: [KEY, CONTEXT, LIBRARY],
  answer: { kind: 'picture' },
  failures: ['unknown-image-key'],
};

export const OF_REFUSALS: RouteDescription = {
  summary: 'At most 100 of the sources that are refused because they failed',
  answer: {
    kind: 'json',
    schema: closed({
      refusals: { type: 'array', items: closed({ source: DIGEST, ...REFUSAL, isCertain: { type: 'boolean' } }) },
    }),
  },
};

const SOURCE: Parameter = {
  ...{ name: 'digest', in: 'path', description: 'A source as the refusals have it.', schema: DIGEST },
  example: '36cbdcc1a85ba3c2b1ac1e4fc7e8bd9f3d1b1c1d6f6b8b6dc9a3f4f6a9e3c1d0',
};

export const OF_FORGETTING: RouteDescription = {
  summary: 'Holds nothing against a source any more: its next upload is tried',
  parameters: [SOURCE],
  answer: { kind: 'json', schema: closed({ forgotten: { type: 'boolean' } }) },
};

export const OF_RETRYING: RouteDescription = {
  summary: 'The same, and makes its previews at once where its bytes are kept',
  parameters: [SOURCE],
  answer: { kind: 'json', schema: closed({ outcome: { enum: ['made', 'forgotten', 'unknown'] } }) },
  failures: ['source-undecodable', 'source-limits-exceeded', 'source-type-refused', 'conversion-timeout'],
};

export const OF_WORK: RouteDescription = {
  summary: 'What the library has to do, its latest imports, and the receivers of webhooks that fail',
  answer: {
    kind: 'json',
    schema: { type: 'object', properties: { library: { type: ['object', 'null'] } }, required: ['library'] },
  },
};
