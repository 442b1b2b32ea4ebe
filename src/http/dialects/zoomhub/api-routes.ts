// The API of ZoomHub: contents and their Deep Zoom Images, by id and by URL, plain and as JSONP; and the few routes beside them.
import { ProofsheetError } from '../../../kernel/errors.js';
import { parseImportId } from '../../../kernel/library/ids.js';
import { type PortRule, parseSourceUrl } from '../../../kernel/source-url.js';
import type { JsonReply } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import { READS, type Route, type RouteRules, route, type Target, type UseCases } from '../route.js';
import { Contents, closed, type KnownContent, type SourceUrl } from './contents.js';
import {
  OF_CONTENT,
  OF_CONTENT_BY_URL,
  OF_DZI,
  OF_DZI_BY_URL,
  OF_HEALTH,
  OF_RESET,
  OF_VERSION,
} from './descriptions.js';
import { emailIn, missingEmail } from './email.js';
import { answered, callbackOf, type Outcome } from './jsonp.js';
import { baseOf, contentObject, dziObject, type Places } from './objects.js';

export interface ZoomHubSettings extends Places {
  /** The id of the tenant whose library holds the contents; without it the dialect is shut. */
  readonly tenant?: string;
  /** Takes URLs that nobody has asked for before; else those are told that it is closed. */
  readonly takesNew: boolean;
  /** Takes files. */
  readonly takesUploads: boolean;
  /** Both need somebody's e-mail address beside them. */
  readonly requiresEmail: boolean;
  readonly permitsPort: PortRule;
  readonly version: string;
  /** The text of OpenSeadragon. */
  readonly viewerScript: () => string;
}

export const READING = { ...READS, opensTo: 'everybody' } as const;

const WRONG_VERB = 'Only GET or HEAD is supported';
const INVALID_URL = 'Please give us the full URL, including ‘http://’ or ‘https://’.';
const TILING_RETRY_SECONDS = 5;
/** What is asked of the API, by id or by URL; a failure of the URL is told in the form that is asked for. */
interface Asked {
  readonly id?: string;
  readonly url?: string;
  readonly email?: string;
  readonly callback: string | undefined;
}

export function apiRoutes(settings: ZoomHubSettings): readonly Route[] {
  return [
    contentById(settings),
    contentByUrl(settings),
    reset(settings),
    dziById(settings),
    dziByUrl(settings),
    text('health', OF_HEALTH, 'up'),
    text('version', OF_VERSION, settings.version),
  ];
}

function contentById(settings: ZoomHubSettings): Route {
  return route<Asked>({
    ...READING,
    name: 'zoomhubContent',
    path: '/v1/content/{id}',
    // That is where files are sent to.
    forms: { id: /(?!upload(?:$|\?))[^/]+/ },
    description: OF_CONTENT,
    parse: byId,
    run: ({ id = '', callback }, use, { origin }) =>
      answered(callback, async () => {
        const contents = Contents.of(use, settings.tenant);
        const content = await known(contents, id);
        return {
          status: 200,
          body: { content: await contentObject(baseOf(settings, origin), contents, use, content) },
        };
      }),
  });
}

function contentByUrl(settings: ZoomHubSettings): Route {
  return route<Asked>({
    ...READING,
    name: 'zoomhubContentByUrl',
    path: '/v1/content',
    wrongVerb: WRONG_VERB,
    description: OF_CONTENT_BY_URL,
    parse: byUrl,
    run: ({ url, email, callback }, use, { origin }) =>
      answered(callback, async () => {
        const source = { ...sourceOf(url, 'content', settings), ...(email !== undefined && { email }) };
        const contents = Contents.of(use, settings.tenant);
        const content = await contentOf(contents, source, settings);
        return moved(baseOf(settings, origin), contents, use, content);
      }),
  });
}

function reset(settings: ZoomHubSettings): Route {
  return route<Asked>({
    verbs: ['PUT'],
    opensTo: 'admin',
    body: 'none',
    effort: 'administers',
    name: 'zoomhubReset',
    path: '/v1/content/{id}/reset',
    description: OF_RESET,
    parse: byId,
    run: ({ id = '', callback }, use, { origin }) =>
      answered(callback, async () => {
        const contents = Contents.of(use, settings.tenant);
        const content = await known(contents, id);
        const importId = parseImportId(content.id);
        if (content.url === undefined || importId === undefined)
          throw new ProofsheetError('invalid-request-format', 'expected a content of a URL, got one that was uploaded');
        const source = sourceOf(content.url, 'content', settings);
        // What is under way begins no second time.
        const begun = content.state.kind === 'under-way' ? content : await contents.begin(source, importId);
        return moved(baseOf(settings, origin), contents, use, begun);
      }),
  });
}

function dziById(settings: ZoomHubSettings): Route {
  return route<Asked>({
    ...READING,
    name: 'zoomhubDzi',
    path: '/v1/dzi/{id}',
    description: OF_DZI,
    parse: byId,
    run: ({ id = '', callback }, use, { origin }) =>
      answered(callback, async () => {
        const contents = Contents.of(use, settings.tenant);
        const content = await known(contents, id);
        const dzi = await dziObject(baseOf(settings, origin), contents, use, content);
        if (dzi === undefined) throw noDzi(content);
        return { status: 301, body: { dzi }, location: dzi.url };
      }),
  });
}

function dziByUrl(settings: ZoomHubSettings): Route {
  return route<Asked>({
    ...READING,
    name: 'zoomhubDziByUrl',
    path: '/v1/dzi',
    wrongVerb: WRONG_VERB,
    description: OF_DZI_BY_URL,
    parse: byUrl,
    run: ({ url, email, callback }, use, { origin }) =>
      answered(callback, async () => {
        const source = { ...sourceOf(url, 'dzi', settings), ...(email !== undefined && { email }) };
        const contents = Contents.of(use, settings.tenant);
        const content = await contentOf(contents, source, settings);
        const base = baseOf(settings, origin);
        const dzi = await dziObject(base, contents, use, content);
        return { status: 301, body: { dzi: dzi ?? null }, location: dzi?.url ?? `${base}/v1/dzi/${content.id}` };
      }),
  });
}

function text(what: 'health' | 'version', description: RouteRules['description'], told: string): Route {
  return route({
    ...READING,
    name: what === 'health' ? 'zoomhubHealth' : 'zoomhubVersion',
    path: `/${what}`,
    description,
    parse: () => undefined,
    run: async (): Promise<JsonReply> => ({
      kind: 'json',
      text: told,
      headers: [['Content-Type', 'text/plain; charset=utf-8']],
    }),
  });
}

function byId({ segments: [id = ''], url }: Target): Asked {
  return { id, callback: callbackOf(url) };
}

function byUrl({ url }: Target): Asked {
  const [given, email] = [queryValue(url, 'url'), emailIn(url)];
  return {
    ...(given !== undefined && { url: given }),
    ...(email !== undefined && { email }),
    callback: callbackOf(url),
  };
}

/** Throws `invalid-request-format`. `what`: the API that is asked, for who has named nothing. */
export function sourceOf(
  given: string | undefined,
  what: 'content' | 'dzi',
  { permitsPort }: Pick<ZoomHubSettings, 'permitsPort'>,
): SourceUrl {
  if (given === undefined)
    throw new ProofsheetError(
      'invalid-request-format',
      `Missing ID or URL. Please provide ID, e.g. \`/v1/${what}/<id>\`, or URL via \`/v1/${what}?url=<url>\` query parameter.`,
    );
  // More than `URL` asks for: two slashes, as the original wants them.
  const url = /^https?:\/\//i.test(given) ? parseSourceUrl(given, permitsPort) : 'scheme';
  if (url === 'port')
    throw new ProofsheetError('invalid-request-format', 'expected a URL with a port that may be asked');
  if (url === 'user-info')
    throw new ProofsheetError('invalid-request-format', 'expected a URL without user name and password');
  if (typeof url === 'string') throw new ProofsheetError('invalid-request-format', INVALID_URL);
  return { sent: given, href: url.href };
}

/** The content of a URL, which is begun where nobody has asked for it before. Throws `overloaded` where that is closed. */
export async function contentOf(
  contents: Contents,
  source: SourceUrl,
  { takesNew, requiresEmail }: Pick<ZoomHubSettings, 'takesNew' | 'requiresEmail'>,
): Promise<KnownContent> {
  const id = contents.idOf(source);
  const found = await contents.find(id);
  if (found) return found;
  if (!takesNew) throw closed();
  if (requiresEmail && source.email === undefined) throw missingEmail('beside the URL of new content');
  return contents.begin(source, id);
}

/** Throws `unknown-image-key`. */
export async function known(contents: Contents, id: string): Promise<KnownContent> {
  const content = await contents.find(id);
  if (content === undefined) throw unknown(id);
  return content;
}

async function moved(base: string, contents: Contents, use: UseCases, content: KnownContent): Promise<Outcome> {
  const shown = await contentObject(base, contents, use, content);
  return { status: 301, body: { content: shown }, location: `${base}/v1/content/${content.id}` };
}

function noDzi({ id, state }: KnownContent): ProofsheetError {
  if (state.kind === 'failed') return new ProofsheetError('unknown-image-key', `Content could not be processed: ${id}`);
  return new ProofsheetError('unknown-image-key', `Content is not ready yet: ${id}`, {
    retryAfterSeconds: TILING_RETRY_SECONDS,
  });
}

/** Only what could be an id is told back. */
export function unknown(id: string): ProofsheetError {
  return new ProofsheetError('unknown-image-key', `No content with ID: ${/^[\w-]{1,64}$/.test(id) ? id : '?'}`);
}
