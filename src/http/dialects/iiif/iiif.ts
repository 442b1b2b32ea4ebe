// The IIIF Image API in its versions 3.0 and 2.1, level 2 of both, and a Presentation manifest of a picture and its pages:
// `/iiif/3/{id}/...`, `/iiif/2/{id}/...`. An id is an image key of the default context, or `context/key` with its slash encoded; below
// `/iiif/3/assets/{tenant}` it is that of an asset. One that ends in `;page=N` is that of a page.
import { DEFAULT_CONTEXT, parseContext, parseImageKey } from '../../../kernel/image-key.js';
import type { Size } from '../../../kernel/sizes.js';
import {
  type ApiVersion,
  type ImageRequest,
  type ImageRequestText,
  resolveImageRequest,
} from '../../../kernel/zoom/image-request.js';
import { plainFailure } from '../../replies/error-map.js';
import { type JsonReply, shownOf } from '../../replies/reply.js';
import {
  changesUnseen,
  FOR_PAGES_OF_OTHERS,
  namedPage,
  OF_KIND,
  pageRefOf,
  scopeOfZoomed,
  ZOOMED_KINDS,
  type Zoomed,
  type ZoomedKind,
  zoomOf,
} from '../deep-zoom.js';
import type { Dialect } from '../dialect.js';
import { isByRequest, type PublicUrl } from '../public-url.js';
import { READS, type Route, route, type Target } from '../route.js';
import { FAILURE, OF_BASE, OF_IMAGE, OF_INFO, OF_MANIFEST } from './descriptions.js';
import { CONTEXTS, IMAGE_LIMITS, imageInfo, PROFILES } from './info.js';
import { manifestOf, PRESENTATION_CONTEXT } from './manifest.js';

export interface IiifSettings {
  readonly mount: string;
  readonly publicUrl: PublicUrl;
}

const LD = 'application/ld+json';

export function iiif(settings: IiifSettings): Dialect {
  const ofVersion = (version: ApiVersion): readonly Route[] =>
    ZOOMED_KINDS.flatMap((kind) => [
      infoRoute(settings, version, kind),
      imageRoute(settings, version, kind),
      baseRoute(settings, version, kind),
    ]);
  return {
    name: 'iiif',
    mount: settings.mount,
    summary: 'The IIIF Image API, versions 3.0 and 2.1, over cached pictures.',
    failureSchema: FAILURE,
    routes: [...ofVersion(3), ...ofVersion(2), ...ZOOMED_KINDS.map((kind) => manifestRoute(settings, kind))],
    renderFailure: plainFailure,
    headers: FOR_PAGES_OF_OTHERS,
  };
}

const PATHS: Readonly<Record<ZoomedKind, string>> = { key: '/{id}', asset: '/assets/{tenant}/{id}' };

interface AskedPicture {
  readonly zoomed: Zoomed;
  /** The id as it was sent, with what stands before it. */
  readonly id: string;
}

/** Linked data only to who asks for that: browsers show JSON. */
interface AskedInfo extends AskedPicture {
  readonly asLinkedData: boolean;
}

function infoRoute({ mount, publicUrl }: IiifSettings, version: ApiVersion, kind: ZoomedKind): Route {
  const { opensTo, suffix } = OF_KIND[kind];
  return route<AskedInfo>({
    ...READS,
    opensTo,
    name: `iiif${version}Info${suffix}`,
    path: `/${version}${PATHS[kind]}/info.json`,
    description: OF_INFO[version][kind],
    parse: (target) => ({ ...pictureOf(kind, target, mount), asLinkedData: takesLinkedData(target) }),
    scopeOf: scopeOfZoomed,
    async run({ zoomed, id, asLinkedData }, use, { origin }) {
      const { size, tileType, entry } = await zoomOf(use).picture(await pageRefOf(use, zoomed));
      const info = imageInfo(version, `${publicUrl(origin)}${mount}/${version}/${id}`, size, tileType);
      const reply = linkedData(info, CONTEXTS[version], version === 3 || asLinkedData, asLinkedData);
      return { ...reply, shown: shownOf(entry) };
    },
  });
}

interface AskedImage extends AskedPicture {
  readonly text: ImageRequestText;
}

function imageRoute({ mount, publicUrl }: IiifSettings, version: ApiVersion, kind: ZoomedKind): Route {
  const { opensTo, suffix } = OF_KIND[kind];
  return route<AskedImage>({
    ...READS,
    opensTo,
    name: `iiif${version}Image${suffix}`,
    path: `/${version}${PATHS[kind]}/{region}/{size}/{rotation}/{file}`,
    description: OF_IMAGE[version][kind],
    parse(target) {
      const [region = '', size = '', rotation = '', file = ''] = target.segments.slice(-4);
      const dot = file.lastIndexOf('.');
      const [quality, format] = dot < 0 ? [file, ''] : [file.slice(0, dot), file.slice(dot + 1)];
      return { ...pictureOf(kind, target, mount), text: { region, size, rotation, quality, format } };
    },
    scopeOf: scopeOfZoomed,
    async run({ zoomed, id, text }, use, { origin, client }) {
      let canonical = '';
      const resolve = (picture: Size): ImageRequest => {
        const request = resolveImageRequest(version, picture, text, IMAGE_LIMITS);
        canonical = request.canonical;
        return request;
      };
      const choice = await zoomOf(use).region(await pageRefOf(use, zoomed), resolve, client);
      const url = `${publicUrl(origin)}${mount}/${version}/${id}/${canonical}`;
      const links = `<${url}>;rel="canonical", <${PROFILES[version]}>;rel="profile"`;
      // Where the links name the host that was asked, they are for those alone who ask by it.
      const isForThisRequest = changesUnseen(zoomed) || isByRequest(publicUrl);
      return { kind: 'picture', choice, headers: [['Link', links]], isForThisRequest };
    },
  });
}

/** The base of a picture leads to what is told of it. */
function baseRoute({ mount, publicUrl }: IiifSettings, version: ApiVersion, kind: ZoomedKind): Route {
  const { opensTo, suffix } = OF_KIND[kind];
  return route<AskedPicture>({
    ...READS,
    opensTo,
    name: `iiif${version}Base${suffix}`,
    path: `/${version}${PATHS[kind]}`,
    description: OF_BASE[version][kind],
    parse: (target) => pictureOf(kind, target, mount),
    scopeOf: scopeOfZoomed,
    async run({ zoomed, id }, use, { origin }) {
      await zoomOf(use).picture(await pageRefOf(use, zoomed));
      const location = `${publicUrl(origin)}${mount}/${version}/${id}/info.json`;
      return { kind: 'redirect', status: 303, location, text: JSON.stringify({ location }) };
    },
  });
}

function manifestRoute({ mount, publicUrl }: IiifSettings, kind: ZoomedKind): Route {
  const { opensTo, suffix } = OF_KIND[kind];
  return route<AskedInfo>({
    ...READS,
    opensTo,
    name: `iiifManifest${suffix}`,
    path: `/presentation${PATHS[kind]}/manifest.json`,
    description: OF_MANIFEST[kind],
    parse: (target) => ({ ...pictureOf(kind, target, mount), asLinkedData: takesLinkedData(target) }),
    scopeOf: scopeOfZoomed,
    async run({ zoomed, id, asLinkedData }, use, { origin }) {
      const ref = await pageRefOf(use, zoomed);
      const zoom = zoomOf(use);
      // Of an id with a page, that page alone.
      const pictures = ref.page === undefined ? await zoom.pages(ref) : [await zoom.picture(ref)];
      const [first] = pictures;
      const label = first?.entry.group.fileName ?? (zoomed.kind === 'key' ? zoomed.imageKey : zoomed.asset);
      const manifest = manifestOf(
        `${publicUrl(origin)}${mount}`,
        { id, isPage: ref.page !== undefined },
        label,
        pictures,
      );
      const reply = linkedData(manifest, PRESENTATION_CONTEXT, true, asLinkedData);
      return first ? { ...reply, shown: shownOf(first.entry) } : reply;
    },
  });
}

/** `hasProfile`: the media type names the context (version 3; version 2 has none there). */
function linkedData(value: unknown, context: string, hasProfile: boolean, asLinkedData: boolean): JsonReply {
  const type = asLinkedData ? (hasProfile ? `${LD};profile="${context}"` : LD) : 'application/json';
  return {
    kind: 'json',
    text: JSON.stringify(value),
    isKept: true,
    headers: [
      ['Content-Type', type],
      ['Vary', 'Accept'],
    ],
  };
}

function takesLinkedData({ accept = '' }: Target): boolean {
  return accept.includes(LD);
}

/** The first slash of a key's id parts the context from the key. Throws `invalid-image-key`. */
function pictureOf(kind: ZoomedKind, { segments, url }: Target, mount: string): AskedPicture {
  // Below the mount: the version, then the id and what stands before it.
  const parts = (url.slice(mount.length).split('?', 1)[0] ?? '').split('/').slice(2);
  const id = parts.slice(0, kind === 'key' ? 1 : 3).join('/');
  const [tenant = ''] = segments;
  const { name, ...page } = namedPage(segments[kind === 'key' ? 0 : 1] ?? '');
  if (kind === 'asset') return { zoomed: { kind, tenant, asset: name, ...page }, id };
  const slash = name.indexOf('/');
  const ref =
    slash < 0
      ? { context: DEFAULT_CONTEXT, imageKey: parseImageKey(name) }
      : { context: parseContext(name.slice(0, slash)), imageKey: parseImageKey(name.slice(slash + 1)) };
  return { zoomed: { kind, ...ref, ...page }, id };
}
