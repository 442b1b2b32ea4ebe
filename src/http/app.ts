// The Express application: routes from the registry, one way for every operation, one place where failures are answered.
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import helmet from 'helmet';
import { ProofsheetError } from '../kernel/errors.js';
import { type Admission, BEARER_CHALLENGE, createAccess, UNRESTRICTED } from './access.js';
import { createGuard } from './auth.js';
import { createCors } from './cors.js';
import { isForbiddenSite } from './cross-site.js';
import type { EdgeDependencies } from './edge-dependencies.js';
import { errorAnswer } from './error-map.js';
import { ERROR_TAKING_MS, hasUnreadBody, sendError } from './error-response.js';
import type { ExchangeLog } from './exchange.js';
import { createFairUse } from './fair-use.js';
import { createProbes } from './health.js';
import type { Operation, OperationContext } from './ops/operation.js';
import { OPERATIONS } from './ops/registry.js';
import { checkSegments, groupRefOf, narrowingContextOf, type Target } from './parameters.js';
import { createSender } from './send.js';
import { ClientGone, limitTaking } from './taking.js';
import { createUploads } from './uploads.js';

/** Seconds after which another instance, or this one restarted, is likely to answer. */
const DRAINING_RETRY_SECONDS = 5;

/** What at least one operation answers to. */
const ALL_VERBS = [...new Set<string>(Object.values(OPERATIONS).flatMap(({ verbs }) => verbs))];

/** Builds the application. `isDraining` is asked for every request. */
export function createApp(deps: EdgeDependencies, exchanges: ExchangeLog, isDraining: () => boolean): Express {
  const { config } = deps;
  const send = createSender(config.sendTimeoutMs);
  const context: OperationContext = { ...deps, send };
  const fairUse = createFairUse(config, deps.clock);
  const guard = createGuard(config.admins, fairUse);
  const access = createAccess(config.apiTokens, config.urlKeys, deps.clock);
  const uploads = createUploads(config, deps.metrics);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', config.trustProxyHops);
  app.enable('case sensitive routing');

  app.use((request, response, next) => {
    const exchange = exchanges.begin(request, response);
    // Before routing, because a path that does not decode never reaches its route.
    exchange.operation = operationOf(request.path, config.basePath) ?? exchange.operation;
    if (isDraining()) response.setHeader('Connection', 'close');
    next();
  });

  // The server as a whole (RFC 9110, section 9.3.7): no route, because its target is no path.
  app.use((request, response, next) => {
    if (request.url !== '*' || !answersOptions(request, response, ALL_VERBS)) next();
  });

  if (config.corsOrigins.length > 0) app.use(createCors(config.corsOrigins, !access.isOpen));

  const { connected, ...probes } = createProbes({ ...deps, exchanges, send, isDraining });
  for (const [name, probe] of Object.entries(probes)) app.all(`/${name}`, onlyReading(name, probe));
  // Where the original is probed by its chart, and perhaps by its clients.
  app.all(literalPath(config.basePath), onlyReading('connected', connected));

  const page = helmet({
    // The page brings its own policy; plain HTTP servers have no say in transport security.
    contentSecurityPolicy: false,
    strictTransportSecurity: false,
  });
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const path = `${literalPath(config.basePath)}/${name}{/*segments}`;
    if (name === 'status') app.use(`${literalPath(config.basePath)}/${name}`, page);
    app.all(path, handlerOf(name, operation));
  }

  app.use((_request, _response) => {
    throw new ProofsheetError(
      'unknown-operation',
      `expected one of ${Object.keys(OPERATIONS).join(', ')} below ${config.basePath}, got something else`,
    );
  });

  const onError: ErrorRequestHandler = (error, _request, response, _next) => {
    const exchange = exchanges.of(response);
    if (error instanceof ClientGone || response.destroyed) {
      response.destroy();
      return;
    }
    const answer = errorAnswer(error, config.strictErrors && exchange.operation in OPERATIONS);
    exchanges.failed(exchange, answer);
    sendError(response, exchange, answer);
  };
  app.use(onError);
  return app;

  function handlerOf(name: string, operation: Operation): RequestHandler {
    return async (request, response) => {
      const exchange = exchanges.of(response);
      if (answersOptions(request, response, operation.verbs)) return;
      checkVerb(request, response, operation.verbs);
      if (isDraining() && !operation.answersWhileDraining) throw stopping();
      if (operation.isProtected) await guard(request, response);
      if (operation.takesUpload && isForbiddenSite(request, config.corsOrigins)) throw crossSiteUpload();
      const target = { segments: segmentsOf(request), url: request.originalUrl };
      checkSegments(target, operation.segments);
      const admission = admit(name, operation, target, request, response);
      if (operation.takesUpload) await checkUpload(operation, target, request, response);
      // A body that means nothing here is not waited for: the connection ends with the answer.
      if (!operation.takesUpload && hasUnreadBody(request)) response.setHeader('Connection', 'close');
      await operation.run(
        {
          ...target,
          request,
          response,
          exchange,
          urlValidUntilMs: admission.urlValidUntilMs,
          receive: () => uploads.receive(request, response),
        },
        context,
      );
    };
  }

  /** Whether access is granted, to what context, and how. Throws `unauthorized` with the challenge set. */
  function admit(name: string, operation: Operation, target: Target, request: Request, response: Response): Admission {
    if (access.isOpen || operation.opener === 'nothing') return UNRESTRICTED;
    const context = operation.segments.length > 0 ? groupRefOf(target).context : narrowingContextOf(target);
    const given = request.headersDistinct.authorization ?? [];
    try {
      return access.admit({
        opener: operation.opener,
        path: [name, ...target.segments],
        url: target.url,
        context,
        // Of several nobody knows which one a proxy looked at.
        authorization: given.length === 1 ? given[0] : undefined,
      });
    } catch (error) {
      response.setHeader('WWW-Authenticate', BEARER_CHALLENGE);
      throw error;
    }
  }

  /** Refuses an upload before its body is read: limits of its client and context, and work that we are behind with. */
  async function checkUpload(
    operation: Operation,
    target: Target,
    request: Request,
    response: Response,
  ): Promise<void> {
    const ref = groupRefOf(target);
    fairUse.admitUpload(request, response, ref.context);
    const strain = deps.strain?.();
    // What is cached already is answered without a conversion, however far we are behind.
    if (strain === undefined || (!operation.overwrites && (await deps.previews.has(ref)))) return;
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

/** The decoded segments behind the operation's name; none for a trailing slash. */
function segmentsOf(request: Request): readonly string[] {
  const segments: unknown = request.params.segments;
  return Array.isArray(segments) ? segments : [];
}

/** The operation that a path names, if any. */
function operationOf(path: string, basePath: string): string | undefined {
  if (!path.startsWith(`${basePath}/`)) return undefined;
  const name = path.slice(basePath.length + 1).split('/', 1)[0] ?? '';
  return Object.hasOwn(OPERATIONS, name) ? name : undefined;
}

/** A configured path as a route pattern that means exactly itself. */
function literalPath(path: string): string {
  return path.replace(/[{}()[\]+?!:*\\]/g, '\\$&');
}
