// A Presentation 3 manifest of one picture, so that viewers of manifests (Mirador, Universal Viewer) open it by one URL. Pure.
import type { Size } from '../../../kernel/sizes.js';
import { maxSizeOf } from '../../../kernel/zoom/image-request.js';
import { IMAGE_LIMITS } from './info.js';

export const PRESENTATION_CONTEXT = 'http://iiif.io/api/presentation/3/context.json';

/** `base`: the dialect's own URL; `id`: as paths have it. */
export function manifestOf(base: string, id: string, label: string, size: Size): object {
  const own = `${base}/presentation/${id}`;
  const service = `${base}/3/${id}`;
  const { widthPx: width, heightPx: height } = size;
  const shown = maxSizeOf(size, IMAGE_LIMITS);
  const canvas = `${own}/canvas/1`;
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
    '@context': PRESENTATION_CONTEXT,
    id: `${own}/manifest.json`,
    type: 'Manifest',
    label: { none: [label] },
    items: [
      {
        id: canvas,
        type: 'Canvas',
        width,
        height,
        items: [{ id: `${canvas}/page`, type: 'AnnotationPage', items: [annotation] }],
      },
    ],
  };
}
