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
const ID = part('id', 'An image key of the default context, or `context/key` with the slash encoded.', 'photo');

const NAMES: Readonly<Record<ApiVersion, string>> = { 2: '2.1', 3: '3.0' };
const SIZES: Readonly<Record<ApiVersion, string>> = {
  2: '`full`, `max`, `w,`, `,h`, `pct:n`, `w,h` or `!w,h`.',
  3: '`max`, `w,`, `,h`, `pct:n`, `w,h` or `!w,h`; with `^` before it, it may be larger than the region.',
};

function ofBoth(of: (version: ApiVersion) => RouteDescription): Readonly<Record<ApiVersion, RouteDescription>> {
  return { 2: of(2), 3: of(3) };
}

const INFO_TYPES = ['application/json', 'application/ld+json'];

export const OF_INFO = ofBoth((version) => ({
  summary: `What there is of a picture, by the IIIF Image API ${NAMES[version]}`,
  details: 'As linked data to who takes `application/ld+json`. Nothing is made for it.',
  parameters: [ID],
  answer: { kind: 'text', mediaTypes: INFO_TYPES },
  failures: ['unknown-image-key'],
}));

export const OF_IMAGE = ofBoth((version) => ({
  summary: `Any region of a picture, at any size, by the IIIF Image API ${NAMES[version]}`,
  details:
    'What a tile shows is that tile. The first request for a picture has its tiles made of the kept source; where that takes long, the answer is 503 with `Retry-After`.',
  parameters: [
    ID,
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

export const OF_BASE = ofBoth((version) => ({
  summary: `Leads to the info.json of a picture, by the IIIF Image API ${NAMES[version]}`,
  parameters: [ID],
  answer: { kind: 'redirect', status: 303, hasText: true },
  failures: ['unknown-image-key'],
}));

export const OF_MANIFEST: RouteDescription = {
  summary: 'A IIIF Presentation 3 manifest of one picture',
  parameters: [ID],
  answer: { kind: 'text', mediaTypes: INFO_TYPES },
  failures: ['unknown-image-key'],
};
