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

const TENANT: Parameter = {
  name: 'tenant',
  in: 'path',
  description: 'The tenant whose library has the asset.',
  schema: TEXT,
  example: 'agency',
};

/** What stands for the picture: where it is, what it is called, and an example of that. */
interface Named {
  readonly of: string;
  readonly owner: Parameter;
  readonly name: string;
  readonly example: string;
}

const KEY: Named = { of: 'a picture', owner: CONTEXT, name: 'image key', example: 'photo' };
const ASSET: Named = { of: 'an asset', owner: TENANT, name: 'id of the asset', example: 'k3v9q1x7m2p8z' };
const PAGE = 'with `;page=N` behind it for another page than the first';

function ofBoth(of: (named: Named) => RouteDescription): Readonly<Record<'key' | 'asset', RouteDescription>> {
  return { key: of(KEY), asset: of(ASSET) };
}

export const OF_DESCRIPTOR = ofBoth(({ of, owner, name, example }) => ({
  summary: `The descriptor of ${of} as a Deep Zoom Image, as XML or JSON`,
  details: 'Nothing is made for it. The tiles are those of one pyramid, of 512 pixels without overlap.',
  parameters: [
    owner,
    {
      name: 'file',
      in: 'path',
      description: `The ${name}, ${PAGE}, and \`.dzi\` or \`.xml\` for XML, or \`.json\`.`,
      schema: TEXT,
      example: `${example}.dzi`,
    },
  ],
  answer: { kind: 'text', mediaTypes: ['application/xml', 'application/json'] },
  failures: ['unknown-image-key'],
}));

export const OF_TILE = ofBoth(({ of, owner, name, example }) => ({
  summary: `A tile of ${of} as a Deep Zoom Image`,
  details:
    'The first tile of a picture has all of them made of its source. Meanwhile what a preview shows as well is drawn of that, with `Cache-Control: no-store`; for others, where it takes long, the answer is 503 with `Retry-After`.',
  parameters: [
    owner,
    {
      name: 'files',
      in: 'path',
      description: `The ${name}, ${PAGE}, with \`_files\`.`,
      schema: TEXT,
      example: `${example}_files`,
    },
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
}));

export const OF_VIEW = ofBoth(({ of, owner, name, example }) => ({
  summary: `A page that shows ${of} to zoom into`,
  parameters: [owner, { name: 'name', in: 'path', description: `The ${name}, ${PAGE}.`, schema: TEXT, example }],
  answer: { kind: 'page' },
  failures: ['unknown-image-key'],
}));

export const OF_SCRIPT: RouteDescription = {
  summary: 'A script of that page',
  parameters: [
    { name: 'script', in: 'path', description: '`openseadragon.js` or `view.js`.', schema: TEXT, example: 'view.js' },
  ],
  answer: { kind: 'text', mediaTypes: ['text/javascript'] },
  failures: ['unknown-image-key'],
};
