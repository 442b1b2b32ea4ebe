// What the routes of Livingdocs tell of themselves to whoever writes a client.
import { inPath, inQuery, type Parameter, type RouteDescription, type Schema } from '../description.js';

const TEXT: Schema = { type: 'string' };
const OBJECT: Schema = { type: 'object' };

export const FAILURE: Schema = {
  title: 'LivingdocsFailure',
  description: 'A failure; of a full quota an array of one.',
  anyOf: [
    {
      type: 'object',
      properties: { status: { type: 'integer' }, error: TEXT, error_details: OBJECT },
      required: ['status', 'error', 'error_details'],
    },
    { type: 'array', items: OBJECT, minItems: 1, maxItems: 1 },
  ],
};

const GONE = { 410: 'The version of the API is no longer supported.' };

const VERSION: Parameter = {
  name: 'version',
  in: 'path',
  description: 'The version of the API: `v1`, `beta`, or a release from `2025-03` on.',
  schema: TEXT,
  example: 'v1',
};

const IMAGE: Schema = {
  title: 'LivingdocsImage',
  description: 'What documents keep of an image.',
  type: 'object',
  properties: {
    mediaId: TEXT,
    originalUrl: TEXT,
    url: TEXT,
    width: { type: 'integer' },
    height: { type: 'integer' },
    mimeType: TEXT,
    imageService: TEXT,
  },
  required: ['mediaId', 'originalUrl', 'url', 'width', 'height', 'mimeType', 'imageService'],
};

const STATUS: Schema = {
  title: 'LivingdocsImportStatus',
  description: 'Where an import stands, and once it is finished what became of each image.',
  type: 'object',
  properties: {
    finished: { type: 'boolean' },
    state: { enum: ['started', 'success', 'failed', 'lost'] },
    id: TEXT,
    startedAt: TEXT,
    images: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          status: { enum: ['success', 'skipped', 'failed'] },
          state: { enum: ['success', 'skipped', 'failed'] },
          reason: TEXT,
          externalId: TEXT,
          title: TEXT,
          systemName: TEXT,
          image: IMAGE,
        },
        required: ['status', 'state', 'title'],
      },
    },
  },
  required: ['finished', 'state', 'id'],
};

const ENTRY: Schema = {
  title: 'LivingdocsEntry',
  description: 'An entry of the media library.',
  type: 'object',
  properties: {
    id: TEXT,
    version: { type: 'integer' },
    mediaType: TEXT,
    title: TEXT,
    asset: OBJECT,
    metadata: OBJECT,
    createdAt: TEXT,
    updatedAt: TEXT,
    systemName: TEXT,
    externalId: TEXT,
  },
  required: ['id', 'version', 'mediaType', 'metadata', 'createdAt', 'updatedAt'],
};

export const OF_IMPORT: RouteDescription = {
  summary: 'Imports images by their URLs',
  details: 'The import is stored for good before it is answered; nothing has been fetched by then.',
  parameters: [VERSION],
  takes: {
    schema: {
      title: 'LivingdocsImport',
      type: 'object',
      properties: {
        systemName: TEXT,
        webhook: TEXT,
        context: OBJECT,
        images: {
          type: 'array',
          minItems: 1,
          items: {
            type: 'object',
            properties: { url: TEXT, id: TEXT, fileName: TEXT, metadata: OBJECT, mediaType: TEXT },
            required: ['url', 'id', 'fileName', 'metadata'],
          },
        },
      },
      required: ['systemName', 'images'],
    },
    example: {
      systemName: 'archive',
      images: [{ url: 'https://example.com/cat.jpg', id: '123abc', fileName: 'cat', metadata: { caption: 'foo' } }],
    },
  },
  answer: { kind: 'json', schema: { type: 'object', properties: { id: TEXT }, required: ['id'] } },
  failures: ['invalid-request-format', 'unknown-operation', 'over-quota'],
  otherFailures: GONE,
};

export const OF_STATUS: RouteDescription = {
  summary: 'Tells where an import stands',
  parameters: [VERSION, inQuery('id', 'The id that the import was answered with.', 'aaaaaaaaaaaa')],
  answer: { kind: 'json', schema: STATUS },
  failures: ['invalid-request-format', 'unknown-operation'],
  otherFailures: GONE,
};

export const OF_LIST: RouteDescription = {
  summary: 'Lists entries of the media library',
  details: 'The latest hundred, or those that are named.',
  parameters: [
    VERSION,
    inQuery('ids', 'Ids of entries, with commas.', 'aaaaaaaaaaaaa'),
    inQuery('systemName', 'Beside an `externalId`.', 'archive'),
    inQuery('externalId', 'What the outside calls it.', '123abc'),
  ],
  answer: {
    kind: 'json',
    schema: {
      title: 'LivingdocsEntries',
      type: 'object',
      properties: {
        mediaLibraryEntries: { type: 'array', items: ENTRY },
        results: { type: 'array', items: ENTRY },
      },
    },
  },
  failures: ['invalid-request-format', 'unknown-operation'],
  otherFailures: GONE,
};

export const OF_ENTRY: RouteDescription = {
  summary: 'Shows an entry of the media library',
  parameters: [VERSION, inPath('id', 'Its id.', 'aaaaaaaaaaaaa')],
  answer: { kind: 'json', schema: ENTRY },
  failures: ['unknown-image-key', 'unknown-operation'],
  otherFailures: GONE,
};

export const OF_ORIGINAL: RouteDescription = {
  summary: 'Serves the original of an entry',
  parameters: [VERSION, inPath('key', 'Its storage key.', '2026/01/01/aaaaaaaaaaaaa-1.jpg')],
  answer: { kind: 'original' },
  failures: ['unknown-image-key', 'unknown-operation'],
  otherFailures: GONE,
};

export const OF_IMAGE: RouteDescription = {
  summary: 'Serves an image by the URL that documents keep',
  details: 'Its original, or the stored preview that is best for the width and the types that are asked for.',
  parameters: [
    VERSION,
    inPath('slug', 'Decoration.', 'cat'),
    inQuery('id', 'What it is.', 'MQk'),
    inQuery('format', '`auto`: the best type by `Accept`.', 'auto'),
    inQuery('w', 'The width in pixels.', '320'),
  ],
  answer: { kind: 'original' },
  failures: ['invalid-request-format', 'unknown-image-key', 'unknown-operation', 'protected-operation-disabled'],
  otherFailures: GONE,
};
