// GET and HEAD of an asset as a file: the bytes as they were uploaded, or a rendition, under the name of its version.
import type { AssetVersion, DescribedAsset } from '../../../kernel/library/asset.js';
import type { Tenant } from '../../../kernel/library/tenant.js';
import type { Mark } from '../../../kernel/recipe/recipe.js';
import { SOURCE_MEDIA } from '../../../kernel/source-media.js';
import type { LibraryUse } from '../../../library/answers.js';
import { attachmentNamed } from '../../replies/content-disposition.js';
import type { OriginalReply } from '../../replies/reply.js';
import { type Route, route } from '../route.js';
import { fileNameOf } from './asset-object.js';
import { OF_DOWNLOAD } from './descriptions.js';
import { libraryOf, livingAssetNamed, READING } from './face.js';
import { invalid, MediagraphFailure, notFound } from './failures.js';
import { parseNumber } from './ids.js';
import { Params } from './params.js';
import { renditionReply } from './previews.js';
import { parseSize, RENDITION_EXTENSION, type Rendition } from './renditions.js';

/** Not to be kept by anybody but who asked. */
const CACHE_CONTROL = 'private, max-age=0, must-revalidate';

export interface AskedSize {
  readonly size: Rendition | 'original';
  readonly watermarked: boolean;
}

interface Asked extends AskedSize {
  readonly name: string;
  readonly number: number | undefined;
}

export function downloadAsset(): Route {
  return route<Asked>({
    ...READING,
    name: 'download',
    path: '/api/assets/{asset}/download',
    scope: 'download',
    description: OF_DOWNLOAD,
    parse({ segments: [name = ''], url }) {
      const params = new Params(url);
      const number = params.text('version_number');
      const asked = number === undefined ? undefined : parseNumber(number);
      if (number !== undefined && asked === undefined) throw invalid('version_number', 'must be a whole number');
      return { name, number: asked, ...sizeIn(params) };
    },
    async run({ name, number, ...size }, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const found = await livingAssetNamed(library, tenant, name);
      return fileReply(library, tenant, found, await versionOf(library, tenant, found, number, size), size);
    },
  });
}

/** Throws 422. */
export function sizeIn(params: Pick<Params, 'text' | 'flag'>): AskedSize {
  const text = params.text('size') ?? 'original';
  const parsed = parseSize(text);
  if (parsed === undefined) throw invalid('size', 'is not one of original, full, medium, permalink, small');
  return { size: parsed.size, watermarked: parsed.watermarked || params.flag('watermarked') };
}

/** The version that is to be sent. Throws 404 and 409 while there is none. */
export async function versionOf(
  { library }: LibraryUse,
  { context }: Tenant,
  { asset, version }: DescribedAsset,
  number: number | undefined,
  { size }: AskedSize,
): Promise<AssetVersion> {
  const found = number === undefined ? version : await library.findVersion(context, asset.id, number);
  if (found) return found;
  if (number !== undefined) throw notFound('version');
  if (size !== 'original') throw notFound('preview');
  throw new MediagraphFailure('conflict', 'not_ready', 'expected an asset that is processed, got one that is not yet');
}

export async function fileReply(
  library: LibraryUse,
  tenant: Tenant,
  { asset }: DescribedAsset,
  version: AssetVersion,
  { size, watermarked }: AskedSize,
): Promise<OriginalReply> {
  const mark = markOf(tenant, { watermarked });
  const rendition = sizeSent({ size, watermarked });
  const name = fileNameFor(fileNameOf(asset, version), rendition);
  const headers = [
    ['Content-Disposition', attachmentNamed(name, `asset.${SOURCE_MEDIA[version.type].extension}`)],
    ['Cache-Control', CACHE_CONTROL],
  ] as const;
  if (rendition !== 'original')
    return renditionReply(
      library,
      tenant,
      { id: asset.id, number: version.number, createdAt: version.createdAt, source: version.digest },
      rendition,
      headers,
      mark,
    );
  return {
    kind: 'original',
    version,
    mediaType: SOURCE_MEDIA[version.type].mediaType,
    headers,
    shown: { context: tenant.context, content: version.digest },
    async open(start, end) {
      const part = { version: version.number, start, end };
      const original = await library.library.openOriginal(tenant.context, asset.id, part);
      if (original === undefined) throw notFound();
      return original.bytes;
    },
  };
}

/** What a download is to be marked with. Throws 422 where that is wanted and there is nothing. */
export function markOf({ watermark }: Tenant, { watermarked }: Pick<AskedSize, 'watermarked'>): Mark | undefined {
  if (!watermarked || watermark) return watermarked ? watermark : undefined;
  throw new MediagraphFailure(
    'unprocessable',
    'no_watermark',
    'expected an organization with a watermark, and this one has none',
  );
}

/** Never the bytes as they came where they are to be marked: the picture in its own size in their place. */
export function sizeSent({ size, watermarked }: AskedSize): AskedSize['size'] {
  return watermarked && size === 'original' ? 'full' : size;
}

/** Of a rendition with the extension of what it is. */
export function fileNameFor(name: string, size: AskedSize['size']): string {
  return size === 'original' ? name : `${name.replace(/\.[^.]*$/, '')}.${RENDITION_EXTENSION}`;
}
