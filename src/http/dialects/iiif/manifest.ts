// A Presentation 3 manifest of a picture, with a canvas for each of its pages, so that viewers of manifests (Mirador, Universal Viewer)
// open it by one URL. Pure.
import { maxSizeOf } from '../../../kernel/zoom/image-request.js';
import type { ZoomPicture } from '../../../previews/zoom/answers.js';
import { pageSuffix } from '../deep-zoom.js';
import { IMAGE_LIMITS } from './info.js';

export const PRESENTATION_CONTEXT = 'http://iiif.io/api/presentation/3/context.json';

/** What the manifest is of, as paths have it; `isPage`: of one page, which the id names already. */
export interface ManifestOf {
  readonly id: string;
  readonly isPage: boolean;
}

/** `base`: the dialect's own URL. */
export function manifestOf(
  base: string,
  { id, isPage }: ManifestOf,
  label: string,
  pictures: readonly ZoomPicture[],
): object {
  const own = `${base}/presentation/${id}`;
  return {
    '@context': PRESENTATION_CONTEXT,
    id: `${own}/manifest.json`,
    type: 'Manifest',
    label: { none: [label] },
    items: pictures.map((picture) => {
      const service = `${base}/3/${id}${isPage ? '' : pageSuffix(picture.page)}`;
      return {
        ...canvasOf(`${own}/canvas/${picture.page}`, service, picture),
        ...(picture.pages > 1 && { label: { none: [String(picture.page)] } }),
      };
    }),
  };
}

function canvasOf(canvas: string, service: string, { size }: ZoomPicture): object {
  const { widthPx: width, heightPx: height } = size;
  const shown = maxSizeOf(size, IMAGE_LIMITS);
  const body = {
    id: `${service}/full/max/0/default.jpg`,
    type: 'Image',
    format: 'image/jpeg',
    width: shown.widthPx,
    height: shown.heightPx,
    service: [{ id: service, type: 'ImageService3', profile: 'level2' }],
  };
  const annotation = { id: `${canvas}/annotation`, type: 'Annotation', motivation: 'painting', body, target: canvas };
  return {
    id: canvas,
    type: 'Canvas',
    width,
    height,
    items: [{ id: `${canvas}/page`, type: 'AnnotationPage', items: [annotation] }],
  };
}
