// The Express application: what holds for every request, the routes from the dialects, one place where failures are answered.
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import helmet from 'helmet';
import { ProofsheetError, wantsRoom } from '../kernel/errors.js';
import { createCors } from './access/cors.js';
import { createAnswering } from './answering.js';
import { patternOf, takesPath, type UseCases } from './dialects/route.js';
import type { Speakers } from './dialects/speakers.js';
import type { EdgeDependencies } from './edge-dependencies.js';
import type { HotLane } from './hot/hot-lane.js';
import { documentsOf } from './openapi/documents.js';
import type { Probe, Probes } from './probes.js';
import { SERVER } from './replies/asked.js';
import { failureOf } from './replies/error-map.js';
import { createRouteHandlers } from './route-handler.js';
import { statusPage } from './status/status-page.js';
import { malformedEncoding } from './url-query.js';
import { sendError } from './wire/error-response.js';
import type { ExchangeLog } from './wire/exchange-log.js';
import { createSender } from './wire/sender.js';
import { ClientGone } from './wire/taking.js';
import { answersOptions, checkVerb } from './wire/verbs.js';

/** Builds the application. `isDraining` is asked for every request. */
export function createApp(
  deps: EdgeDependencies,
  speakers: Speakers,
  exchanges: ExchangeLog,
  probes: Probes,
  isDraining: () => boolean,
  hotLane?: HotLane,
): Express {
  const { config, dialects, access } = deps;
  const allVerbs = [...new Set(dialects.flatMap(({ routes }) => routes.flatMap(({ verbs }) => verbs)))];
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('trust proxy', config.trustProxyHops);
  app.enable('case sensitive routing');

  app.use(beginning(speakers, exchanges, isDraining));
  // The server as a whole (RFC 9110, section 9.3.7): no route, because its target is no path.
  app.use((request, response, next) => {
    if (request.url !== '*' || !answersOptions(request, response, allVerbs)) next();
  });
  if (config.corsOrigins.length > 0)
    app.use(createCors(config.corsOrigins, () => !access.isOpen || deps.library !== undefined));

  addReadings(app, deps, exchanges, probes);
  addRoutes(app, deps, exchanges, isDraining, hotLane);
  app.use((request, _response) => {
    const { mount, routes } = speakers.of(request.path)?.dialect ?? dialects[0];
    throw new ProofsheetError(
      'unknown-operation',
      `expected one of ${routes.map(({ name }) => name).join(', ')} below ${mount}, got something else`,
    );
  });
  app.use(failing(exchanges, deps.onStorageFull));
  return app;
}

/** Begins the exchange of every request, before routing: a path that does not decode never reaches its route. */
function beginning(speakers: Speakers, exchanges: ExchangeLog, isDraining: () => boolean): RequestHandler {
  return (request, response, next) => {
    const { span } = exchanges.begin(request, response);
    for (const [name, value] of speakers.of(request.path)?.dialect.headers ?? []) response.setHeader(name, value);
    if (isDraining()) response.setHeader('Connection', 'close');
    if (span) span.run(next);
    else next();
  };
}

/** What is read beside the dialects: the probes, and the documents of the API. */
function addReadings(
  app: Express,
  { config, dialects, access, version }: EdgeDependencies,
  exchanges: ExchangeLog,
  { connected, ...probes }: Probes,
): void {
  const add = (path: string, name: string, answer: Probe) => app.route(path).all(onlyReading(exchanges, name, answer));
  if (config.publicMetrics) for (const [name, probe] of Object.entries(probes)) add(`/${name}`, name, probe);
  // Where the original is probed by its chart, and perhaps by its clients.
  const probedMount = dialects[0].mount;
  // A route of the dialect that stands there too has what is asked with a query.
  const isFree = !dialects[0].routes.some(({ path }) => path === '/');
  const probe = onlyReading(exchanges, 'connected', connected);
  app
    .route(literalPath(probedMount))
    .all((request, response, next) => (isFree || !request.url.includes('?') ? probe(request, response, next) : next()));

  const send = createSender(config.sendTimeoutMs);
  const documentsWhere = (isOpen: boolean) =>
    documentsOf(dialects, { version, isOpen, withProbes: config.publicMetrics, probedMount });
  const restricted = documentsWhere(false);
  for (const [path, open] of Object.entries(documentsWhere(true)))
    add(path, 'openapi', async (request, response) => {
      const document = access.isOpen ? open : (restricted[path] ?? open);
      const { status, headers, body } = document(request.headers['if-none-match']);
      await send.bytes(response, exchanges.of(response), status, headers, body);
    });
}

function onlyReading(exchanges: ExchangeLog, name: string, answer: Probe): RequestHandler {
  return async (request, response) => {
    const exchange = exchanges.of(response);
    exchange.asked = { dialect: SERVER, operation: name };
    exchange.routine = true;
    if (answersOptions(request, response, ['GET', 'HEAD'])) return;
    checkVerb(request, response, ['GET', 'HEAD']);
    await answer(request, response);
  };
}

/** Every route of every dialect. */
function addRoutes(
  app: Express,
  deps: EdgeDependencies,
  exchanges: ExchangeLog,
  isDraining: () => boolean,
  hotLane: HotLane | undefined,
): void {
  const { config, dialects } = deps;
  const send = createSender(config.sendTimeoutMs);
  const answer = createAnswering({
    ...deps,
    send,
    cacheControl: config.cacheControl,
    onFailedPart: exchanges.failedPart,
    ...(hotLane && { hotLane }),
  });
  const handlerOf = createRouteHandlers({ ...deps, exchanges, use: useCasesOf(deps), answer, isDraining, hotLane });
  const page = helmet({
    // The page brings its own policy; plain HTTP servers have no say in transport security.
    contentSecurityPolicy: false,
    strictTransportSecurity: false,
  });
  const framed = helmet({
    ...{ contentSecurityPolicy: false, strictTransportSecurity: false },
    // Its own policy says who may frame it: everybody.
    ...{ frameguard: false, crossOriginResourcePolicy: { policy: 'cross-origin' } },
  });
  // As `speakers` has it: what is mounted below another is not that one's, whoever stands first.
  for (const dialect of dialects.toSorted((a, b) => b.mount.length - a.mount.length)) {
    for (const route of dialect.routes) {
      // One step for all verbs: `app.all` makes one for each of the 35 that Node knows, in every route.
      const steps = app.route(`${literalPath(dialect.mount)}${patternOf(route)}`);
      if (route.isPage) steps.all(route.isPage === 'framed' ? framed : page);
      const handler = handlerOf(dialect, route);
      steps.all((request, response, next) =>
        takesPath(route, request.path.slice(dialect.mount.length)) ? handler(request, response, next) : next(),
      );
    }
  }
}

function useCasesOf({
  previews,
  drawings,
  exact,
  variants,
  zoom,
  refusals,
  library,
  operators,
  takedown,
  reconcile,
  status,
  metricsText,
}: EdgeDependencies): UseCases {
  return {
    previews,
    ...(drawings && { drawings }),
    ...(exact && { exact }),
    ...(variants && { variants }),
    ...(refusals && { refusals }),
    ...(library && { library }),
    ...(zoom && { zoom }),
    ...(operators && { operators }),
    ...(takedown && { takedown }),
    ...(reconcile && { reconcile }),
    statusPage: async (withMetrics) => statusPage(await status(), withMetrics ? (await metricsText()).body : undefined),
  };
}

/** Answers what anything before it has thrown. */
function failing(exchanges: ExchangeLog, onStorageFull: EdgeDependencies['onStorageFull']): ErrorRequestHandler {
  return (error, _request, response, _next) => {
    const exchange = exchanges.of(response);
    if (error instanceof ClientGone || response.destroyed) {
      response.destroy();
      return;
    }
    // Express throws a URIError with the offending text when a path does not decode; the text is not repeated.
    const failure = failureOf(error instanceof URIError ? malformedEncoding('path') : error);
    if (wantsRoom(error)) onStorageFull?.();
    exchanges.failed(exchange, failure);
    sendError(response, exchange, exchange.renderFailure(failure));
  };
}

/** A configured path as a route pattern that means exactly itself. */
function literalPath(path: string): string {
  return path.replace(/[{}()[\]+?!:*\\]/g, '\\$&');
}
