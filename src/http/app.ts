// The Express application: routes from the dialects, one way for every route, one place where failures are answered.
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import helmet from 'helmet';
import { ProofsheetError } from '../kernel/errors.js';
import { DEFAULT_CONTEXT } from '../kernel/image-key.js';
import type { Tenant } from '../kernel/library/tenant.js';
import { type Admission, BEARER_CHALLENGE, UNRESTRICTED } from './access/access.js';
import { createGuard } from './access/admin-guard.js';
import { createCors } from './access/cors.js';
import { isForbiddenSite } from './access/cross-site.js';
import { createFairUse } from './access/fair-use.js';
import { tenantOf } from './access/tenant-access.js';
import { createAnswering } from './answering.js';
import type { Dialect } from './dialects/dialect.js';
import { patternOf, type Question, type Route, type Target, type UseCases } from './dialects/route.js';
import type { Speakers } from './dialects/speakers.js';
import type { EdgeDependencies } from './edge-dependencies.js';
import type { HotLane } from './hot/hot-lane.js';
import { documentsOf } from './openapi/documents.js';
import type { Probes } from './probes.js';
import { ERROR_CODES, failureOf } from './replies/error-map.js';
import { statusPage } from './status/status-page.js';
import { receiveJson } from './uploads/receive-json.js';
import { createUploads } from './uploads/uploads.js';
import { malformedEncoding } from './url-query.js';
import { ERROR_TAKING_MS, hasUnreadBody, sendError } from './wire/error-response.js';
import type { ExchangeLog } from './wire/exchange-log.js';
import { createSender } from './wire/sender.js';
import { ClientGone, limitTaking } from './wire/taking.js';

/** Seconds after which another instance, or this one restarted, is likely to answer. */
const DRAINING_RETRY_SECONDS = 5;

/** Builds the application. `isDraining` is asked for every request. */
export function createApp(
  deps: EdgeDependencies,
  speakers: Speakers,
  exchanges: ExchangeLog,
  { connected, ...probes }: Probes,
  isDraining: () => boolean,
  hotLane?: HotLane,
): Express {
  const { config, dialects, access } = deps;
  const send = createSender(config.sendTimeoutMs);
  const answer = createAnswering({
    ...deps,
    send,
    cacheControl: config.cacheControl,
    ...(hotLane && { hotLane }),
  });
  const use: UseCases = {
    previews: deps.previews,
    ...(deps.refusals && { refusals: deps.refusals }),
    ...(deps.library && { library: deps.library }),
    statusPage: async (withMetrics) =>
      statusPage(await deps.status(), withMetrics ? (await deps.metricsText()).body : undefined),
  };
  const fairUse = createFairUse(config, deps.clock);
  const guard = createGuard(config.admins, fairUse);
  const uploads = createUploads(config, deps.metrics);
  const allVerbs = [...new Set(dialects.flatMap(({ routes }) => routes.flatMap(({ verbs }) => verbs)))];
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', config.trustProxyHops);
  app.enable('case sensitive routing');

  app.use((request, response, next) => {
    const exchange = exchanges.begin(request, response);
    // Before routing, because a path that does not decode never reaches its route.
    const speaker = speakers.of(request.path);
    exchange.operation = speaker?.route ?? exchange.operation;
    for (const [name, value] of speaker?.dialect.headers ?? []) response.setHeader(name, value);
    if (isDraining()) response.setHeader('Connection', 'close');
    next();
  });

  // The server as a whole (RFC 9110, section 9.3.7): no route, because its target is no path.
  app.use((request, response, next) => {
    if (request.url !== '*' || !answersOptions(request, response, allVerbs)) next();
  });

  if (config.corsOrigins.length > 0) app.use(createCors(config.corsOrigins, !access.isOpen));

  if (config.publicMetrics)
    for (const [name, probe] of Object.entries(probes)) app.all(`/${name}`, onlyReading(name, probe));
  // Where the original is probed by its chart, and perhaps by its clients.
  app.all(literalPath(dialects[0].mount), onlyReading('connected', connected));

  const server = {
    version: deps.version,
    isOpen: access.isOpen,
    withProbes: config.publicMetrics,
    probedMount: dialects[0].mount,
  };
  for (const [path, document] of Object.entries(documentsOf(dialects, server)))
    app.all(
      path,
      onlyReading('openapi', async (request, response) => {
        const { status, headers, body } = document(request.headers['if-none-match']);
        await send.bytes(response, exchanges.of(response), status, headers, body);
      }),
    );

  const page = helmet({
    // The page brings its own policy; plain HTTP servers have no say in transport security.
    contentSecurityPolicy: false,
    strictTransportSecurity: false,
  });
  for (const dialect of dialects) {
    for (const route of dialect.routes) {
      const path = `${literalPath(dialect.mount)}${patternOf(route)}`;
      if (route.isPage) app.all(path, page);
      app.all(path, handlerOf(dialect, route));
    }
  }

  app.use((request, _response) => {
    const { mount, routes } = speakers.of(request.path)?.dialect ?? dialects[0];
    throw new ProofsheetError(
      'unknown-operation',
      `expected one of ${routes.map(({ name }) => name).join(', ')} below ${mount}, got something else`,
    );
  });

  const onError: ErrorRequestHandler = (error, _request, response, _next) => {
    const exchange = exchanges.of(response);
    if (error instanceof ClientGone || response.destroyed) {
      response.destroy();
      return;
    }
    // Express throws a URIError with the offending text when a path does not decode; the text is not repeated.
    const failure = failureOf(error instanceof URIError ? malformedEncoding('path') : error);
    if (failure.code === ERROR_CODES['storage-full'].code) deps.onStorageFull?.();
    exchanges.failed(exchange, failure);
    sendError(response, exchange, exchange.renderFailure(failure));
  };
  app.use(onError);
  return app;

  function handlerOf(dialect: Dialect, route: Route): RequestHandler {
    const takesUpload = route.body === 'source';
    return async (request, response) => {
      if (answersOptions(request, response, route.verbs)) return;
      checkVerb(request, response, route.verbs);
      if (isDraining() && route.effort !== 'stays-open') throw stopping();
      if (route.opensTo === 'admin') await guard(request, response);
      if (route.body !== 'none' && isForbiddenSite(request, config.corsOrigins)) throw crossSiteUpload();
      // Who may not ask is told so before a body is read.
      const tenant = route.opensTo === 'tenant' ? admitTenant(route, request, response) : undefined;
      const body = route.body === 'json' ? await receiveJson(request, response, config, route.maxJsonBytes) : undefined;
      const target = targetOf(request);
      const question = route.ask(target, body);
      const admission = admit(dialect, route, target, question, body, request, response);
      for (const [name, value] of question.headers) response.setHeader(name, value);
      if (takesUpload) await checkUpload(route, question, request, response);
      // A body that means nothing here is not waited for: the connection ends with the answer.
      else if (hasUnreadBody(request)) response.setHeader('Connection', 'close');
      const generation = hotLane !== undefined && route.effort === 'reads' ? hotLane.generation() : 0;
      const reply = await question.run(use, {
        receive: () => uploads.receive(request, response),
        tenant() {
          if (tenant === undefined) throw new Error('expected a route that opens to tenants');
          return tenant;
        },
      });
      await answer(reply, {
        request,
        response,
        exchange: exchanges.of(response),
        url: target.url,
        headers: [...(dialect.headers ?? []), ...question.headers],
        urlValidUntilMs: admission.urlValidUntilMs,
        generation,
      });
    };
  }

  /** Whose token it is. Throws `unauthorized` with the challenge set, and `protected-operation-disabled`. */
  function admitTenant({ scope }: Route, request: Request, response: Response): Tenant {
    const given = request.headersDistinct.authorization ?? [];
    try {
      return tenantOf(deps.library?.tenants, given.length === 1 ? given[0] : undefined, scope);
    } catch (error) {
      if (error instanceof ProofsheetError && error.code === 'unauthorized')
        response.setHeader('WWW-Authenticate', BEARER_CHALLENGE);
      throw error;
    }
  }

  /** Whether access is granted, and how. Throws `unauthorized` with the challenge set. */
  function admit(
    { credentialsOf }: Dialect,
    { name, opensTo }: Route,
    { segments, url }: Target,
    { scope }: Question,
    body: unknown,
    request: Request,
    response: Response,
  ): Admission {
    if (access.isOpen || opensTo === 'admin' || opensTo === 'everybody' || opensTo === 'tenant') return UNRESTRICTED;
    const given = request.headersDistinct.authorization ?? [];
    // Of several nobody knows which one a proxy looked at.
    const authorization = credentialsOf?.(request.headers, body) ?? (given.length === 1 ? given[0] : undefined);
    try {
      return access.admit({ opener: opensTo, path: [name, ...segments], url, context: scope, authorization });
    } catch (error) {
      response.setHeader('WWW-Authenticate', BEARER_CHALLENGE);
      throw error;
    }
  }

  /** Refuses an upload before its body is read: limits of its client and context, and work that we are behind with. */
  async function checkUpload(
    { effort }: Route,
    { scope, group }: Question,
    request: Request,
    response: Response,
  ): Promise<void> {
    fairUse.admitUpload(request, response, scope ?? DEFAULT_CONTEXT);
    const strain = deps.strain?.();
    if (strain === undefined) return;
    // What is cached already is answered without a conversion, however far we are behind.
    if (effort === 'makes' && group !== undefined && (await deps.previews.has(group))) return;
    throw strain;
  }

  function onlyReading(name: string, probe: (request: Request, response: Response) => Promise<void>): RequestHandler {
    return async (request, response) => {
      const exchange = exchanges.of(response);
      exchange.operation = name;
      exchange.routine = true;
      if (answersOptions(request, response, ['GET', 'HEAD'])) return;
      checkVerb(request, response, ['GET', 'HEAD']);
      await probe(request, response);
    };
  }
}

function answersOptions(request: Request, response: Response, verbs: readonly string[]): boolean {
  if (request.method !== 'OPTIONS') return false;
  response.statusCode = 204;
  response.setHeader('Allow', [...verbs, 'OPTIONS'].join(', '));
  response.end();
  limitTaking(response, 0, ERROR_TAKING_MS);
  return true;
}

function checkVerb(request: Request, response: Response, verbs: readonly string[]): void {
  if (verbs.includes(request.method)) return;
  response.setHeader('Allow', [...verbs, 'OPTIONS'].join(', '));
  throw new ProofsheetError('verb-not-allowed', `expected ${verbs.join(' or ')}, got another verb`);
}

function crossSiteUpload(): ProofsheetError {
  return new ProofsheetError(
    'protected-operation-disabled',
    'expected an upload that no page of another origin sends, got one of such a page; allow its origin in PROOFSHEET_CORS_ORIGINS',
  );
}

function stopping(): ProofsheetError {
  return new ProofsheetError('overloaded', 'the server is stopping; ask again in a moment', {
    retryAfterSeconds: DRAINING_RETRY_SECONDS,
  });
}

/** The decoded parameters of the path in its order, and the target they came from. */
function targetOf(request: Request): Target {
  const segments: readonly (string | readonly string[])[] = Object.values(request.params);
  const { accept } = request.headers;
  return { segments: segments.flat(), url: request.originalUrl, ...(accept !== undefined && { accept }) };
}

/** A configured path as a route pattern that means exactly itself. */
function literalPath(path: string): string {
  return path.replace(/[{}()[\]+?!:*\\]/g, '\\$&');
}
