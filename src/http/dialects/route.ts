// What a route is to the edge: verbs, path, what opens it, and the two functions that are its own: from a request to what is
// asked, and from what is asked to a reply. Neither sees Express, a request or a response.
import type { Digest } from '../../kernel/digest.js';
import type { Context, GroupRef } from '../../kernel/image-key.js';
import type { Tenant } from '../../kernel/library/tenant.js';
import type { Refusals } from '../../kernel/ports/refusals.js';
import type { LibraryUse } from '../../library/answers.js';
import type { Drawings, ExactPictures, Previews, Upload, Variants } from '../../previews/answers.js';
import type { Operators } from '../../previews/operators.js';
import type { Reconcile } from '../../previews/reconcile/reconcile-service.js';
import type { Takedown } from '../../previews/takedown/answers.js';
import type { Zoom } from '../../previews/zoom/answers.js';
import type { HeaderPairs } from '../replies/headers.js';
import type { Reply } from '../replies/reply.js';
import type { RouteDescription } from './description.js';

export type Verb = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/** What a request says in its target: the decoded parameters of the path, and the whole as it was sent. */
export interface Target {
  /** In the order of the path: one for each `{name}`, or as many as there are. */
  readonly segments: readonly string[];
  /** Path and query as sent. */
  readonly url: string;
  /** The media types that the client takes, as it says it (`Accept`). */
  readonly accept?: string;
}

/** What routes answer from. */
export interface UseCases {
  readonly previews: Previews;
  /** Absent where nothing is drawn on demand. */
  readonly drawings?: Drawings;
  /** Beside `drawings`. */
  readonly exact?: ExactPictures;
  /** Absent where types are not negotiated. */
  readonly variants?: Variants;
  /** Absent only where a test leaves it out. */
  readonly zoom?: Zoom;
  /** The negative cache; absent where it is off. */
  readonly refusals?: Refusals;
  /** Absent where no tenants are configured: then every dialect of the library is shut. */
  readonly library?: LibraryUse;
  /** Absent only where a test leaves it out. */
  readonly operators?: Operators;
  /** Absent only where a test leaves it out. */
  readonly takedown?: Takedown;
  readonly reconcile?: Reconcile;
  /** The page that tells a person how the server is doing. */
  readonly statusPage: (
    withMetrics: boolean,
  ) => Promise<{ readonly html: string; readonly contentSecurityPolicy: string }>;
}

/** One request on its way through a route. */
export interface Call {
  readonly verb: Verb;
  /**
   * Reads the upload; whoever calls it hands the file on to a use case, which owns it from then on. `maxBytes`: where it may have
   * fewer than any other.
   */
  receive(maxBytes?: number): Promise<Upload>;
  /**
   * The source that a request names by its digest without sending it: it has no body, or waits for being told to send it
   * (`Expect: 100-continue`). Throws `digest-mismatch` for a malformed one.
   */
  namedSource(): Digest | undefined;
  /** Whether the upload is not on its way: the client sends none, or waits for being told to (`Expect: 100-continue`). An answer saves it. */
  isWaiting(): boolean;
  /** What the client calls its source (`X-Proofsheet-Source`). Throws `invalid-request-format` for what is no name. */
  sourceTag(): string | undefined;
  /** Whether who asks may be told everything of a source, and not only what is safe to tell anybody. */
  seesPrivateTags(): boolean;
  /** Who asks, of a route that opens to tenants. */
  tenant(): Tenant;
  /** Scheme and host by which it asks, as it says them: for URLs in its own answer, never for what others are told. */
  readonly origin: string | undefined;
  /** Which client asks, as far as limits care: an address, or the network of one. */
  readonly client: string;
}

/** What everybody has to know of a route before anything is asked. */
export interface RouteRules {
  /** Unique within its dialect; a label of metrics, so it comes from a closed set. */
  readonly name: string;
  /** Verbs it answers to, as `Allow` lists them. OPTIONS is answered for it. */
  readonly verbs: readonly Verb[];
  /** Below the dialect's mount, as documents show it: `/content/{id}`, `/files/{+path}` for several segments. Begins with a literal one, or its dialect has no other. */
  readonly path: string;
  /** What stands for a name of the path has to match as a whole, by name: another path is none of the route's. */
  readonly forms?: Readonly<Record<string, RegExp>>;
  /** What a request with another verb is told, where its clients know a text of their own. */
  readonly wrongVerb?: string;
  /** Whatever stands behind that literal segment is the route's to take or refuse: too little and too much as well. */
  readonly takesAnySegments?: boolean;
  /**
   * What opens it where API tokens or signed URLs are configured; `admin`: an admin's login, whatever is configured; `tenant`: the
   * token of a tenant, and without tenants nobody's.
   */
  readonly opensTo: 'everybody' | 'token' | 'token-or-signature' | 'admin' | 'tenant';
  /** What the tenant's token has to be for; any without it. */
  readonly scope?: string;
  /** What its requests carry: nothing, a source (received when `run` asks for it), or JSON (received before `parse`). */
  readonly body: 'none' | 'source' | 'json';
  /** The part of a form that is the source, where it is not `sourceImage`. */
  readonly sourcePart?: string;
  /** A body that is no form is the source itself, whatever its Content-Type. */
  readonly takesRawSource?: boolean;
  /** What becomes of its uploads can do without a file: small ones are handed on as bytes. */
  readonly takesContent?: boolean;
  /** Its uploads are mostly known already: what is received may stay in memory until that is seen. Its use case releases what is held. */
  readonly holdsSource?: boolean;
  /** The body is the source itself, whatever its Content-Type. */
  readonly takesBytes?: boolean;
  /** Of a body of JSON: none is taken too, and so is a form (`application/x-www-form-urlencoded`), as an object of texts. */
  readonly isBodyLoose?: boolean;
  /** Its clients would rather wait than be refused: work that we are behind with does not keep an upload out. */
  readonly waits?: boolean;
  /** Largest body of JSON in bytes, where the usual 64 KiB do not do. */
  readonly maxJsonBytes?: number;
  /**
   * `reads`: what is stored. `draws`: makes a picture of what is stored, with nothing uploaded. `makes`: converts its upload, unless
   * the group exists. `makes-anew`: even then. `administers`: lists and clears. `stays-open`: starts no work, so it is answered while
   * the server drains.
   */
  readonly effort: 'reads' | 'draws' | 'makes' | 'makes-anew' | 'administers' | 'stays-open';
  /** Answers with pages for browsers, which get the headers that protect them; `framed`: pages of others may show them in a frame. */
  readonly isPage?: boolean | 'framed';
  /** What documents and clients are told of it. */
  readonly description: RouteDescription;
}

/** A route that is only read: it has no body, and starts no work that anybody would wait for. */
export const READS = {
  verbs: ['GET', 'HEAD'],
  body: 'none',
  effort: 'reads',
} as const satisfies Partial<RouteRules>;

/** A route with what is its own; `Asked` is what its requests ask for, checked. */
export interface RouteOf<Asked> extends RouteRules {
  /** Called once a request. Throws the failure of a request that asks for nothing we know; never anything else. */
  parse(target: Target, body: unknown): Asked;
  /** Whose context is asked for, `undefined` for all together: what a token has to be for, and whose quota it counts to. */
  scopeOf?(asked: Asked): Context | undefined;
  /** The group an upload is for: where it exists, nothing has to be made, however far we are behind. */
  groupOf?(asked: Asked): GroupRef | undefined;
  /** Headers of whatever is answered, failures too. */
  headersOf?(asked: Asked): HeaderPairs;
  run(asked: Asked, use: UseCases, call: Call): Promise<Reply>;
}

/** One request, parsed: what the edge has to know of it, and its answer. */
export interface Question {
  readonly scope: Context | undefined;
  readonly group: GroupRef | undefined;
  readonly headers: HeaderPairs;
  run(use: UseCases, call: Call): Promise<Reply>;
}

/** A route whose `Asked` is its own business, so that routes of all kinds stand in one list. */
export interface Route extends RouteRules {
  ask(target: Target, body: unknown): Question;
}

export function route<Asked>(rules: RouteOf<Asked>): Route {
  const {
    name,
    verbs,
    path,
    takesAnySegments = false,
    opensTo,
    scope,
    body,
    maxJsonBytes,
    sourcePart,
    takesRawSource,
    takesContent,
    holdsSource,
    takesBytes,
    isBodyLoose,
    waits,
    effort,
    description,
  } = rules;
  return {
    ...{ name, verbs, path, takesAnySegments, opensTo, body, effort, isPage: rules.isPage ?? false, description },
    ...(scope !== undefined && { scope }),
    ...(maxJsonBytes !== undefined && { maxJsonBytes }),
    ...(sourcePart !== undefined && { sourcePart }),
    ...(rules.forms && { forms: rules.forms }),
    ...(rules.wrongVerb !== undefined && { wrongVerb: rules.wrongVerb }),
    ...(takesRawSource && { takesRawSource }),
    ...(takesContent && { takesContent }),
    ...(holdsSource && { holdsSource }),
    ...(takesBytes && { takesBytes }),
    ...(isBodyLoose && { isBodyLoose }),
    ...(waits && { waits }),
    ask(target, given) {
      const asked = rules.parse(target, given);
      return {
        scope: rules.scopeOf?.(asked),
        group: rules.groupOf?.(asked),
        headers: rules.headersOf?.(asked) ?? [],
        run: (use, call) => rules.run(asked, use, call),
      };
    },
  };
}

/** The literal segment that a route's path begins with. */
export function literalOf({ path }: RouteRules): string {
  return /^\/([^/{]*)/.exec(path)?.[1] ?? '';
}

/** A route's path in Express' words. */
export function patternOf(rules: RouteRules): string {
  return rules.takesAnySegments
    ? `/${literalOf(rules)}{/*segments}`
    : rules.path.replace(/\{\+(\w+)\}/g, '*$1').replace(/\{(\w+)\}/g, ':$1');
}

/** Which encoded paths below the mount are a route's, whatever stands for its names. */
export function expressionOf(rules: RouteRules): RegExp {
  if (rules.takesAnySegments) return new RegExp(`^/${literalOf(rules)}(?:/|$)`);
  const pattern = rules.path.replace(/\{\+\w+\}|\{\w+\}|[^{}]+/g, (part) =>
    part.startsWith('{+')
      ? '.+'
      : part.startsWith('{')
        ? formOf(rules, part.slice(1, -1))
        : part.replace(/[.*+?^$()|[\]\\]/g, '\\$&'),
  );
  return new RegExp(`^${pattern.replace(/\/$/, '')}/?$`);
}

/** Whether the encoded path, below the mount, is the route's where its names have forms. */
export function takesPath(rules: RouteRules, below: string): boolean {
  return rules.forms === undefined || expressionOf(rules).test(below);
}

function formOf({ forms = {} }: RouteRules, name: string): string {
  return Object.hasOwn(forms, name) ? `(?:${forms[name]?.source})` : '[^/]+';
}
