// GET /api/{version}/images/{slug}?id=: a picture by the URL that documents keep for years, without a token. Its original; by `w` the
// stored preview that is best for that width; by `format=auto` in the best type that the client takes. Nothing is made on request.
import { MAX_BOX_SIDE_PX, parseFormat } from '../../../kernel/format.js';
import type { Context } from '../../../kernel/image-key.js';
import { SOURCE_MEDIA } from '../../../kernel/source-media.js';
import type { Library, LibraryUse } from '../../../library/answers.js';
import type { PreviewChoice } from '../../../previews/answers.js';
import { MEDIA_TYPES } from '../../replies/image-response.js';
import type { Reply } from '../../replies/reply.js';
import { queryValue } from '../../url-query.js';
import { READS, type Route, route } from '../route.js';
import { OF_IMAGE } from './descriptions.js';
import { entryNotFound, ValidationFailure } from './failures.js';
import { decodeImageName, type ImageName } from './image-object.js';
import { libraryOf } from './library-route.js';
import { originalReply } from './media-library.js';
import { parseVersion } from './versions.js';

interface AskedImage {
  /** `undefined`: no image is called so. */
  readonly name: ImageName | undefined;
  /** The best type that the client takes, by what it says it takes. */
  readonly isNegotiated: boolean;
  readonly accept: string;
  readonly widthPx: number | undefined;
  readonly hasRect: boolean;
}

/** What every client of pictures shows, whether it says so or not. */
const UNIVERSAL: ReadonlySet<string> = new Set(['image/jpeg', 'image/png', 'image/gif', 'image/svg+xml']);
/** The smaller one first. */
const MODERN = ['avif', 'webp'] as const;

export function imageRoute(): Route {
  return route<AskedImage>({
    name: 'images',
    path: '/api/{version}/images/{slug}',
    description: OF_IMAGE,
    ...READS,
    opensTo: 'everybody',
    parse: ({ segments: [version = ''], url, accept = '' }) => {
      parseVersion(version);
      return { ...askedOf(url), accept };
    },
    headersOf: ({ isNegotiated, hasRect }) => [
      ...(isNegotiated ? [['Vary', 'Accept'] as const] : []),
      ...(hasRect ? [['Warning', '299 - "rect is ignored"'] as const] : []),
    ],
    async run(asked, use) {
      const from = libraryOf(use);
      const context = asked.name && (await contextOf(from, asked.name));
      // As of a version that is not there: nobody learns from it which tenants there are.
      if (!asked.name || context === undefined) throw entryNotFound(asked.name?.assetId ?? '?');
      return replyOf(from.library, context, asked.name, asked);
    },
  });
}

/**
 * Where the picture of that name is looked for. A tenant's id may have been changed since its URLs were published: the asset's own, which
 * nobody guesses, tells then whose it is, as long as that context has a tenant. What a tenant that is known has not is nowhere else.
 */
async function contextOf({ library, tenants }: LibraryUse, { tenantId, assetId }: ImageName) {
  const named = tenants.byId(tenantId);
  if (named !== undefined) return named.context;
  const context = await library.contextOf(assetId);
  return tenants.list().some((tenant) => tenant.context === context) ? context : undefined;
}

function askedOf(url: string): Omit<AskedImage, 'accept'> {
  const given = queryValue(url, 'id') ?? '';
  // Clients add `?format=auto` to URLs that have a query already, as the documents of the original do.
  const [id = '', more = ''] = given.split(/\?(.*)/s, 2);
  const valueFor = (name: string) => queryValue(url, name) ?? queryValue(`?${more}`, name);
  const width = valueFor('w');
  if (width !== undefined && !(/^[1-9]\d{0,4}$/.test(width) && Number(width) <= MAX_BOX_SIDE_PX))
    throw new ValidationFailure({ w: `expected a width of 1 to ${MAX_BOX_SIDE_PX} pixels` });
  return {
    // A base64 of three may have been padded on its way.
    name: decodeImageName(id.replace(/=+$/, '')),
    isNegotiated: valueFor('format') === 'auto' || (valueFor('auto') ?? '').split(',').includes('format'),
    widthPx: width === undefined ? undefined : Number(width),
    hasRect: valueFor('rect') !== undefined,
  };
}

async function replyOf(library: Library, context: Context, name: ImageName, asked: AskedImage): Promise<Reply> {
  const original = await originalReply(library, context, name);
  const { type, widthPx } = original.version;
  const takes = (mediaType: string) => UNIVERSAL.has(mediaType) || isListed(asked.accept, mediaType);
  const isShown = !asked.isNegotiated || takes(SOURCE_MEDIA[type].mediaType);
  if (asked.widthPx === undefined && isShown) return original;
  const choice = await choose(library, context, name, asked.widthPx ?? widthPx, asked.isNegotiated, takes);
  if (choice === undefined) throw entryNotFound(name.assetId);
  // Whether its asset is still there no prepared answer could know.
  return { kind: 'picture', choice, isForThisRequest: true };
}

async function choose(
  library: Library,
  context: Context,
  { assetId, version }: ImageName,
  widthPx: number,
  isNegotiated: boolean,
  takes: (mediaType: string) => boolean,
): Promise<PreviewChoice | undefined> {
  const preview = (type: string) =>
    library.choosePreview(context, assetId, parseFormat(`${type}:${Math.min(widthPx, MAX_BOX_SIDE_PX)}x-1`), version);
  if (!isNegotiated) return preview('auto');
  for (const type of MODERN) {
    if (!takes(MEDIA_TYPES[type])) continue;
    const choice = await preview(type);
    if (choice?.preview.type === type) return choice;
  }
  const any = await preview('auto');
  if (any === undefined || takes(MEDIA_TYPES[any.preview.type])) return any;
  const plain = await preview('jpg');
  return plain && takes(MEDIA_TYPES[plain.preview.type]) ? plain : preview('png');
}

/** Whether an `Accept` names the type itself, and does not refuse it: wildcards promise nothing about new types. */
function isListed(accept: string, mediaType: string): boolean {
  return accept.split(',').some((entry) => {
    const [type = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase());
    return type === mediaType && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}
