// The one way of every route from a request to its answer: verb, who may, parsed once to a question, limits, run, written.
import type { Request, RequestHandler, Response } from 'express';
import type { Digest } from '../kernel/digest.js';
import { ProofsheetError } from '../kernel/errors.js';
import { DEFAULT_CONTEXT } from '../kernel/image-key.js';
import type { Tenant } from '../kernel/library/tenant.js';
import type { Tenants } from '../kernel/ports/tenants.js';
import { type Shown, SURROGATE_HEADERS, surrogateKeysOf } from '../kernel/takedown/surrogate-keys.js';
import { type Access, type Admission, BEARER_CHALLENGE, UNRESTRICTED } from './access/access.js';
import { createGuard } from './access/admin-guard.js';
import { clientOf } from './access/client-address.js';
import { allowReading } from './access/cors.js';
import { isForbiddenSite } from './access/cross-site.js';
import { createFairUse, type FairUse } from './access/fair-use.js';
import { recognisedBy, tenantOf } from './access/tenant-access.js';
import type { Answering } from './answering.js';
import type { Dialect } from './dialects/dialect.js';
import type { Question, Route, Target, UseCases, Verb } from './dialects/route.js';
import type { EdgeDependencies } from './edge-dependencies.js';
import type { HotLane } from './hot/hot-lane.js';
import type { HeaderPairs } from './replies/headers.js';
import { shownBy } from './replies/reply.js';
import { JsonBodies, type JsonHold, receiveJson } from './uploads/receive-json.js';
import { namedDigests } from './uploads/upload-digest.js';
import { createUploads } from './uploads/uploads.js';
import { hasUnreadBody } from './wire/error-response.js';
import type { ExchangeLog } from './wire/exchange-log.js';
import { awaitsContinue } from './wire/expectation.js';
import { writeHeaders } from './wire/sender.js';
import { answersOptions, checkVerb } from './wire/verbs.js';

/** Seconds after which another instance, or this one restarted, is likely to answer. */
const DRAINING_RETRY_SECONDS = 5;
/** A name or an address, perhaps with a port: nothing that could end the place where it is written. */
const HOST = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

export interface RouteDependencies
  extends Pick<
    EdgeDependencies,
    'access' | 'clock' | 'config' | 'library' | 'metrics' | 'previews' | 'protecting' | 'strain'
  > {
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
  const protecting = deps.protecting ?? (() => config);
  const fairUse = createFairUse(protecting, deps.clock);
  const guard = createGuard(() => protecting().admins, fairUse);
  const uploads = createUploads(config, deps.metrics);
  // Strangers cannot take the place of those who have shown who they are.
  const jsonBodies = { admins: new JsonBodies(), tenants: new JsonBodies(), others: new JsonBodies() };

  return (dialect, route) => async (request, response) => {
    if (request.method === 'OPTIONS') allowReading(response);
    if (answersOptions(request, response, route.verbs)) return;
    checkVerb(request, response, route.verbs, route.wrongVerb);
    if (isDraining() && route.effort !== 'stays-open') throw stopping();
    if (route.opensTo === 'admin') await guard(request, response);
    if (route.body !== 'none' && isForbiddenSite(request, config.corsOrigins)) throw crossSiteUpload();
    // Who may not ask is told so before a body is read.
    const tenant =
      route.opensTo === 'tenant' ? admitTenant(deps.library?.tenants, dialect, route, request, response) : undefined;
    let body: unknown;
    if (route.body === 'json' && !(route.isBodyLoose && !hasUnreadBody(request))) {
      checkPresented(access, dialect, route, request, response);
      const hold = (): JsonHold => {
        if (route.opensTo === 'admin') return jsonBodies.admins.enter('');
        return tenant ? jsonBodies.tenants.enter(tenant.id) : jsonBodies.others.enter(clientOf(request.ip));
      };
      body = await receiveJson(request, response, config, untilClosed(hold(), response), route);
    }
    const target = targetOf(request);
    const question = route.ask(target, body);
    const { keys } = access;
    const admission = admit(access, dialect, route, target, question, body, request, response);
    const surrogates = (shown: Shown | undefined): HeaderPairs => surrogateHeaders(config, route, request, shown);
    // A refusal may be kept as well, and tells of its group what is known by then.
    writeHeaders(response, [...question.headers, ...surrogates(question.group && { group: question.group })]);
    if (route.body === 'source') await checkUpload(deps, fairUse, route, question, request, response);
    // A body that means nothing here is not waited for: the connection ends with the answer.
    else if (hasUnreadBody(request)) response.setHeader('Connection', 'close');
    if (route.effort === 'draws' && request.method !== 'HEAD') checkDrawing(deps, fairUse, request, response);
    const generation = hotLane !== undefined && route.effort === 'reads' ? hotLane.generation() : 0;
    const reply = await question.run(deps.use, {
      verb: request.method as Verb,
      receive: (maxBytes) =>
        uploads.receive(request, response, { ...route, ...(maxBytes !== undefined && { maxBytes }) }),
      namedSource: () => namedSourceOf(request),
      isWaiting: () => isWaiting(request),
      sourceTag: () => sourceTagOf(request),
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
      origin: originOf(request),
      client: clientOf(request.ip),
    });
    // An upload that turned out not to be needed.
    if (hasUnreadBody(request)) response.setHeader('Connection', 'close');
    const shown = surrogates(shownBy(reply) ?? (question.group && { group: question.group }));
    writeHeaders(response, shown);
    await deps.answer(reply, {
      request,
      response,
      exchange: exchanges.of(response),
      url: target.url,
      headers: [...(dialect.headers ?? []), ...question.headers, ...shown],
      urlValidUntilMs: admission.urlValidUntilMs,
      isStillAdmitted: () => access.keys === keys,
      generation,
    });
  };
}

/** By which a CDN in front is told what to purge: of what it may keep. */
function surrogateHeaders(
  { surrogateKeys: name }: Pick<EdgeDependencies['config'], 'surrogateKeys'>,
  { effort }: Route,
  { method }: Request,
  shown: Shown | undefined,
): HeaderPairs {
  if (name === undefined || shown === undefined || (method !== 'GET' && method !== 'HEAD')) return [];
  if (effort === 'administers' || effort === 'stays-open') return [];
  return [[name, surrogateKeysOf(shown).join(SURROGATE_HEADERS[name])]];
}

/** Answered before it sends its body, it sends none. By the headers alone: how much has arrived by now is chance. */
function isWaiting(request: Request): boolean {
  const { headers } = request;
  const announcesBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  return !announcesBody || awaitsContinue(request);
}

/** Opaque, and bounded; of several nobody knows which one counts. */
function sourceTagOf({ headersDistinct }: Request): string | undefined {
  const given = headersDistinct['x-proofsheet-source'];
  if (given === undefined) return undefined;
  const [tag = '', ...others] = given;
  if (others.length === 0 && /^[\x21-\x7e]{1,256}$/.test(tag)) return tag;
  throw new ProofsheetError(
    'invalid-request-format',
    'expected one X-Proofsheet-Source of 1 to 256 visible ASCII characters without spaces, got something else',
  );
}

/** The source of a request that sends none, or not yet. */
function namedSourceOf(request: Request): Digest | undefined {
  if (!isWaiting(request)) return undefined;
  const [named, ...others] = namedDigests(request.headers);
  return others.every((other) => other === named) ? named : undefined;
}

/** The one `Authorization` header; of several nobody knows which one a proxy looked at, so that they are none. */
function authorizationOf({ headersDistinct }: Request): string | undefined {
  const given = headersDistinct.authorization ?? [];
  return given.length === 1 ? given[0] : undefined;
}

/** A body counts to what all requests hold until its answer has ended. */
function untilClosed(hold: JsonHold, response: Response): JsonHold {
  if (response.closed) hold.leave();
  else response.once('close', hold.leave);
  return hold;
}

/** Whose token it is. Throws `unauthorized` with the challenge set, and `protected-operation-disabled`. */
function admitTenant(
  tenants: Tenants | undefined,
  dialect: Dialect,
  route: Route,
  request: Request,
  response: Response,
): Tenant {
  const { headers, originalUrl, method } = request;
  try {
    if (dialect.admitTenant === undefined) return tenantOf(tenants, authorizationOf(request), route.scope);
    const given = authorizationOf(request);
    const isOne = given !== undefined || headers.authorization === undefined;
    const authorization = isOne ? (dialect.credentialsOf?.(headers, undefined, originalUrl) ?? given) : undefined;
    const recognised = recognisedBy(tenants, authorization);
    dialect.admitTenant(recognised, { route, verb: method as Verb, headers });
    return recognised.tenant;
  } catch (error) {
    if (error instanceof ProofsheetError && error.code === 'unauthorized')
      response.setHeader('WWW-Authenticate', BEARER_CHALLENGE);
    throw error;
  }
}

/** Before a body is read, where what opens is not in it. Throws `unauthorized` with the challenge set. */
function checkPresented(
  access: Access,
  { credentialsOf }: Dialect,
  { opensTo }: Route,
  request: Request,
  response: Response,
): void {
  if (credentialsOf !== undefined || (opensTo !== 'token' && opensTo !== 'token-or-signature')) return;
  challenging(response, () =>
    access.checkPresented({ opener: opensTo, url: request.originalUrl, authorization: authorizationOf(request) }),
  );
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
  return challenging(response, () =>
    access.admit({ opener: opensTo, path: [name, ...segments], url, context: scope, authorization }),
  );
}

function challenging<T>(response: Response, check: () => T): T {
  try {
    return check();
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

/** Refuses a picture of what is stored as an upload would be: nothing was sent for it, so nobody is kept from asking for many. */
function checkDrawing(
  { strain: strainNow }: RouteDependencies,
  fairUse: FairUse,
  request: Request,
  response: Response,
): void {
  fairUse.admitDrawing(request, response);
  const strain = strainNow?.();
  if (strain) throw strain;
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
  return {
    segments: segments.flat(),
    url: request.originalUrl,
    ...(accept !== undefined && { accept }),
  };
}

/** Never by X-Forwarded-Host, whoever sends it: caches on the way keep answers by Host, so that one client's lie would be told to others. */
function originOf({ headers: { host }, protocol }: Request): string | undefined {
  return host !== undefined && HOST.test(host) ? `${protocol}://${host}` : undefined;
}
