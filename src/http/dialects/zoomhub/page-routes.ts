// The pages of ZoomHub: a content to look at, to frame, and as a script that other pages load.
import { randomInt } from 'node:crypto';
import { ProofsheetError } from '../../../kernel/errors.js';
import type { JsonReply, PageReply } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import { type Route, route, type UseCases } from '../route.js';
import { scriptRoute } from '../viewer-page.js';
import { contentOf, known, READING, sourceOf, type ZoomHubSettings } from './api-routes.js';
import { Contents, type KnownContent } from './contents.js';
import { OF_EMBED, OF_EMBED_SCRIPT, OF_PAGE_BY_URL, OF_SCRIPT, OF_VIEW } from './descriptions.js';
import { SCRIPT_TYPE, scriptJson } from './jsonp.js';
import { baseOf, dziObject } from './objects.js';
import { BACKGROUNDS, type Background, EMBED_POLICY, shownPage, VIEW_POLICY } from './pages.js';
import { embedScript, VIEW_SCRIPT, type ViewerOptions } from './scripts.js';

/** Other names are none of ours: what stands at the root of the dialect is as likely a slip. */
const FORMS = { id: /[A-Za-z0-9]{1,64}/ };
const SCRIPT = { name: 'zoomhubScript', path: '/scripts/{script}', description: OF_SCRIPT };
const MAX_ELEMENT_CHARACTERS = 100;

export function pageRoutes(settings: ZoomHubSettings): readonly Route[] {
  return [
    scriptRoute(SCRIPT, settings.viewerScript, VIEW_SCRIPT),
    embed(settings),
    embedded(settings),
    view(settings),
    pageByUrl(settings),
  ];
}

function view({ tenant }: ZoomHubSettings): Route {
  return route<{ readonly id: string }>({
    ...READING,
    name: 'zoomhubView',
    path: '/{id}',
    forms: FORMS,
    isPage: true,
    description: OF_VIEW,
    parse: ({ segments: [id = ''] }) => ({ id }),
    async run({ id }, use): Promise<PageReply> {
      const content = await known(Contents.of(use, tenant), id);
      const html = shownPage({ id: content.id, title: titleOf(content), background: 'black', root: './' });
      return { kind: 'page', html, contentSecurityPolicy: VIEW_POLICY };
    },
  });
}

interface AskedEmbed {
  readonly id: string;
  readonly options: ViewerOptions;
  readonly background: Background;
}

function embed({ tenant }: ZoomHubSettings): Route {
  return route<AskedEmbed>({
    ...READING,
    name: 'zoomhubEmbed',
    path: '/{id}/embed',
    forms: FORMS,
    isPage: 'framed',
    description: OF_EMBED,
    parse: ({ segments: [id = ''], url }) => ({ id, ...shownBy(url) }),
    async run({ id, options, background }, use): Promise<PageReply> {
      const content = await known(Contents.of(use, tenant), id);
      const html = shownPage({ id: content.id, title: titleOf(content), background, root: '../', ...options });
      return { kind: 'page', html, contentSecurityPolicy: EMBED_POLICY };
    },
  });
}

interface AskedScript extends AskedEmbed {
  readonly element: string | undefined;
  readonly width: string;
  readonly height: string;
  readonly border: string;
}

function embedded(settings: ZoomHubSettings): Route {
  return route<AskedScript>({
    ...READING,
    name: 'zoomhubEmbedScript',
    path: '/{id}.js',
    forms: FORMS,
    description: OF_EMBED_SCRIPT,
    parse({ segments: [id = ''], url }) {
      const element = queryValue(url, 'id');
      if (element !== undefined && (element === '' || element.length > MAX_ELEMENT_CHARACTERS))
        throw invalid(`an id of 1 to ${MAX_ELEMENT_CHARACTERS} characters`);
      return {
        id,
        ...shownBy(url),
        element,
        width: dimensionOf(url, 'width', 'auto'),
        height: dimensionOf(url, 'height', '200px'),
        border: choiceOf(url, 'border', { none: 'none' }) ?? '1px solid black',
      };
    },
    async run({ id, element, width, height, border, background, options }, use, { origin }): Promise<JsonReply> {
      const contents = Contents.of(use, settings.tenant);
      const base = baseOf(settings, origin);
      const content = await known(contents, id);
      const dzi = await dziObject(base, contents, use, content);
      const style = [
        ...(dzi ? [`aspect-ratio: ${dzi.width} / ${dzi.height}`] : []),
        `background: ${BACKGROUNDS[background]}`,
        `border: ${border}`,
        `color: ${background === 'white' ? '#111' : 'white'}`,
        `height: ${height}`,
        'margin: 0',
        'padding: 0',
        `width: ${width}`,
      ].join('; ');
      const facts = {
        element: element ?? `zoomhub-embed-${String(randomInt(1_000_000)).padStart(6, '0')}`,
        style,
        content: `${base}/v1/content/${content.id}`,
        viewer: `${base}/scripts/openseadragon.js`,
        options,
      };
      return { kind: 'json', text: embedScript(scriptJson(facts)), headers: [['Content-Type', SCRIPT_TYPE]] };
    },
  });
}

/** `/?url=`: leads to the page of the content, which is begun where nobody has asked for it before. */
function pageByUrl(settings: ZoomHubSettings): Route {
  return route<{ readonly url: string | undefined }>({
    ...READING,
    name: 'zoomhubPageByUrl',
    path: '/',
    description: OF_PAGE_BY_URL,
    parse: ({ url }) => ({ url: queryValue(url, 'url') }),
    async run({ url }, use: UseCases, { origin }) {
      const source = sourceOf(url, 'content', settings);
      const { id } = await contentOf(Contents.of(use, settings.tenant), source, settings);
      const location = `${baseOf(settings, origin)}/${id}`;
      return { kind: 'redirect', status: 302, location, text: JSON.stringify({ location }) };
    },
  });
}

function shownBy(url: string): Pick<AskedEmbed, 'options' | 'background'> {
  const fit = choiceOf(url, 'fit', { contain: 'contain', cover: 'cover' } as const);
  const constrain = choiceOf(url, 'constrain', { zoom: 'zoom', full: 'full' } as const);
  const background = choiceOf(url, 'background', { none: 'none', black: 'black', white: 'white' } as const) ?? 'black';
  return { options: { ...(fit && { fit }), ...(constrain && { constrain }) }, background };
}

function choiceOf<V extends string>(url: string, name: string, values: Readonly<Record<string, V>>): V | undefined {
  const given = queryValue(url, name);
  if (given === undefined) return undefined;
  const value = Object.hasOwn(values, given) ? values[given] : undefined;
  if (value === undefined) throw invalid(`a ${name} of ${Object.keys(values).join(', ')}`);
  return value;
}

/** `auto`, `0`, pixels or percent, as CSS writes them. */
function dimensionOf(url: string, name: string, usual: string): string {
  const given = queryValue(url, name) ?? usual;
  if (/^(?:auto|0|\d{1,5}(?:px|%))$/.test(given)) return given;
  throw invalid(`a ${name} of auto, 0, pixels (400px) or percent (50%)`);
}

/** Its URL without what may be a secret. */
function titleOf({ url = '' }: KnownContent): string {
  return (
    url
      .replace(/[?#].*$/s, '')
      .split('/')
      .at(-1) || 'ZoomHub'
  );
}

function invalid(expected: string): ProofsheetError {
  return new ProofsheetError('invalid-request-format', `expected ${expected}, got another`);
}
