// getImages: up to 200 previews in one answer, as parts of one body or as lines of JSON.
import { ProofsheetError } from '../../../kernel/errors.js';
import { type Context, parseContext, parseImageKey } from '../../../kernel/image-key.js';
import { fulfilled, type Wish } from '../../../previews/batch.js';
import type { PicturesReply } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import type { Parameter, Schema } from '../description.js';
import { type Route, route, type Target } from '../route.js';
import { CONTEXT, FAILURE } from './descriptions.js';
import { checkSegments, formatOfText } from './parse.js';

/** Pairs of one request. */
export const MOST_IMAGES = 200;
const MAX_WAIT_MS = 60_000;
/** 200 keys of 256 characters of four bytes, each with a format and an entity tag. */
const MAX_JSON_BYTES = 512 * 1024;

const IMAGES: Schema = {
  title: 'WantedImages',
  type: 'object',
  properties: {
    images: {
      type: 'array',
      minItems: 1,
      maxItems: MOST_IMAGES,
      items: {
        title: 'WantedImage',
        type: 'object',
        properties: {
          key: { type: 'string', description: 'The image key.' },
          format: { type: 'string', description: 'The request format.' },
          ifNoneMatch: { type: 'string', description: 'An entity tag; the same preview is then answered by 304.' },
        },
        required: ['key', 'format'],
      },
    },
  },
  required: ['images'],
};

/** A line of NDJSON. */
const LINE: Schema = {
  title: 'BatchLine',
  type: 'object',
  description: 'One answer of many. It has a body, or an error, or (304) neither.',
  properties: {
    index: { type: 'integer', minimum: 0, description: 'Which of the images asked for, from 0.' },
    status: { type: 'integer', minimum: 200, maximum: 599 },
    headers: { type: 'object', additionalProperties: { type: 'string' } },
    isFinal: { type: 'boolean', description: 'False: the best of what is there; the right one may follow.' },
    body: { type: 'string', description: 'The preview in base64.' },
    error: FAILURE,
  },
  required: ['index', 'status', 'headers', 'isFinal'],
  additionalProperties: false,
};

const WAIT: Parameter = {
  name: 'wait',
  in: 'query',
  description:
    'Milliseconds. What has to be made first is answered at once by the best that is there, and again once it is made, within this ' +
    'time. Without it each is answered once, however long that takes.',
  schema: { type: 'integer', minimum: 0, maximum: MAX_WAIT_MS },
  example: 250,
};

interface AskedImages {
  readonly context: Context;
  readonly wishes: readonly (Wish & { readonly ifNoneMatch?: string })[];
  readonly waitMs: number | undefined;
  readonly as: PicturesReply['as'];
}

/** `POST /getImages?context=&wait=` */
export function getImages(strictFormats: boolean): Route {
  return route<AskedImages>({
    name: 'getImages',
    path: '/getImages',
    takesAnySegments: true,
    verbs: ['POST'],
    opensTo: 'token',
    body: 'json',
    maxJsonBytes: MAX_JSON_BYTES,
    effort: 'reads',
    description: {
      summary: `Up to ${MOST_IMAGES} previews in one answer, those that are stored first`,
      details:
        'A part each of `multipart/mixed`, with the headers that getImage answers with, `Status`, and the number of the image, from 0, in ' +
        '`Content-ID`; or, where `Accept` prefers `application/x-ndjson`, a line each. What fails, fails for itself.',
      parameters: [CONTEXT, WAIT],
      takes: { schema: IMAGES, example: { images: [{ key: 'photo', format: 'auto:200x150' }] } },
      answer: { kind: 'pictures', line: LINE },
      failures: ['invalid-request-format'],
    },
    parse(target, body) {
      checkSegments(target, []);
      const context = parseContext(queryValue(target.url, 'context'));
      const wishes = imagesOf(body).map((image) => wishOf(image, context, strictFormats));
      return { context, wishes, waitMs: waitOf(target), as: prefersLines(target.accept) ? 'lines' : 'parts' };
    },
    scopeOf: ({ context }) => context,
    run: async ({ wishes, waitMs, as }, { previews }) => ({
      kind: 'pictures',
      as,
      items: fulfilled(previews, wishes, waitMs),
      ifNoneMatch: (index) => wishes[index]?.ifNoneMatch,
    }),
  });
}

function imagesOf(body: unknown): readonly unknown[] {
  const images = isObject(body) ? body.images : undefined;
  if (Array.isArray(images) && images.length >= 1 && images.length <= MOST_IMAGES) return images;
  const given = Array.isArray(images) ? `${images.length} of them` : 'none';
  throw new ProofsheetError('broken-upload', `expected "images", an array of 1 to ${MOST_IMAGES}, got ${given}`);
}

/** What is wrong with one is its own answer. */
function wishOf(image: unknown, context: Context, strictFormats: boolean): AskedImages['wishes'][number] {
  try {
    const { key, format, ifNoneMatch } = isObject(image) ? image : {};
    if (typeof key !== 'string' || typeof format !== 'string')
      throw new ProofsheetError('broken-upload', 'expected an image with "key" and "format", both texts');
    return {
      ref: { imageKey: parseImageKey(key), context },
      format: formatOfText(format, strictFormats).format,
      ...(typeof ifNoneMatch === 'string' && { ifNoneMatch }),
    };
  } catch (failed) {
    return { failed };
  }
}

function waitOf({ url }: Target): number | undefined {
  const text = queryValue(url, 'wait');
  if (text === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (ms <= MAX_WAIT_MS) return ms;
  throw new ProofsheetError('invalid-request-format', `expected wait to be 0 to ${MAX_WAIT_MS} ms`);
}

/** Whoever names both without a preference gets parts: they are a quarter smaller. */
function prefersLines(accept = ''): boolean {
  const weights = accept.split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((text) => text.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    return [type, weight === undefined ? 1 : Number(weight.slice(2))] as const;
  });
  const of = (...types: readonly string[]) =>
    Math.max(0, ...weights.filter(([type]) => types.includes(type)).map(([, weight]) => weight || 0));
  return of('application/x-ndjson') > of('multipart/mixed', 'multipart/*');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
