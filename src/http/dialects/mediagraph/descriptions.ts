// What the routes of Mediagraph tell of themselves to whoever writes a client.
import { inPath, inQuery, type RouteDescription, type Schema } from '../description.js';

const TEXT: Schema = { type: 'string' };
const INTEGER: Schema = { type: 'integer' };
const OBJECT: Schema = { type: 'object' };

export const FAILURE: Schema = {
  title: 'MediagraphFailure',
  description: 'A failure; of fields that are wrong with their names.',
  type: 'object',
  properties: { error: TEXT, message: TEXT, errors: OBJECT },
  required: ['error', 'message'],
};

const ASSET = inPath('asset', 'Its number or its GUID.', '1');
const UPLOAD = inPath('upload', 'The number or the GUID of the session.', '1');
const PAGES = [inQuery('page', 'From 1.', '1'), inQuery('per_page', 'At most 100; 25 unless said otherwise.', '25')];
const RENDITIONS = inQuery('include_renditions', 'Whether renditions are told.', 'true');
const SIGNED = [
  inQuery('expires', 'Unix seconds until which it is valid.', '1900000000'),
  inQuery('kid', 'The id of the key it is signed by.', 'main'),
  inQuery('signature', 'What the server signed it with.', 'AAAA'),
];

const SHOWN: Schema = {
  title: 'MediagraphAsset',
  description: 'An asset with all its names; those below are what most clients read.',
  type: 'object',
  properties: {
    id: INTEGER,
    guid: TEXT,
    filename: TEXT,
    aasm_state: { enum: ['pending', 'uploaded', 'processing', 'processed', 'processing_error'] },
    file_size: { type: ['integer', 'null'] },
    md5: { type: ['string', 'null'] },
    width: { type: ['integer', 'null'] },
    height: { type: ['integer', 'null'] },
    data_version_number: INTEGER,
    signed_upload_url: TEXT,
  },
  required: ['id', 'guid', 'filename', 'aasm_state'],
};
const SESSION: Schema = {
  title: 'MediagraphUpload',
  description: 'An upload session.',
  type: 'object',
  properties: { id: INTEGER, guid: TEXT, done: { type: 'boolean' }, assets_count: INTEGER },
  required: ['id', 'guid', 'done', 'assets_count'],
};
const VERSION: Schema = {
  title: 'MediagraphVersion',
  description: 'A version of an asset.',
  type: 'object',
  properties: { id: INTEGER, asset_id: INTEGER, number: INTEGER, md5: TEXT, is_head: { type: 'boolean' } },
  required: ['id', 'asset_id', 'number', 'md5', 'is_head'],
};
const listOf = (items: Schema): Schema => ({ type: 'array', items });

const FAILURES = ['invalid-request-format', 'unknown-image-key'] as const;
/** What every call may be told, whatever its body. */
export const WRONG_FIELD: NonNullable<RouteDescription['otherFailures']> = {
  422: 'A field is wrong, which `errors` names, or there is nothing to do it with.',
};
/** By the verb: one, many, or nothing. */
export const oneOf = (...schemas: readonly Schema[]): Schema => ({ anyOf: schemas });
export const NOTHING: Schema = { type: 'object', maxProperties: 0 };
const described = (summary: string, schema: Schema, more: Partial<RouteDescription> = {}): RouteDescription => ({
  summary,
  answer: { kind: 'json', schema },
  failures: FAILURES,
  otherFailures: WRONG_FIELD,
  ...more,
});

export const OF_WHOAMI = described('Tells who asks', OBJECT);
export const OF_CAN_UPLOAD = described('Tells whether the organization has room for more', OBJECT);
export const OF_ORGANIZATION = described('Shows the organization', OBJECT, {
  parameters: [inPath('organization', 'Its number, or `find`.', '100'), inQuery('slug', 'Beside `find`.', 'agency')],
});
export const OF_LIST = described('Lists what there is', listOf(OBJECT), { parameters: PAGES });
export const OF_OBJECT = described('Shows the storage folder', OBJECT, {
  parameters: [inPath('folder', 'Its number, or `tree`.', '100')],
});

const UPLOAD_BODY: NonNullable<RouteDescription['takes']> = {
  schema: {
    title: 'MediagraphNewUpload',
    type: 'object',
    properties: { upload: { type: 'object', properties: { name: TEXT, note: TEXT } }, contribution_id: INTEGER },
  },
  example: { upload: { name: 'Spring' } },
};
const ASSET_BODY: NonNullable<RouteDescription['takes']> = {
  schema: {
    title: 'MediagraphNewAsset',
    type: 'object',
    properties: {
      asset: {
        type: 'object',
        properties: {
          filename: TEXT,
          file_size: INTEGER,
          path: TEXT,
          created_via: TEXT,
          created_via_id: TEXT,
          idempotency_key: TEXT,
        },
        required: ['filename'],
      },
    },
  },
  example: { asset: { filename: 'cat.jpg', file_size: 2_048 } },
};

export const OF_SESSIONS = described('Opens an upload session, or lists them', oneOf(SESSION, listOf(SESSION)), {
  parameters: PAGES,
  takes: UPLOAD_BODY,
});
export const OF_SESSION = described('Opens or shows an upload session', SESSION, {
  parameters: [inPath('id', 'The number of the contribution.', '100')],
  takes: UPLOAD_BODY,
});
export const OF_SESSION_SHOWN = described('Shows an upload session', SESSION, { parameters: [UPLOAD] });
export const OF_SESSION_DONE = described('Closes an upload session', OBJECT, { parameters: [UPLOAD] });
export const OF_PREPARE = described('Prepares an asset, or lists those of the session', oneOf(SHOWN, listOf(SHOWN)), {
  details: 'The bytes are put to `signed_upload_url`, within an hour; then `set_uploaded` is called.',
  parameters: [UPLOAD, ...PAGES],
  takes: ASSET_BODY,
});
export const OF_FROM_URLS = described('Makes assets of pictures that are fetched', listOf(SHOWN), {
  details:
    'The assets are answered at once, `pending`, in the order of the URLs; each is called by `filename`, by the Content-Disposition of what its URL answers, or by the end of the URL. The same call again within a minute, or with the same `idempotency_key`, answers the same assets.',
  takes: {
    schema: {
      title: 'MediagraphFromUrls',
      type: 'object',
      properties: {
        from_url: { description: 'One URL, or several with commas between them.', ...TEXT },
        contribution_id: INTEGER,
        idempotency_key: TEXT,
        asset: { type: 'object', properties: { filename: TEXT } },
      },
      required: ['from_url'],
    },
    example: { from_url: 'https://example.com/cat.jpg' },
  },
});
export const OF_UPLOADED = described('Says that the bytes of an asset are there', SHOWN, { parameters: [ASSET] });
export const OF_PUT: RouteDescription = {
  summary: 'Takes the bytes of an asset',
  details: 'To the URL that was signed for them; as often as wanted until `set_uploaded`.',
  parameters: [
    inPath('slot', 'What waits for them.', 'aaaaaaaaaaaaa.aaaaaaaaaaaa'),
    inQuery('max', 'Most bytes.', '1048576'),
    ...SIGNED,
  ],
  answer: { kind: 'nothing' },
  failures: [
    'broken-upload',
    'digest-mismatch',
    'protected-operation-disabled',
    'unknown-image-key',
    'source-too-large',
    'storage-full',
  ],
};
export const OF_PREVIEW: RouteDescription = {
  summary: 'Serves a rendition by its signed URL',
  parameters: [
    inPath('organization', 'Its number.', '100'),
    inPath('guid', 'Of the asset.', '00000000-0000-4000-8000-000000000000'),
    inPath('version', 'Its number.', '1'),
    inPath('time', 'Unix seconds of the version.', '1700000000'),
    inPath('name', 'What rendition it is.', '00000000-small.jpg'),
    ...SIGNED,
  ],
  answer: { kind: 'original' },
  failures: ['protected-operation-disabled', 'unknown-image-key', 'overloaded'],
};

export const OF_ASSET = described('Shows an asset, or moves it to the trash', oneOf(SHOWN, NOTHING), {
  parameters: [ASSET, RENDITIONS],
});
export const OF_RESTORE = described('Takes an asset out of the trash', SHOWN, { parameters: [ASSET] });
export const OF_TRASHED = described('Counts the assets in the trash', OBJECT);
export const OF_UPDATED = described('Lists the numbers of assets that changed', listOf(INTEGER), {
  parameters: [
    inQuery('last_sync_at', 'After when; ISO 8601.', '2026-01-01T00:00:00Z'),
    inQuery('created_via', 'Only of what came so.', 'cli'),
  ],
});
export const OF_SEARCH = described('Searches assets', OBJECT, {
  parameters: [
    ...PAGES,
    inQuery('q', 'A part of a name.', 'cat'),
    inQuery('ids[]', 'Numbers.', '1'),
    inQuery('guids[]', 'GUIDs.', '00000000-0000-4000-8000-000000000000'),
    inQuery('upload_id', 'The number of a session.', '1'),
    inQuery('upload_guid', 'The GUID of a session.', '9e3779b1'),
    inQuery('aasm_state', 'States, with commas.', 'processed'),
    inQuery('exts[]', 'Extensions.', 'jpg'),
    inQuery('sort', 'A field and a direction.', 'created_at-desc'),
    RENDITIONS,
  ],
  takes: { schema: { title: 'MediagraphSearch', type: 'object' }, example: { q: 'cat' } },
});
export const OF_VERSIONS = described('Lists the versions of an asset', listOf(VERSION), {
  parameters: [ASSET, RENDITIONS],
});
export const OF_VERSION = described('Shows a version', VERSION, {
  parameters: [ASSET, inPath('number', 'Its number.', '1'), RENDITIONS],
});
export const OF_ADD_VERSION = described('Prepares another version', OBJECT, {
  parameters: [ASSET],
  takes: ASSET_BODY,
});
export const OF_REVERT = described('Shows another version as head', SHOWN, {
  parameters: [ASSET],
  takes: {
    schema: { title: 'MediagraphRevert', type: 'object', properties: { version: INTEGER } },
    example: { version: 1 },
  },
});
export const OF_DOWNLOAD: RouteDescription = {
  summary: 'Serves an asset as a file',
  parameters: [
    ASSET,
    inQuery('size', 'original, full, medium or small.', 'original'),
    inQuery('version_number', 'The head unless named.', '1'),
    inQuery('watermarked', 'With the mark of the organization.', 'false'),
  ],
  answer: { kind: 'original' },
  failures: FAILURES,
  otherFailures: { ...WRONG_FIELD, 409: 'The asset is not processed yet.' },
};

export const OF_GRANT = described('Prepares a download', OBJECT, {
  otherFailures: { ...WRONG_FIELD, 409: 'An asset is not processed yet.' },
  details: 'The token opens it for five minutes, without any other credential; of several assets as a ZIP.',
  takes: {
    schema: {
      title: 'MediagraphDownload',
      type: 'object',
      properties: {
        download: {
          type: 'object',
          properties: { asset_ids: listOf(INTEGER), size: TEXT, watermarked: { type: 'boolean' } },
          required: ['asset_ids'],
        },
      },
    },
    example: { download: { asset_ids: [1], size: 'original' } },
  },
});
export const OF_TOKEN: RouteDescription = {
  summary: 'Serves a download by its token',
  parameters: [inPath('token', 'As it was answered.', '0'.repeat(32))],
  answer: { kind: 'original' },
  failures: FAILURES,
};
