// What the operations of this dialect tell of themselves in common: parameters, and the shapes of their JSON.
import type { Parameter, Schema } from '../description.js';
import { PLACEHOLDERS } from './parse.js';

/** Whose name is `code` is stable; 0 is success. */
export const FAILURE: Schema = {
  title: 'Failure',
  type: 'object',
  description: 'A failure: a stable code, and a message for people that may change.',
  properties: {
    code: { type: 'integer', minimum: 1000, maximum: 9999 },
    message: { type: 'string', minLength: 1 },
  },
  required: ['code', 'message'],
  additionalProperties: false,
};

/** The answer of what only does something. */
export const DONE: Schema = {
  title: 'Done',
  type: 'object',
  description: 'It is done; the message says to how many.',
  properties: { code: { const: 0 }, message: { type: 'string', minLength: 1 } },
  required: ['code', 'message'],
  additionalProperties: false,
};

export const KEY_COUNT: Schema = {
  title: 'KeyCount',
  type: 'object',
  properties: { count: { type: 'integer', minimum: 0 } },
  required: ['count'],
  additionalProperties: false,
};

export const KEYS: Schema = {
  title: 'Keys',
  type: 'object',
  description: 'Image keys, ascending by their UTF-8 bytes, each once.',
  properties: { keys: { type: 'array', items: { type: 'string', minLength: 1, maxLength: 256 } } },
  required: ['keys'],
  additionalProperties: false,
};

export const REFUSALS: Schema = {
  title: 'Refusals',
  type: 'object',
  properties: {
    refusals: {
      type: 'array',
      items: {
        title: 'Refusal',
        type: 'object',
        description: 'A source that failed lately, and is refused until then without being tried again.',
        properties: {
          source: { type: 'string', description: 'The SHA-256 of the source, in hex.', pattern: '^[0-9a-f]{64}$' },
          code: { type: 'integer', minimum: 1000, maximum: 9999 },
          message: { type: 'string' },
          strikes: { type: 'integer', minimum: 1 },
          until: { type: 'string', format: 'date-time' },
        },
        required: ['source', 'code', 'message', 'strikes', 'until'],
        additionalProperties: false,
      },
    },
  },
  required: ['refusals'],
  additionalProperties: false,
};

const TAGS: Schema = {
  title: 'Tags',
  type: 'object',
  description: 'From a tag’s name, as people read it, to its text.',
  additionalProperties: { type: 'string' },
};

const DIGEST = { type: 'string', pattern: '^sha256:[0-9a-f]{64}$' };
const EXTENT = { type: 'integer', minimum: 1 };

const STORED_PREVIEW: Schema = {
  title: 'StoredPreview',
  type: 'object',
  properties: {
    format: {
      type: 'array',
      items: { type: 'string' },
      minItems: 1,
      description: 'The target formats it was made for.',
    },
    type: { enum: ['jpg', 'png', 'webp', 'avif', 'gif'] },
    width: EXTENT,
    height: EXTENT,
    bytes: EXTENT,
    digest: DIGEST,
  },
  required: ['format', 'type', 'width', 'height', 'bytes', 'digest'],
};

const SOURCE_FACTS: Schema = {
  title: 'SourceFacts',
  type: 'object',
  properties: {
    orientation: { type: 'integer', minimum: 1, maximum: 8 },
    hasAlpha: { type: 'boolean' },
    pages: { type: 'integer', minimum: 1, description: 'Pages or frames.' },
    loop: { type: 'integer', minimum: 0, description: 'How often an animation plays; 0 is for ever.' },
    durationMs: { type: 'number', minimum: 0 },
    colorProfile: { type: 'string' },
    dynamicRange: { type: 'string' },
    shown: { type: 'string', description: 'What is shown, where that is not the whole.' },
    colorSpace: { type: 'string' },
    channels: { type: 'integer', minimum: 1 },
    bitsPerSample: { type: 'integer', minimum: 1 },
  },
  required: ['orientation', 'hasAlpha', 'pages', 'colorSpace', 'channels', 'bitsPerSample'],
};

/** Groups of tags as far as the source has them; `Header` and `File` always are. */
export const METADATA: Schema = {
  title: 'Metadata',
  type: 'object',
  properties: {
    Header: TAGS,
    File: TAGS,
    Exif: TAGS,
    GPS: TAGS,
    Thumbnail: TAGS,
    XMP: TAGS,
    IPTC: TAGS,
    Proofsheet: {
      title: 'ProofsheetFacts',
      type: 'object',
      properties: {
        digest: { ...DIGEST, description: 'Of the source’s bytes.' },
        createdAt: { type: 'string', format: 'date-time' },
        source: SOURCE_FACTS,
        placeholder: {
          title: 'Placeholder',
          type: 'object',
          properties: {
            thumbhash: { type: 'string', description: 'Base64 of the ThumbHash.' },
            blurhash: { type: 'string', description: 'Of 3 by 3 waves, over white.' },
            dominantColor: { type: 'string', description: '#rrggbb' },
          },
        },
        place: {
          type: 'object',
          description: 'Where the picture was taken: decimal degrees, metres.',
          additionalProperties: { type: 'number' },
        },
        previews: { type: 'array', items: STORED_PREVIEW },
      },
      required: ['digest', 'createdAt', 'source', 'previews'],
    },
  },
  required: ['Header', 'File', 'Proofsheet'],
  additionalProperties: TAGS,
};

export const IMAGE_KEY: Parameter = {
  name: 'imageKey',
  in: 'path',
  description: 'Names the image: 1 to 256 characters. Most clients send the SHA-256 of the source in hex.',
  schema: { type: 'string', minLength: 1, maxLength: 256 },
  example: 'photo',
};

export const REQUEST_FORMAT: Parameter = {
  name: 'requestFormat',
  in: 'path',
  description:
    '`[TYPE:]WIDTHxHEIGHT[~SCALETYPE][~norotate][~expand][@QUALITY]`: the stored preview that fits it best answers. ' +
    'Types: auto, jpg, png, webp, avif, gif. Scale types: contain, cover, coverandcrop, containforcedimension.',
  schema: { type: 'string' },
  example: 'auto:200x150',
};

export const CONTEXT: Parameter = {
  name: 'context',
  in: 'query',
  description: 'The tenant; the same key in two contexts is two images. None is the default context.',
  schema: { type: 'string', maxLength: 256 },
  example: '',
};

/** Of an operation on many: none means all contexts. */
export const NARROWING_CONTEXT: Parameter = { ...CONTEXT, description: 'Only this context; without it, all of them.' };

export const OF_KEY = [IMAGE_KEY, CONTEXT] as const;
export const OF_PREVIEW = [IMAGE_KEY, REQUEST_FORMAT, CONTEXT] as const;

const MATCH: Parameter = {
  name: 'match',
  in: 'query',
  description:
    '`exact` makes what the format says, where that is permitted, and keeps it; without it, or with `best`, the preview answers that fits best.',
  schema: { type: 'string', enum: ['best', 'exact'] },
  example: 'best',
};

const PLACEHOLDER: Parameter = {
  name: 'placeholder',
  in: 'query',
  description: 'What the header `X-Proofsheet-Placeholder` is to tell, to be shown until the picture is there.',
  schema: { type: 'string', enum: PLACEHOLDERS },
  example: 'thumbhash',
};
export const OF_PICTURE = [...OF_PREVIEW, MATCH, PLACEHOLDER] as const;
