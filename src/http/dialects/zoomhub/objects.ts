// Content and DZI objects as ZoomHub writes them: their members sorted by name, as its own answers have them.
import { TILE_SIDE_PX } from '../../../kernel/zoom/pyramid.js';
import type { ZoomPicture } from '../../../previews/zoom/answers.js';
import { zoomOf } from '../deep-zoom.js';
import type { PublicUrl } from '../public-url.js';
import type { UseCases } from '../route.js';
import type { Contents, KnownContent } from './contents.js';

export interface Places {
  readonly mount: string;
  readonly publicUrl: PublicUrl;
}

export interface DziObject {
  readonly height: number;
  readonly tileFormat: string;
  readonly tileOverlap: 0;
  readonly tileSize: number;
  readonly url: string;
  readonly width: number;
}

export interface ContentObject {
  readonly dzi: DziObject | null;
  readonly embedHtml: string;
  readonly failed: boolean;
  readonly id: string;
  readonly progress: 0 | 1;
  readonly ready: boolean;
  readonly shareUrl: string;
  readonly url: string;
  readonly verified: true;
}

/** Scheme, host and mount, without a slash at the end. `origin`: by which the client asks. */
export function baseOf({ mount, publicUrl }: Places, origin: string | undefined): string {
  return `${publicUrl(origin)}${mount}`;
}

/** Where the file of a content is sent to; there is nothing to be had. */
export function uploadUrl(base: string, id: string): string {
  return `${base}/v1/content/upload/${id}`;
}

export async function contentObject(
  base: string,
  contents: Contents,
  use: UseCases,
  { id, state, url = uploadUrl(base, id) }: KnownContent,
): Promise<ContentObject> {
  const dzi = await dziObject(base, contents, use, { id, state });
  const isReady = dzi !== undefined;
  return {
    dzi: dzi ?? null,
    embedHtml: `<script src="${base}/${id}.js?width=auto&height=400px"></script>`,
    failed: state.kind === 'failed',
    id,
    progress: isReady || state.kind === 'failed' ? 1 : 0,
    ready: isReady,
    shareUrl: `${base}/${id}`,
    url,
    verified: true,
  };
}

/** `undefined` for a content that is not ready. */
export async function dziObject(
  base: string,
  contents: Contents,
  use: UseCases,
  { id, state }: Pick<KnownContent, 'id' | 'state'>,
): Promise<DziObject | undefined> {
  const picture = state.kind === 'ready' ? await pictureOf(contents, use, state) : undefined;
  if (picture === undefined) return undefined;
  const { size, tileType } = picture;
  return {
    height: size.heightPx,
    tileFormat: tileType,
    tileOverlap: 0,
    tileSize: TILE_SIDE_PX,
    url: `${base}/dzis/${id}.dzi`,
    width: size.widthPx,
  };
}

/** `undefined` where the asset has gone in this moment. */
export async function pictureOf(
  { library, context }: Contents,
  use: UseCases,
  { asset }: Extract<KnownContent['state'], { kind: 'ready' }>,
): Promise<ZoomPicture | undefined> {
  const ref = await library.zoomable(context, asset.asset.id);
  return ref && zoomOf(use).picture(ref);
}
