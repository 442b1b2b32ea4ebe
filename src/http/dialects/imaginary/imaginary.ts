// imaginary's HTTP API, as document apps call it: one upload in, one picture out. Drawn once and kept, in one decode; docs/IMAGINARY.md
// says what is different.
import type { ErrorName } from '../../../kernel/errors.js';
import type { Context } from '../../../kernel/image-key.js';
import { ERROR_CODES, type Failure, type RenderedFailure } from '../../replies/error-map.js';
import { json } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import type { Parameter, Schema } from '../description.js';
import type { Dialect } from '../dialect.js';
import { type Route, type RouteOf, type RouteRules, route, type Target, type UseCases } from '../route.js';
import { OPERATION_NAMES, REFUSED_OPERATIONS, unsupported } from './operations.js';
import { type AskedPicture, askedOfPipeline, askedOfQuery } from './parse.js';

export interface ImaginarySettings {
  /** In front of its paths; `''` is the root. */
  readonly mount: string;
  /** What its uploads are charged to, and what API tokens have to be for. */
  readonly context: Context;
  readonly version: string;
}

const UPLOADING = {
  verbs: ['POST'],
  opensTo: 'token',
  body: 'source',
  effort: 'makes',
  sourcePart: 'file',
  takesRawSource: true,
  waits: true,
} as const satisfies Partial<RouteRules>;

const READING = { verbs: ['GET', 'HEAD'], opensTo: 'token', body: 'none' } as const satisfies Partial<RouteRules>;

/** Where it has another status than other dialects: 406 is its own, the others are those of its other failures of that kind. */
const STATUSES: Readonly<Partial<Record<ErrorName, number>>> = {
  'source-type-refused': 406,
  'source-undecodable': ERROR_CODES['invalid-request-format'].status,
  'source-limits-exceeded': ERROR_CODES['source-undecodable'].status,
};

const FAILURE: Schema = {
  title: 'ImaginaryFailure',
  type: 'object',
  properties: {
    message: { type: 'string', minLength: 1 },
    status: { type: 'integer' },
    code: { type: 'integer', minimum: 1000, maximum: 9999, description: 'The same failure in all dialects.' },
  },
  required: ['message', 'status', 'code'],
  additionalProperties: false,
};

const OF_PICTURE: readonly Parameter[] = [
  ['width', 'Pixels; 0 is not given.', 'integer', '300'],
  ['height', 'Pixels; 0 is not given.', 'integer', '300'],
  ['type', 'jpeg, png, webp, gif, or auto by `Accept`; without it that of the source.', 'string', 'jpeg'],
  ['quality', '1 to 100; 0 is the default.', 'integer', '80'],
  ['areawidth', 'Of `extract`.', 'integer', '100'],
  ['areaheight', 'Of `extract`.', 'integer', '100'],
  ['rotate', 'Degrees, a multiple of 90.', 'integer', '90'],
  ['sigma', 'Of a blur.', 'number', '2'],
].map(([name = '', description = '', type = '', example = '']) => ({
  name,
  in: 'query',
  description,
  schema: { type },
  example,
}));

const PIPELINE: readonly Parameter[] = [
  {
    name: 'operations',
    in: 'query',
    description:
      'JSON: 1 to 10 of `{operation, params, ignore_failure}`, done one after the other and drawn in one go.',
    schema: { type: 'string' },
    example: '[{"operation":"autorotate"},{"operation":"fit","params":{"width":300,"height":300}}]',
  },
];

export function imaginary(settings: ImaginarySettings): Dialect {
  const { mount, context, version } = settings;
  const scopeOf = (): Context => context;
  const picture = (name: string, parameters: readonly Parameter[], parse: (target: Target) => AskedPicture): Route =>
    route<AskedPicture>({
      ...UPLOADING,
      name,
      path: `/${name}`,
      description: {
        summary: `What ${name} makes of the uploaded picture`,
        details: 'The body is the picture, or a form with a part `file`.',
        parameters,
        answer: { kind: 'picture' },
        failures: ['invalid-request-format', 'unsupported-request'],
      },
      parse,
      scopeOf,
      headersOf: ({ isNegotiated }) => (isNegotiated ? [['Vary', 'Accept']] : []),
      async run({ recipe }, use, call) {
        const drawn = await drawingsOf(use).drawUpload(context, await call.receive(), recipe);
        const { widthPx, heightPx } = drawn.picture;
        const sizes = [['Image-Width', String(widthPx)] as const, ['Image-Height', String(heightPx)] as const];
        return { kind: 'drawn', drawn, headers: sizes };
      },
    });
  return {
    name: 'imaginary',
    mount,
    summary: 'The HTTP API of imaginary, as far as document apps use it.',
    failureSchema: FAILURE,
    routes: [
      ...OPERATION_NAMES.map((name) => picture(name, OF_PICTURE, (target) => askedOfQuery(name, target))),
      picture('pipeline', PIPELINE, askedOfPipeline),
      ...REFUSED_OPERATIONS.filter((name) => name !== 'watermarkImage').map(refused),
      info(context),
      health(scopeOf),
      versions(version, scopeOf),
    ],
    credentialsOf(headers, _body, url) {
      const header = headers['api-key'];
      const key = typeof header === 'string' && header !== '' ? header : queryValue(url, 'key');
      return key === undefined || key === '' ? undefined : `Bearer ${key}`;
    },
    securityScheme: { type: 'apiKey', in: 'header', name: 'API-Key' },
    renderFailure,
  };
}

function renderFailure({ error, status: usual, code, headers }: Failure): RenderedFailure {
  const status = STATUSES[error.code] ?? usual;
  return { status, headers, body: JSON.stringify({ message: error.message.replace(/[\r\n]+/g, ' '), status, code }) };
}

function drawingsOf({ drawings }: UseCases): NonNullable<UseCases['drawings']> {
  if (drawings === undefined) throw unsupported('nothing is drawn on demand here');
  return drawings;
}

function refused(name: string): Route {
  return route({
    ...READING,
    verbs: ['GET', 'HEAD', 'POST'],
    effort: 'stays-open',
    name,
    path: `/${name}`,
    description: {
      summary: `${name} is not offered here, and always refused`,
      answer: { kind: 'json', schema: FAILURE },
      failures: ['unsupported-request'],
    },
    parse() {
      throw unsupported(`${name} is not offered here`);
    },
    run: async () => json({}),
  });
}

function info(context: Context): Route {
  return route({
    ...UPLOADING,
    name: 'info',
    path: '/info',
    description: {
      summary: 'What the header of the uploaded picture says, as it is stored',
      answer: {
        kind: 'json',
        schema: {
          title: 'ImaginaryInfo',
          type: 'object',
          properties: {
            width: { type: 'integer' },
            height: { type: 'integer' },
            type: { type: 'string' },
            space: { type: 'string' },
            hasAlpha: { type: 'boolean' },
            hasProfile: { type: 'boolean' },
            channels: { type: 'integer' },
            orientation: { type: 'integer' },
          },
          required: ['width', 'height', 'type', 'space', 'hasAlpha', 'hasProfile', 'channels', 'orientation'],
        },
      },
    },
    parse: () => undefined,
    scopeOf: () => context,
    async run(_asked, use, call) {
      const { info: facts, metadata } = await drawingsOf(use).inspectUpload(context, await call.receive());
      const isTurned = facts.orientation >= 5;
      return json({
        width: isTurned ? facts.heightPx : facts.widthPx,
        height: isTurned ? facts.widthPx : facts.heightPx,
        type: facts.type,
        space: facts.colorSpace,
        hasAlpha: facts.hasAlpha,
        hasProfile: metadata.Source?.colorProfile !== undefined,
        channels: facts.channels,
        // None and upright are one here.
        orientation: facts.orientation === 1 ? 0 : facts.orientation,
      });
    },
  });
}

function health(scopeOf: RouteOf<undefined>['scopeOf'] & {}): Route {
  return route<undefined>({
    ...READING,
    effort: 'reads',
    name: 'health',
    path: '/health',
    description: {
      summary: 'That it runs, since when, and in how much memory',
      answer: { kind: 'json', schema: { title: 'ImaginaryHealth', type: 'object' } },
    },
    parse: () => undefined,
    scopeOf,
    async run() {
      const { heapUsed, rss } = process.memoryUsage();
      const mebibytes = (bytes: number): number => Math.round((bytes / 2 ** 20) * 100) / 100;
      return json({
        uptime: Math.round(process.uptime()),
        allocatedMemory: mebibytes(heapUsed),
        totalAllocatedMemory: mebibytes(rss),
      });
    },
  });
}

function versions(version: string, scopeOf: RouteOf<undefined>['scopeOf'] & {}): Route {
  return route<undefined>({
    ...READING,
    effort: 'reads',
    name: 'versions',
    path: '/',
    description: {
      summary: 'What answers here, and of which version',
      answer: { kind: 'json', schema: { title: 'ImaginaryVersions', type: 'object' } },
    },
    parse: () => undefined,
    scopeOf,
    run: async () => json({ imaginary: `proofsheet ${version}`, proofsheet: version }),
  });
}
