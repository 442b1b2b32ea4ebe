// What the operations of Deep Zoom tell of themselves.
import type { Parameter, RouteDescription, Schema } from '../description.js';

export const FAILURE: Schema = {
  title: 'DziFailure',
  type: 'object',
  properties: { code: { type: 'integer' }, message: { type: 'string', minLength: 1 } },
  required: ['code', 'message'],
};

const TEXT: Schema = { type: 'string', minLength: 1 };
const CONTEXT: Parameter = {
  name: 'context',
  in: 'path',
  description: 'The context of the image; `_` is the default one.',
  schema: TEXT,
  example: '_',
};

export const OF_DESCRIPTOR: RouteDescription = {
  summary: 'The descriptor of a Deep Zoom Image, as XML or JSON',
  details: 'Nothing is made for it. The tiles are those of one pyramid, of 512 pixels without overlap.',
  parameters: [
    CONTEXT,
    {
      name: 'file',
      in: 'path',
      description: 'The image key, with `.dzi` or `.xml` for XML, or `.json`.',
      schema: TEXT,
      example: 'photo.dzi',
    },
  ],
  answer: { kind: 'text', mediaTypes: ['application/xml', 'application/json'] },
  failures: ['unknown-image-key'],
};

export const OF_TILE: RouteDescription = {
  summary: 'A tile of a Deep Zoom Image',
  details:
    'The first tile of a picture has all of them made of its kept source. Where that takes long, the answer is 503 with `Retry-After`.',
  parameters: [
    CONTEXT,
    { name: 'files', in: 'path', description: 'The image key with `_files`.', schema: TEXT, example: 'photo_files' },
    {
      name: 'level',
      in: 'path',
      description: 'From 0, the picture as one pixel, to that of its full size.',
      schema: TEXT,
      example: '9',
    },
    { name: 'tile', in: 'path', description: 'Column and row from 0, and the type.', schema: TEXT, example: '0_0.jpg' },
  ],
  answer: { kind: 'picture' },
  failures: [
    'unknown-image-key',
    'source-limits-exceeded',
    'source-type-refused',
    'source-undecodable',
    'conversion-timeout',
    'storage-full',
  ],
};

export const OF_VIEW: RouteDescription = {
  summary: 'A page that shows a picture to zoom into',
  parameters: [CONTEXT, { name: 'key', in: 'path', description: 'The image key.', schema: TEXT, example: 'photo' }],
  answer: { kind: 'page' },
  failures: ['unknown-image-key'],
};

export const OF_SCRIPT: RouteDescription = {
  summary: 'A script of that page',
  parameters: [
    { name: 'script', in: 'path', description: '`openseadragon.js` or `view.js`.', schema: TEXT, example: 'view.js' },
  ],
  answer: { kind: 'text', mediaTypes: ['text/javascript'] },
  failures: ['unknown-image-key'],
};
