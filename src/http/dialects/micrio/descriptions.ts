// What the operations of Micrio tell of themselves.
import { inPath, type Parameter, type RouteDescription, type Schema } from '../description.js';

export const FAILURE: Schema = {
  title: 'MicrioFailure',
  type: 'object',
  properties: { error: { type: 'string', minLength: 1 } },
  required: ['error'],
};

const TEXT: Schema = { type: 'string' };
const COUNT: Schema = { type: 'integer', minimum: 0 };
const IDS: Schema = { type: 'array', items: TEXT };
const STATUS: Schema = { enum: ['queued', 'downloading', 'processing', 'tiling', 'storing', 'ready', 'error'] };
const CREDENTIALS = {
  organisationId: { ...TEXT, description: 'The id of the organisation.' },
  apiKey: {
    ...TEXT,
    description: 'Its key, which opens the call in place of a header: 401 without it, or with another.',
  },
};
/** No scheme of OpenAPI stands in a body. */
const OPENED_BY = 'The credential is `apiKey` in the body; without the right one it is answered with 401.';
const WHO = { organisationId: '6ba7b810-9dad-11d1-80b4-00c04fd430c8', apiKey: 'key-of-the-organisation' };

const answerOf = (result: Schema): RouteDescription['answer'] => ({
  kind: 'json',
  schema: { type: 'object', properties: { result }, required: ['result'] },
});
const objectOf = (properties: Readonly<Record<string, Schema>>, required: readonly string[]): Schema => ({
  ...{ type: 'object', properties, required },
});
const takesOf = (
  title: string,
  properties: Readonly<Record<string, Schema>>,
  required: readonly string[],
  example: object,
): NonNullable<RouteDescription['takes']> => ({
  schema: {
    title,
    ...objectOf({ ...CREDENTIALS, ...properties }, ['organisationId', 'apiKey', ...required]),
  },
  example: { ...WHO, ...example },
});
const OF_CALLS = [
  'invalid-request-format',
  'unauthorized',
  'protected-operation-disabled',
  'unknown-image-key',
] as const;

const images = (properties: Readonly<Record<string, Schema>> = {}): Schema =>
  objectOf(
    {
      images: {
        type: 'array',
        items: objectOf({ id: TEXT, name: TEXT, status: STATUS, ...properties }, ['id', 'name', 'status']),
      },
    },
    ['images'],
  );

export const OF_ADD: RouteDescription = {
  summary: 'Adds images by their URLs',
  details: `They are taken for good before it is answered; nothing has been fetched by then. ${OPENED_BY}`,
  takes: takesOf(
    'MicrioAdd',
    {
      folderId: TEXT,
      userEmail: TEXT,
      images: { type: 'array', minItems: 1, items: objectOf({ name: TEXT, sourceUrl: TEXT }, ['sourceUrl']) },
    },
    ['images', 'folderId'],
    { folderId: 'root01', images: [{ name: 'cat', sourceUrl: 'https://example.com/cat.jpg' }] },
  ),
  answer: answerOf(images()),
  failures: [...OF_CALLS, 'over-quota'],
};
export const OF_STATUS: RouteDescription = {
  summary: 'How far images are',
  details: `In the order of the question; one that is not known is an error. ${OPENED_BY}`,
  takes: takesOf('MicrioStatus', { imageIds: { ...IDS, maxItems: 100 } }, ['imageIds'], {
    imageIds: ['aaaaaaaaaaaa0'],
  }),
  answer: answerOf(images({ error: TEXT, width: { type: 'integer' }, height: { type: 'integer' }, thumbnail: TEXT })),
  failures: OF_CALLS,
};
export const OF_FOLDER_STATUS: RouteDescription = {
  summary: 'How far the images of a folder are',
  details: `Of the folder itself, without those below it. ${OPENED_BY}`,
  takes: takesOf('MicrioFolderStatus', { folderId: TEXT }, ['folderId'], { folderId: 'root01' }),
  answer: answerOf(
    objectOf({ numTotal: COUNT, numComplete: COUNT, processingIds: IDS, erroredIds: IDS }, [
      'numTotal',
      'numComplete',
      'processingIds',
      'erroredIds',
    ]),
  ),
  failures: OF_CALLS,
};
export const OF_FOLDER_CREATE: RouteDescription = {
  summary: 'Makes a folder',
  details: OPENED_BY,
  takes: takesOf(
    'MicrioFolderCreate',
    { parentId: TEXT, name: TEXT, type: { enum: ['folder', 'album', 'space'] } },
    ['parentId'],
    { parentId: 'root01', name: 'Maps', type: 'album' },
  ),
  answer: answerOf(objectOf({ id: TEXT }, ['id'])),
  failures: OF_CALLS,
};

const IMAGE: readonly Parameter[] = [
  inPath('tenant', 'The id of the tenant.', 'agency'),
  inPath('id', 'The id of the image.', 'aaaaaaaaaaaa0'),
];
const OF_IMAGES = ['protected-operation-disabled', 'unknown-image-key'] as const;

export const OF_INFO: RouteDescription = {
  summary: 'What the viewer has to know of an image',
  parameters: IMAGE,
  answer: { kind: 'text', mediaTypes: ['application/json'] },
  failures: OF_IMAGES,
};
export const OF_TILE: RouteDescription = {
  summary: 'A tile of an image',
  parameters: [
    ...IMAGE,
    inPath('level', 'From 0, the picture as one pixel.', '9'),
    inPath('tile', 'Column and row from 0, and the type.', '0_0.jpg'),
  ],
  answer: { kind: 'picture' },
  failures: [
    ...OF_IMAGES,
    'source-limits-exceeded',
    'source-type-refused',
    'source-undecodable',
    'conversion-timeout',
    'storage-full',
  ],
};
export const OF_THUMBNAIL: RouteDescription = {
  summary: 'A small preview of an image',
  parameters: IMAGE,
  answer: { kind: 'picture' },
  failures: OF_IMAGES,
};
