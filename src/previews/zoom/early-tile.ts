// A tile that is drawn of a preview while the pyramid is being made: which preview, and which part of it. Pure.

import { parseFormat } from '../../kernel/format.js';
import type { RegionTask } from '../../kernel/ports/converter.js';
import type { Size } from '../../kernel/sizes.js';
import { ownPreviews, type Preview, pageOf, type SourceRecord } from '../../kernel/source.js';
import { levelSize, type Rect, type TilePlace, type TileType } from '../../kernel/zoom/pyramid.js';

/** The smallest preview that shows the whole of the first page with at least the pixels of `level`; `undefined` where none does. */
export function previewFor(record: SourceRecord, size: Size, level: number): Preview | undefined {
  const shown = levelSize(size, level);
  return ownPreviews(record)
    .filter((preview) => preview.widthPx >= shown.widthPx && preview.heightPx >= shown.heightPx)
    .filter((preview) => isWhole(preview, size) && isOfFirstPage(record, preview))
    .toSorted((a, b) => a.widthPx - b.widthPx)[0];
}

/** `rect`: where the tile lies in its level. `bytes`: of the preview. */
export function earlyTask(preview: Preview, size: Size, { level }: TilePlace, rect: Rect, type: TileType): RegionTask {
  const shown = levelSize(size, level);
  const across = preview.widthPx / shown.widthPx;
  const down = preview.heightPx / shown.heightPx;
  const leftPx = Math.floor(rect.leftPx * across);
  const topPx = Math.floor(rect.topPx * down);
  const rightPx = Math.min(preview.widthPx, Math.ceil((rect.leftPx + rect.widthPx) * across));
  const bottomPx = Math.min(preview.heightPx, Math.ceil((rect.topPx + rect.heightPx) * down));
  const { widthPx, heightPx } = preview;
  return {
    kind: 'region',
    canvas: { widthPx, heightPx },
    tiles: [{ leftPx: 0, topPx: 0, widthPx, heightPx, start: 0, bytes: preview.bytes, digest: preview.digest }],
    drawn: {
      region: { leftPx, topPx, widthPx: rightPx - leftPx, heightPx: bottomPx - topPx },
      size: { widthPx: rect.widthPx, heightPx: rect.heightPx },
      mirrored: false,
      rotation: 0,
      quality: 'default',
      format: type,
    },
  };
}

/** Neither cut nor padded: of the picture's own proportions, as far as whole pixels have them. */
function isWhole(preview: Size, size: Size): boolean {
  const widthPx = (size.widthPx * preview.heightPx) / size.heightPx;
  const heightPx = (size.heightPx * preview.widthPx) / size.widthPx;
  return Math.abs(preview.widthPx - widthPx) <= 1 || Math.abs(preview.heightPx - heightPx) <= 1;
}

function isOfFirstPage({ info }: SourceRecord, { formats }: Preview): boolean {
  return info.pages === 1 || formats.every((text) => pageOf(info, parseFormat(text).page) === 1);
}
