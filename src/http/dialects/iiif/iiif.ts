// The IIIF Image API in its versions 3.0 and 2.1, level 2 of both, and a Presentation manifest of one picture: `/iiif/3/{id}/...`,
// `/iiif/2/{id}/...`. An id is an image key of the default context, or `context/key` with its slash encoded.
import { ProofsheetError } from '../../../kernel/errors.js';
import { DEFAULT_CONTEXT, type GroupRef, parseContext, parseImageKey } from '../../../kernel/image-key.js';
import { type ApiVersion, type ImageRequestText, resolveImageRequest } from '../../../kernel/zoom/image-request.js';
import type { Zoom } from '../../../previews/zoom/answers.js';
import { plainFailure } from '../../replies/error-map.js';
import type { JsonReply } from '../../replies/reply.js';
import type { Dialect } from '../dialect.js';
import { type Route, type RouteRules, route, type Target, type UseCases } from '../route.js';
import { FAILURE, OF_BASE, OF_IMAGE, OF_INFO, OF_MANIFEST } from './descriptions.js';
import { CONTEXTS, IMAGE_LIMITS, imageInfo, PROFILES } from './info.js';
import { manifestOf, PRESENTATION_CONTEXT } from './manifest.js';

export interface IiifSettings {
  readonly mount: string;
  /** Base of absolute URLs, without a slash at the end. */
  readonly publicUrl: () => string;
}

const READING = {
  verbs: ['GET', 'HEAD'],
  opensTo: 'token-or-signature',
  body: 'none',
  effort: 'reads',
} as const satisfies Partial<RouteRules>;

const LD = 'application/ld+json';

export function iiif(settings: IiifSettings): Dialect {
  const ofVersion = (version: ApiVersion): readonly Route[] => [
    infoRoute(settings, version),
    imageRoute(settings, version),
    baseRoute(settings, version),
  ];
  return {
    name: 'iiif',
    mount: settings.mount,
    summary: 'The IIIF Image API, versions 3.0 and 2.1, over cached pictures.',
    failureSchema: FAILURE,
    routes: [...ofVersion(3), ...ofVersion(2), manifestRoute(settings)],
    renderFailure: plainFailure,
    headers: [['Access-Control-Allow-Origin', '*']],
  };
}

interface AskedPicture {
  readonly ref: GroupRef;
  /** The id as it was sent. */
  readonly id: string;
}

/** Linked data only to who asks for that: browsers show JSON. */
interface AskedInfo extends AskedPicture {
  readonly asLinkedData: boolean;
}

function infoRoute({ mount, publicUrl }: IiifSettings, version: ApiVersion): Route {
  return route<AskedInfo>({
    ...READING,
    name: `iiif${version}Info`,
    path: `/${version}/{id}/info.json`,
    description: OF_INFO[version],
    parse: (target) => ({ ...pictureOf(target, mount), asLinkedData: takesLinkedData(target) }),
    scopeOf,
    async run({ ref, id, asLinkedData }, use) {
      const { size, tileType } = await zoomOf(use).picture(ref);
      const info = imageInfo(version, `${publicUrl()}${mount}/${version}/${id}`, size, tileType);
      return linkedData(info, CONTEXTS[version], version === 3 || asLinkedData, asLinkedData);
    },
  });
}

interface AskedImage extends AskedPicture {
  readonly text: ImageRequestText;
}

function imageRoute({ mount, publicUrl }: IiifSettings, version: ApiVersion): Route {
  return route<AskedImage>({
    ...READING,
    name: `iiif${version}Image`,
    path: `/${version}/{id}/{region}/{size}/{rotation}/{file}`,
    description: OF_IMAGE[version],
    parse(target) {
      const [, region = '', size = '', rotation = '', file = ''] = target.segments;
      const dot = file.lastIndexOf('.');
      const [quality, format] = dot < 0 ? [file, ''] : [file.slice(0, dot), file.slice(dot + 1)];
      return { ...pictureOf(target, mount), text: { region, size, rotation, quality, format } };
    },
    scopeOf,
    async run({ ref, id, text }, use) {
      let canonical = '';
      const choice = await zoomOf(use).region(ref, (picture) => {
        const request = resolveImageRequest(version, picture, text, IMAGE_LIMITS);
        canonical = request.canonical;
        return request;
      });
      const url = `${publicUrl()}${mount}/${version}/${id}/${canonical}`;
      const links = `<${url}>;rel="canonical", <${PROFILES[version]}>;rel="profile"`;
      return { kind: 'picture', choice, headers: [['Link', links]] };
    },
  });
}

/** The base of a picture leads to what is told of it. */
function baseRoute({ mount, publicUrl }: IiifSettings, version: ApiVersion): Route {
  return route<AskedPicture>({
    ...READING,
    name: `iiif${version}Base`,
    path: `/${version}/{id}`,
    description: OF_BASE[version],
    parse: (target) => pictureOf(target, mount),
    scopeOf,
    async run({ ref, id }, use) {
      await zoomOf(use).picture(ref);
      const location = `${publicUrl()}${mount}/${version}/${id}/info.json`;
      return { kind: 'redirect', status: 303, location, text: JSON.stringify({ location }) };
    },
  });
}

function manifestRoute({ mount, publicUrl }: IiifSettings): Route {
  return route<AskedInfo>({
    ...READING,
    name: 'iiifManifest',
    path: '/presentation/{id}/manifest.json',
    description: OF_MANIFEST,
    parse: (target) => ({ ...pictureOf(target, mount), asLinkedData: takesLinkedData(target) }),
    scopeOf,
    async run({ ref, id, asLinkedData }, use) {
      const { size, entry } = await zoomOf(use).picture(ref);
      const label = entry.group.fileName ?? ref.imageKey;
      return linkedData(
        manifestOf(`${publicUrl()}${mount}`, id, label, size),
        PRESENTATION_CONTEXT,
        true,
        asLinkedData,
      );
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

function scopeOf({ ref }: AskedPicture) {
  return ref.context;
}

/** The first slash parts the context from the key. Throws `invalid-image-key`. */
function pictureOf({ segments: [text = ''], url }: Target, mount: string): AskedPicture {
  const slash = text.indexOf('/');
  const ref =
    slash < 0
      ? { context: DEFAULT_CONTEXT, imageKey: parseImageKey(text) }
      : { context: parseContext(text.slice(0, slash)), imageKey: parseImageKey(text.slice(slash + 1)) };
  // Below the mount: the version, then the id.
  const id = url.slice(mount.length).split(/[/?]/)[2] ?? encodeURIComponent(text);
  return { ref, id };
}

function zoomOf({ zoom }: UseCases): Zoom {
  if (zoom !== undefined) return zoom;
  throw new ProofsheetError('protected-operation-disabled', 'there is no deep zoom on this server');
}
