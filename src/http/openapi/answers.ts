// What a route answers where all goes well, in a document's words: the statuses and headers that follow from the kind of reply.
import { SOURCE_MEDIA } from '../../kernel/source-media.js';
import type { AnswerDescription, Schema } from '../dialects/description.js';
import type { Route } from '../dialects/route.js';
import { PROTOCOL_ERRORS } from '../replies/error-map.js';
import { PROTOCOL_ERROR_MEANINGS } from '../replies/error-meanings.js';
import { MEDIA_TYPES } from '../replies/image-response.js';
import type { Components } from './components.js';
import type { Operation } from './openapi-types.js';

type OtherAnswer = Exclude<AnswerDescription, { readonly kind: 'picture' | 'original' | 'both' | 'json' }>;
type Responses = Operation['responses'];
type Headers = Readonly<Record<string, { readonly description: string; readonly schema: Schema }>>;

const TEXT: Schema = { type: 'string' };
const ETAG: Headers = { ETag: { description: 'A strong entity tag.', schema: { type: 'string', pattern: '^".+"$' } } };
const KEPT: Headers = { ...ETAG, 'Cache-Control': { description: 'As the server is configured.', schema: TEXT } };
const MATCH: Headers = {
  'X-Proofsheet-Match': {
    description: 'Which preview answered: `exact`, `larger` or `smaller`, its target format and its size.',
    schema: { type: 'string', pattern: '^(?:exact|larger|smaller); format="[^"]+"; size=[0-9]+x[0-9]+$' },
  },
};
const DATED: Headers = { 'Last-Modified': { description: 'When the image was stored.', schema: TEXT } };
const PICTURE: Headers = {
  ...KEPT,
  ...MATCH,
  ...DATED,
  'Repr-Digest': {
    description: 'The SHA-256 of the preview (RFC 9530).',
    schema: { type: 'string', pattern: '^sha-256=:[A-Za-z0-9+/]{43}=:$' },
  },
};
const DRAWN: Headers = {
  ...ETAG,
  'Cache-Control': { description: '`no-store` unless the server is configured otherwise.', schema: TEXT },
};
const PART: Headers = {
  'Content-Range': { description: 'Which bytes these are.', schema: { type: 'string', pattern: '^bytes ' } },
};
const LOCATION: Headers = { Location: { description: 'Where it is.', schema: { type: 'string', minLength: 1 } } };

const OUT_OF_RANGE = PROTOCOL_ERRORS['range-not-satisfiable'];

const BYTES: Schema = { type: 'string', contentMediaType: 'application/octet-stream' };
const PICTURES = Object.fromEntries(Object.values(MEDIA_TYPES).map((type) => [type, { schema: BYTES }]));
const ORIGINALS = Object.fromEntries(
  Object.values(SOURCE_MEDIA).map(({ mediaType }) => [mediaType, { schema: BYTES }]),
);

/** By status; without bodies to HEAD. */
export function answersOf({ description, verbs, effort }: Route, verb: string, components: Components): Responses {
  const isReading = verbs.includes('GET');
  const others = Object.entries(description.otherAnswers ?? {}).map(([status, types]) => [
    status,
    {
      description: 'What was asked for, in another form.',
      content: Object.fromEntries(types.map((type) => [type, { schema: {} }])),
    },
  ]);
  const answers: Responses = { ...statusesOf(), ...Object.fromEntries(others) };
  if (verb !== 'HEAD') return answers;
  return Object.fromEntries(Object.entries(answers).map(([status, { content: _none, ...others }]) => [status, others]));

  function imageAnswers(
    what: string,
    headers: Headers,
    content: Readonly<Record<string, { readonly schema: Schema }>>,
  ): Responses {
    return {
      200: { description: what, headers, content },
      ...(isReading && {
        206: {
          description: 'The part of it that `Range` asks for.',
          headers: { ...headers, ...PART },
          content,
        },
        304: {
          description: 'It is what `If-None-Match` or `If-Modified-Since` names.',
          headers: Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'Repr-Digest')),
        },
        [OUT_OF_RANGE.status]: {
          description: `\`${OUT_OF_RANGE.code} range-not-satisfiable\`: ${PROTOCOL_ERROR_MEANINGS['range-not-satisfiable']}.`,
          headers: PART,
          content: { 'application/json': { schema: components.schema(PROTOCOL_FAILURE) } },
        },
      }),
    };
  }

  function statusesOf(): Responses {
    const { answer } = description;
    switch (answer.kind) {
      case 'picture':
        return imageAnswers('The preview.', PICTURE, PICTURES);
      case 'original':
        return imageAnswers('The image.', { ...KEPT, ...DATED }, ORIGINALS);
      case 'both':
        return {
          200: {
            description: 'A part `image` with the preview, and a part `metadata`.',
            headers: { ...KEPT, ...MATCH },
            content: {
              'multipart/form-data': {
                schema: {
                  type: 'object',
                  properties: { image: BYTES, metadata: components.schema(answer.metadata) },
                  required: ['image', 'metadata'],
                },
              },
            },
          },
          ...(isReading && {
            304: { description: 'It is what `If-None-Match` names.', headers: { ...KEPT, ...MATCH } },
          }),
        };
      case 'json':
        return {
          [answer.status ?? 200]: {
            description: 'Done, or what was asked for.',
            ...(answer.isKept === true && { headers: KEPT }),
            content: { 'application/json': { schema: components.schema(answer.schema) } },
          },
          ...(answer.isKept === true &&
            isReading && { 304: { description: 'It is what `If-None-Match` names.', headers: KEPT } }),
        };
      default:
        // Not made for HEAD, it has no tag.
        if (verb === 'HEAD' && effort === 'draws') return { 200: { description: 'The picture.', content: PICTURES } };
        return otherAnswersOf(answer, components);
    }
  }
}

/** Of kinds that know no conditions. */
function otherAnswersOf(answer: OtherAnswer, components: Components): Responses {
  switch (answer.kind) {
    case 'listing':
      return {
        200: {
          description: 'The list, streamed.',
          content: { 'application/json': { schema: components.schema(answer.schema) } },
        },
      };
    case 'drawn':
      return { 200: { description: 'The picture.', headers: DRAWN, content: PICTURES } };
    case 'pictures':
      return {
        200: {
          description: 'The previews as they come, each with its status and its headers.',
          content: {
            'application/x-ndjson': { schema: components.schema(answer.line) },
            'multipart/mixed': { schema: {} },
          },
        },
      };
    case 'redirect':
      return {
        [answer.status]: {
          description: 'Look there.',
          headers: LOCATION,
          ...(answer.hasText === true && { content: { 'application/json': { schema: {} } } }),
        },
      };
    case 'text':
      return {
        200: {
          description: 'What was asked for.',
          ...(answer.isPassing !== true && { headers: KEPT }),
          content: Object.fromEntries(answer.mediaTypes.map((type) => [type, { schema: {} }])),
        },
        ...(answer.isPassing !== true && {
          304: { description: 'It is what `If-None-Match` names.', headers: KEPT },
        }),
      };
    case 'nothing':
      return { 200: { description: 'It is taken.', headers: ETAG } };
    case 'refusal':
      return {};
    case 'page':
      return { 200: { description: 'A page for people.', content: { 'text/html': { schema: TEXT } } } };
  }
}

/** Failures of HTTP itself are told alike, whatever the dialect. */
const PROTOCOL_FAILURE: Schema = {
  title: 'ProtocolFailure',
  type: 'object',
  description: 'A failure of HTTP itself, below any operation.',
  properties: { code: { type: 'integer', minimum: 4000, maximum: 4999 }, message: { type: 'string', minLength: 1 } },
  required: ['code', 'message'],
};
