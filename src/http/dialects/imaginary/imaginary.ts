// imaginary's HTTP API, as document apps call it: one upload in, one picture out. Drawn once and kept, in one decode; docs/NEXTCLOUD.md
// says what is different.
import { type ErrorName, ProofsheetError } from '../../../kernel/errors.js';
import type { Context } from '../../../kernel/image-key.js';
import type { DrawnSource } from '../../../kernel/ports/derivatives.js';
import type { Drawings, DrawnPicture, Upload } from '../../../previews/answers.js';
import { ERROR_CODES, type Failure, failureOf, type RenderedFailure } from '../../replies/error-map.js';
import type { HeaderPairs } from '../../replies/headers.js';
import { type DrawnReply, json, type Reply } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import type { Parameter, Schema } from '../description.js';
import type { Dialect } from '../dialect.js';
import { type Call, type Route, type RouteOf, type RouteRules, route, type Target, type UseCases } from '../route.js';
import { OPERATION_NAMES, REFUSED_OPERATIONS, unsupported } from './operations.js';
import { type AskedPicture, askedOfQuery, pipelineParser, placeholderOf } from './parse.js';
import { fetched, type RemoteSettings, sourceUrlOf, WithStatus } from './remote.js';
import { checkSign } from './signature.js';

export interface ImaginarySettings {
  /** In front of its paths; `''` is the root. */
  readonly mount: string;
  /** What its uploads are charged to, and what API tokens have to be for. */
  readonly context: Context;
  readonly version: string;
  /** Where GETs have their pictures from; absent: nothing is fetched. */
  readonly remote?: RemoteSettings;
  /** Every picture has to be signed with it; asked for every one, so that it can be replaced. Absent or `undefined`: none has. */
  readonly signKey?: () => string | undefined;
  /** Of pictures that answer a GET. */
  readonly cacheTtlSeconds?: number;
  /** A picture for whoever cannot have another by GET. */
  readonly placeholder?: Buffer;
}

const UPLOADING = {
  verbs: ['POST'],
  opensTo: 'token',
  body: 'source',
  effort: 'makes',
  sourcePart: 'file',
  takesRawSource: true,
  holdsSource: true,
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
  example: type === 'string' ? example : Number(example),
}));

const SOURCE_NAME: Parameter = {
  name: 'X-Proofsheet-Source',
  in: 'header',
  description: 'A name for the source: 1 to 256 visible ASCII characters. What is known by it needs no body.',
  schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,256}$' },
  example: 'photo-1',
};

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
  const { mount, context, version, remote } = settings;
  const scopeOf = (): Context => context;
  const checkSigned = ({ url }: Target): void => {
    const signKey = settings.signKey?.();
    if (signKey !== undefined) checkSign(url, mount, signKey);
  };
  const picture = (name: string, parameters: readonly Parameter[], parse: (target: Target) => AskedPicture): Route =>
    route<AskedPicture & { readonly target: string }>({
      ...UPLOADING,
      verbs: verbsOf(remote),
      name,
      path: `/${name}`,
      description: {
        summary: `What ${name} makes of the uploaded picture`,
        details:
          'The body is the picture, or a form with a part `file`. `X-Proofsheet-Source` names it, within the context of the key: what is known by that ' +
          'name is answered without a body, or before one that `Expect: 100-continue` announces is sent.',
        parameters: [...parameters, SOURCE_NAME],
        isUploadOptional: true,
        answer: { kind: 'drawn' },
        failures: ['invalid-request-format', 'unsupported-request'],
      },
      parse(target) {
        checkSigned(target);
        return { ...parse(target), target: target.url };
      },
      scopeOf,
      headersOf: ({ isNegotiated }) => (isNegotiated ? [['Vary', 'Accept']] : []),
      run: (asked, use, call) =>
        call.verb === 'POST' || remote === undefined
          ? uploaded(context, asked, drawingsOf(use), call)
          : named(settings, asked, drawingsOf(use), remote),
    });
  return {
    name: 'imaginary',
    mount,
    summary: 'The HTTP API of imaginary, as far as document apps use it.',
    failureSchema: FAILURE,
    routes: [
      ...OPERATION_NAMES.map((name) => picture(name, OF_PICTURE, (target) => askedOfQuery(name, target))),
      picture('pipeline', PIPELINE, pipelineParser()),
      ...REFUSED_OPERATIONS.filter((name) => name !== 'watermarkImage').map(refused),
      info(settings, checkSigned),
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

function verbsOf(remote: RemoteSettings | undefined): RouteRules['verbs'] {
  return remote ? ['POST', 'GET', 'HEAD'] : ['POST'];
}

function renderFailure({ error, status: usual, code, headers }: Failure): RenderedFailure {
  const status = error instanceof WithStatus ? error.status : (STATUSES[error.code] ?? usual);
  return { status, headers, body: JSON.stringify({ message: error.message.replace(/[\r\n]+/g, ' '), status, code }) };
}

/** Of a body, or of one that was sent before by the name that it is given. */
async function uploaded(context: Context, { recipe }: AskedPicture, drawings: Drawings, call: Call): Promise<Reply> {
  const tag = call.sourceTag();
  const atHand = tag && call.isWaiting() ? await drawings.drawnOfTag(context, tag, recipe) : undefined;
  return picked(atHand ?? (await drawings.drawUpload(context, await tagged(call, tag), recipe, { waits: true })));
}

/** Of a URL, or what stands for it where it cannot be had. */
async function named(
  { context, cacheTtlSeconds = 0, placeholder }: ImaginarySettings,
  { recipe, target }: AskedPicture & { readonly target: string },
  drawings: Drawings,
  remote: RemoteSettings,
): Promise<Reply> {
  try {
    const upload = await fetched(sourceUrlOf(target, remote), remote);
    const drawn = await drawings.drawUpload(context, upload, recipe, { waits: true, counts: {} });
    return { ...picked(drawn, controlOf(cacheTtlSeconds)), shown: { context, content: upload.digest } };
  } catch (error) {
    if (placeholder === undefined || !(error instanceof ProofsheetError)) throw error;
    const { status, body } = renderFailure(failureOf(error));
    const drawn = await drawings.drawBytes(context, placeholder, placeholderOf(recipe, target), {
      counts: {},
    });
    return { ...picked(drawn, [['Error', body.replace(/[^\x20-\x7e]/g, '?')]]), status };
  }
}

/** What caches may keep of an answer to a GET. */
function controlOf(ttlSeconds: number): HeaderPairs {
  const control =
    ttlSeconds === 0
      ? 'private, no-cache, no-store, must-revalidate'
      : `public, s-maxage=${ttlSeconds}, max-age=${ttlSeconds}, no-transform`;
  return [['Cache-Control', control]];
}

function picked(drawn: DrawnPicture, headers: HeaderPairs = []): DrawnReply {
  const { widthPx, heightPx } = drawn.picture;
  const sizes: HeaderPairs = [
    ['Image-Width', String(widthPx)],
    ['Image-Height', String(heightPx)],
  ];
  return { kind: 'drawn', drawn, headers: [...sizes, ...headers] };
}

function drawingsOf({ drawings }: UseCases): NonNullable<UseCases['drawings']> {
  if (drawings === undefined) throw unsupported('nothing is drawn on demand here');
  return drawings;
}

async function tagged(call: Call, tag: string | undefined): Promise<Upload> {
  const upload = await call.receive();
  return tag === undefined ? upload : { ...upload, tag };
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
      answer: { kind: 'refusal' },
      failures: ['unsupported-request'],
    },
    parse() {
      throw unsupported(`${name} is not offered here`);
    },
    run: async () => json({}),
  });
}

function info({ context, remote, cacheTtlSeconds }: ImaginarySettings, checkSigned: (target: Target) => void): Route {
  return route<{ readonly target: string }>({
    ...UPLOADING,
    verbs: verbsOf(remote),
    name: 'info',
    path: '/info',
    description: {
      summary: 'What the header of the uploaded picture says, as it is stored',
      parameters: [SOURCE_NAME],
      isUploadOptional: true,
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
    parse(target) {
      checkSigned(target);
      return { target: target.url };
    },
    scopeOf: () => context,
    async run({ target }, use, call) {
      const drawings = drawingsOf(use);
      if (call.verb !== 'POST' && remote !== undefined) {
        const upload = await fetched(sourceUrlOf(target, remote), remote);
        const known = await drawings.inspectUpload(context, upload, { counts: {} });
        return { ...told(known), headers: controlOf(cacheTtlSeconds ?? 0), shown: { context, content: upload.digest } };
      }
      const tag = call.sourceTag();
      const atHand = tag && call.isWaiting() ? await drawings.knownOfTag(context, tag) : undefined;
      return told(atHand ?? (await drawings.inspectUpload(context, await tagged(call, tag))));
    },
  });
}

function told({ info, metadata }: DrawnSource) {
  const isTurned = info.orientation >= 5;
  return json({
    width: isTurned ? info.heightPx : info.widthPx,
    height: isTurned ? info.widthPx : info.heightPx,
    type: info.type,
    space: info.colorSpace,
    hasAlpha: info.hasAlpha,
    hasProfile: metadata.Source?.colorProfile !== undefined,
    channels: info.channels,
    // None and upright are one here.
    orientation: info.orientation === 1 ? 0 : info.orientation,
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
