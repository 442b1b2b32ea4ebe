// A contact sheet as a drawing: previews side by side in cells of one size. Pure: from their bytes to a text of SVG, which is drawn
// as every other source is, with its bounds.
import type { PreviewType } from './format.js';

/** One cell, filled from left to right and from top to bottom; without a picture it stays an empty frame. */
export type SheetCell = { readonly type: PreviewType; readonly bytes: Buffer } | undefined;

export interface SheetLayout {
  /** 1 or more. */
  readonly columns: number;
  readonly cellWidthPx: number;
  readonly cellHeightPx: number;
}

const GAP_PX = 8;
/** What stands inside an SVG may be these. */
const MEDIA: Partial<Record<PreviewType, string>> = { jpg: 'image/jpeg', png: 'image/png' };

/** Whether a picture of the type can stand in a cell as it is. */
export function standsInCell(type: PreviewType): boolean {
  return MEDIA[type] !== undefined;
}

/** Pixels of the whole. */
export function sheetSize(cells: number, { columns, cellWidthPx, cellHeightPx }: SheetLayout) {
  const across = Math.min(columns, cells);
  const down = Math.ceil(cells / columns);
  return {
    widthPx: across * (cellWidthPx + GAP_PX) + GAP_PX,
    heightPx: down * (cellHeightPx + GAP_PX) + GAP_PX,
  };
}

/** `cells`: 1 or more; one of a type that cannot stand in a cell stays empty. */
export function contactSheet(cells: readonly SheetCell[], layout: SheetLayout): string {
  const { columns, cellWidthPx: width, cellHeightPx: height } = layout;
  const { widthPx, heightPx } = sheetSize(cells.length, layout);
  const drawn = cells.map((cell, index) => {
    const x = GAP_PX + (index % columns) * (width + GAP_PX);
    const y = GAP_PX + Math.floor(index / columns) * (height + GAP_PX);
    const place = `x="${x}" y="${y}" width="${width}" height="${height}"`;
    const media = cell && MEDIA[cell.type];
    return cell && media
      ? `<image ${place} href="data:${media};base64,${cell.bytes.toString('base64')}"/>`
      : `<rect ${place} fill="#eeeeee"/>`;
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${widthPx}" height="${heightPx}" viewBox="0 0 ${widthPx} ${heightPx}">` +
    `<rect width="${widthPx}" height="${heightPx}" fill="#ffffff"/>${drawn.join('')}</svg>`
  );
}
