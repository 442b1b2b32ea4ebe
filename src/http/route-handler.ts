// The one way of every route from a request to its answer: verb, who may, parsed once to a question, limits, run, written.
import type { Request, RequestHandler, Response } from 'express';
import { ProofsheetError } from '../kernel/errors.js';
import { DEFAULT_CONTEXT } from '../kernel/image-key.js';
import type { Tenant } from '../kernel/library/tenant.js';
import type { Tenants } from '../kernel/ports/tenants.js';
import { type Access, type Admission, BEARER_CHALLENGE, UNRESTRICTED } from './access/access.js';
import { createGuard } from './access/admin-guard.js';
import { isForbiddenSite } from './access/cross-site.js';
import { createFairUse, type FairUse } from './access/fair-use.js';
import { tenantOf } from './access/tenant-access.js';
import type { Answering } from './answering.js';
import type { Dialect } from './dialects/dialect.js';
import type { Question, Route, Target, UseCases } from './dialects/route.js';
import type { EdgeDependencies } from './edge-dependencies.js';
import type { HotLane } from './hot/hot-lane.js';
import { JsonBodies, type JsonHold, receiveJson } from './uploads/receive-json.js';
import { createUploads } from './uploads/uploads.js';
import { hasUnreadBody } from './wire/error-response.js';
import type { ExchangeLog } from './wire/exchange-log.js';
import { answersOptions, checkVerb } from './wire/verbs.js';

/** Seconds after which another instance, or this one restarted, is likely to answer. */
const DRAINING_RETRY_SECONDS = 5;

export interface RouteDependencies
  extends Pick<EdgeDependencies, 'access' | 'clock' | 'config' | 'library' | 'metrics' | 'previews' | 'strain'> {
  readonly exchanges: ExchangeLog;
  /** What routes are run with. */
  readonly use: UseCases;
  readonly answer: Answering;
  readonly isDraining: () => boolean;
  readonly hotLane: HotLane | undefined;
}

/** Gives each route its handler. What it throws is for the application's error handler. */
export function createRouteHandlers(deps: RouteDependencies): (dialect: Dialect, route: Route) => RequestHandler {
  const { access, config, exchanges, hotLane, isDraining } = deps;
  const fairUse = createFairUse(config, deps.clock);
  const guard = createGuard(config.admins, fairUse);
  const uploads = createUploads(config, deps.metrics);
  const jsonBodies = new JsonBodies();

  return (dialect, route) => async (request, response) => {
    if (answersOptions(request, response, route.verbs)) return;
    checkVerb(request, response, route.verbs);
    if (isDraining() && route.effort !== 'stays-open') throw stopping();
    if (route.opensTo === 'admin') await guard(request, response);
    if (route.body !== 'none' && isForbiddenSite(request, config.corsOrigins)) throw crossSiteUpload();
    // Who may not ask is told so before a body is read.
    const tenant =
      route.opensTo === 'tenant' ? admitTenant(deps.library?.tenants, route, request, response) : undefined;
    const body =
      route.body === 'json'
        ? await receiveJson(request, response, config, holdOf(jsonBodies, response), route.maxJsonBytes)
        : undefined;
    const target = targetOf(request);
    const question = route.ask(target, body);
    const admission = admit(access, dialect, route, target, question, body, request, response);
    for (const [name, value] of question.headers) response.setHeader(name, value);
    if (route.body === 'source') await checkUpload(deps, fairUse, route, question, request, response);
    // A body that means nothing here is not waited for: the connection ends with the answer.
    else if (hasUnreadBody(request)) response.setHeader('Connection', 'close');
    const generation = hotLane !== undefined && route.effort === 'reads' ? hotLane.generation() : 0;
    const reply = await question.run(deps.use, {
      receive: () => uploads.receive(request, response, route),
      seesPrivateTags() {
        if (config.metadata === 'safe' || access.isOpen) return config.metadata === 'full';
        // The same signed URL tells its holder less than a token.
        response.vary('Authorization');
        return admission.urlValidUntilMs === undefined;
      },
      tenant() {
        if (tenant === undefined) throw new Error('expected a route that opens to tenants');
        return tenant;
      },
    });
    await deps.answer(reply, {
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

/** The one `Authorization` header; of several nobody knows which one a proxy looked at, so that they are none. */
function authorizationOf({ headersDistinct }: Request): string | undefined {
  const given = headersDistinct.authorization ?? [];
  return given.length === 1 ? given[0] : undefined;
}

/** A body counts to what all requests hold until its answer has ended. */
function holdOf(bodies: JsonBodies, response: Response): JsonHold {
  const hold = bodies.enter();
  if (response.closed) hold.leave();
  else response.once('close', hold.leave);
  return hold;
}

/** Whose token it is. Throws `unauthorized` with the challenge set, and `protected-operation-disabled`. */
function admitTenant(tenants: Tenants | undefined, { scope }: Route, request: Request, response: Response): Tenant {
  try {
    return tenantOf(tenants, authorizationOf(request), scope);
  } catch (error) {
    if (error instanceof ProofsheetError && error.code === 'unauthorized')
      response.setHeader('WWW-Authenticate', BEARER_CHALLENGE);
    throw error;
  }
}

/** Whether access is granted, and how. Throws `unauthorized` with the challenge set. */
function admit(
  access: Access,
  { credentialsOf }: Dialect,
  { name, opensTo }: Route,
  { segments, url }: Target,
  { scope }: Question,
  body: unknown,
  request: Request,
  response: Response,
): Admission {
  if (access.isOpen || opensTo === 'admin' || opensTo === 'everybody' || opensTo === 'tenant') return UNRESTRICTED;
  const authorization = credentialsOf?.(request.headers, body, url) ?? authorizationOf(request);
  try {
    return access.admit({ opener: opensTo, path: [name, ...segments], url, context: scope, authorization });
  } catch (error) {
    response.setHeader('WWW-Authenticate', BEARER_CHALLENGE);
    throw error;
  }
}

/** Refuses an upload before its body is read: limits of its client and context, and work that we are behind with. */
async function checkUpload(
  { previews, strain: strainNow }: RouteDependencies,
  fairUse: FairUse,
  { effort, waits = false }: Route,
  { scope, group }: Question,
  request: Request,
  response: Response,
): Promise<void> {
  fairUse.admitUpload(request, response, scope ?? DEFAULT_CONTEXT);
  const strain = waits ? undefined : strainNow?.();
  if (strain === undefined) return;
  // What is cached already is answered without a conversion, however far we are behind.
  if (effort === 'makes' && group !== undefined && (await previews.has(group))) return;
  throw strain;
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
