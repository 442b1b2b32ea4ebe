// GET of a rendition by its signed URL: what version and time it is of stands in the path, so that it never changes while it is valid.
import type { Digest } from '../../../kernel/digest.js';
import type { DescribedAsset } from '../../../kernel/library/asset.js';
import type { LinkQuery } from '../../../kernel/library/signed-link.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import type { Mark } from '../../../kernel/recipe/recipe.js';
import type { LibraryUse } from '../../../library/answers.js';
import type { HeaderPairs } from '../../replies/headers.js';
import type { OriginalReply } from '../../replies/reply.js';
import { type Route, route } from '../route.js';
import { OF_PREVIEW } from './descriptions.js';
import { assetOfGuid, libraryOf, organizationOf, previewParts, READING } from './face.js';
import { notFound } from './failures.js';
import { badLink, linkQueryOf } from './put.js';
import { RENDITION_EXTENSION, RENDITIONS, type Rendition, recipeOf } from './renditions.js';

const MEDIA_TYPE = 'image/jpeg';

interface Asked {
  readonly parts: readonly string[];
  readonly query: LinkQuery;
}

export function preview(): Route {
  return route<Asked>({
    ...READING,
    opensTo: 'everybody',
    name: 'preview',
    path: '/previews/{organization}/{guid}/{version}/{time}/{name}',
    description: OF_PREVIEW,
    parse: ({ segments, url }) => ({ parts: segments, query: linkQueryOf(url) }),
    async run({ parts, query }, use) {
      const library = libraryOf(use);
      const judged = library.links.judge('preview', parts, query);
      if (judged !== 'right') throw badLink(judged);
      const [organization = '', guid = '', number = '', , name = ''] = parts;
      const tenant = library.tenants.list().find((known) => String(known.organizationNumber) === organization);
      const asset = tenant && (await assetOfGuid(library, tenant.context, guid))?.asset;
      const version = asset && (await library.library.findVersion(tenant.context, asset.id, Number(number)));
      const rendition = RENDITIONS.find((known) => name.endsWith(`-${known}.${RENDITION_EXTENSION}`));
      if (!tenant || !asset || !version || !rendition) throw notFound();
      // An id that was given to other bytes since is not what was signed.
      if (previewParts(organizationOf(tenant), asset, version, rendition).join() !== parts.join()) throw notFound();
      const left = library.links.secondsLeft(query);
      return renditionReply(
        library,
        tenant,
        { id: asset.id, number: version.number, createdAt: version.createdAt, source: version.digest },
        rendition,
        [['Cache-Control', `public, max-age=${left}, immutable`]],
      );
    },
  });
}

/** The rendition as an answer to GET and HEAD with conditions and ranges. Throws 404. */
export async function renditionReply(
  { library }: LibraryUse,
  { context }: Tenant,
  {
    id,
    number,
    createdAt,
    source,
  }: {
    readonly id: DescribedAsset['asset']['id'];
    readonly number: number;
    readonly createdAt: number;
    /** Of the original. */
    readonly source: Digest;
  },
  rendition: Rendition,
  headers: HeaderPairs,
  mark?: Mark,
): Promise<OriginalReply> {
  const drawn = await library.drawVersion(context, id, recipeOf(rendition, mark), number);
  if (drawn === undefined) throw notFound();
  const { bytes, picture } = drawn;
  return {
    kind: 'original',
    version: { digest: picture.digest, bytes: bytes.length, createdAt },
    mediaType: MEDIA_TYPE,
    headers,
    shown: { context, content: source },
    open: async (start, end) => piecesOf(bytes.subarray(start, end)),
  };
}

async function* piecesOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
