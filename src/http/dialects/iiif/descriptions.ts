// What the operations of IIIF tell of themselves.
import type { ApiVersion } from '../../../kernel/zoom/image-request.js';
import type { Parameter, RouteDescription, Schema } from '../description.js';

export const FAILURE: Schema = {
  title: 'IiifFailure',
  type: 'object',
  properties: { code: { type: 'integer' }, message: { type: 'string', minLength: 1 } },
  required: ['code', 'message'],
};

const TEXT: Schema = { type: 'string', minLength: 1 };
const part = (name: string, description: string, example: string): Parameter => ({
  ...{ name, in: 'path', description },
  ...{ schema: TEXT, example },
});
type Kind = 'key' | 'asset';

/** What stands for a picture in a path. */
const NAMED: Readonly<Record<Kind, readonly Parameter[]>> = {
  key: [
    part(
      'id',
      'An image key of the default context, or `context/key` with the slash encoded; `;page=N` behind it for a page.',
      'photo',
    ),
  ],
  asset: [
    part('tenant', 'The tenant whose library has the asset.', 'agency'),
    part('id', 'The id of the asset; `;page=N` behind it for a page.', 'k3v9q1x7m2p8z'),
  ],
};
const CALLED: Readonly<Record<Kind, string>> = { key: 'a picture', asset: 'an asset' };

const NAMES: Readonly<Record<ApiVersion, string>> = { 2: '2.1', 3: '3.0' };
const SIZES: Readonly<Record<ApiVersion, string>> = {
  2: '`full`, `max`, `w,`, `,h`, `pct:n`, `w,h` or `!w,h`.',
  3: '`max`, `w,`, `,h`, `pct:n`, `w,h` or `!w,h`; with `^` before it, it may be larger than the region.',
};

function ofKinds(of: (kind: Kind) => RouteDescription): Readonly<Record<Kind, RouteDescription>> {
  return { key: of('key'), asset: of('asset') };
}

function ofAll(
  of: (version: ApiVersion, kind: Kind) => RouteDescription,
): Readonly<Record<ApiVersion, Readonly<Record<Kind, RouteDescription>>>> {
  return { 2: ofKinds((kind) => of(2, kind)), 3: ofKinds((kind) => of(3, kind)) };
}

const INFO_TYPES = ['application/json', 'application/ld+json'];

export const OF_INFO = ofAll((version, kind) => ({
  summary: `What there is of ${CALLED[kind]}, by the IIIF Image API ${NAMES[version]}`,
  details: 'As linked data to who takes `application/ld+json`. Nothing is made for it.',
  parameters: [...NAMED[kind]],
  answer: { kind: 'text', mediaTypes: INFO_TYPES },
  failures: ['unknown-image-key'],
}));

export const OF_IMAGE = ofAll((version, kind) => ({
  summary: `Any region of ${CALLED[kind]}, at any size, by the IIIF Image API ${NAMES[version]}`,
  details:
    'What a tile shows is that tile. The first request for a picture has its tiles made of the kept source; where that takes long, the answer is 503 with `Retry-After`.',
  parameters: [
    ...NAMED[kind],
    part('region', '`full`, `square`, `x,y,w,h` or `pct:x,y,w,h`.', 'full'),
    part('size', SIZES[version], '64,'),
    part('rotation', '0, 90, 180 or 270, with `!` before it mirrored first.', '0'),
    part('file', 'default, color, gray or bitonal, a dot, and jpg, png, webp, gif or avif.', 'default.jpg'),
  ],
  answer: { kind: 'picture' },
  failures: [
    'invalid-request-format',
    'unknown-image-key',
    'source-limits-exceeded',
    'source-type-refused',
    'source-undecodable',
    'unsupported-request',
    'conversion-timeout',
    'storage-full',
  ],
}));

export const OF_BASE = ofAll((version, kind) => ({
  summary: `Leads to the info.json of ${CALLED[kind]}, by the IIIF Image API ${NAMES[version]}`,
  parameters: [...NAMED[kind]],
  answer: { kind: 'redirect', status: 303, hasText: true },
  failures: ['unknown-image-key'],
}));

export const OF_MANIFEST = ofKinds((kind) => ({
  summary: `A IIIF Presentation 3 manifest of ${CALLED[kind]}, with a canvas for each page`,
  parameters: [...NAMED[kind]],
  answer: { kind: 'text', mediaTypes: INFO_TYPES },
  failures: ['unknown-image-key'],
}));
