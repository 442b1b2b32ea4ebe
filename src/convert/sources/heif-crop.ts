// The crop that a HEIF tells of its picture (`clap`), which its decoder takes for the size of what is coded, and refuses that: taken out
// of the file before it is decoded, and done to its pixels after (ISO/IEC 23008-12, 6.5.9 to 6.5.12).
import type { Size } from '../../kernel/sizes.js';
import type { HeifItems } from './heif-items.js';

/** Of the picture as it comes without its crop, from its left upper corner; whole pixels. */
export interface Crop extends Size {
  readonly leftPx: number;
  readonly topPx: number;
}

export interface Cropped {
  /** The file without the crop of its picture. */
  readonly file: Buffer;
  readonly crop: Crop;
  /** What is decoded of it. */
  readonly whole: Size;
}

const CLAP_BYTES = 32;

/** `undefined` for a picture that is not cropped, or not in the order that the standard tells: before it is turned and mirrored. */
export function croppedHeif(file: Buffer, items: HeifItems): Cropped | undefined {
  if (items.coding !== 'hvc1') return undefined;
  const own = items.associated();
  const [clap, ispe, irot, imir] = ['clap', 'ispe', 'irot', 'imir'].map((name) =>
    own.find(({ type }) => type === name),
  );
  if (!clap || !ispe || clap.body.length < CLAP_BYTES || ispe.body.length < 12) return undefined;
  if ([irot, imir].some((turn) => turn && own.indexOf(turn) < own.indexOf(clap))) return undefined;
  if (irot && imir && own.indexOf(imir) < own.indexOf(irot)) return undefined;
  const coded = { widthPx: ispe.body.readUInt32BE(4), heightPx: ispe.body.readUInt32BE(8) };
  const crop = cropOf(clap.body, coded);
  if (crop === undefined) return undefined;
  const plain = Buffer.from(file);
  // Of one or two bytes, in which zero stands for no property.
  plain.fill(0, clap.namedAt, clap.namedAt + clap.namedBytes);
  const quarters = (irot?.body[0] ?? 0) & 3;
  const axis = imir && (imir.body[0] ?? 0) & 1;
  return { file: plain, ...shown(crop, coded, quarters, axis) };
}

/** Width, height and the offset of the middle, each as a fraction. */
function cropOf(clap: Buffer, { widthPx, heightPx }: Size): Crop | undefined {
  const fraction = (at: number): number => clap.readInt32BE(at) / clap.readInt32BE(at + 4);
  const [width, height] = [Math.round(fraction(0)), Math.round(fraction(8))];
  const leftPx = Math.round(fraction(16) + (widthPx - width) / 2);
  const topPx = Math.round(fraction(24) + (heightPx - height) / 2);
  const isInside = width >= 1 && height >= 1 && leftPx >= 0 && topPx >= 0;
  if (!isInside || leftPx + width > widthPx || topPx + height > heightPx) return undefined;
  return { widthPx: width, heightPx: height, leftPx, topPx };
}

/** The same of the picture turned `quarters` of a circle against the clock, then mirrored: 0 upside down, 1 left and right. */
function shown(crop: Crop, whole: Size, quarters: number, axis: number | undefined): Omit<Cropped, 'file'> {
  if (quarters > 0) {
    const { widthPx, heightPx, leftPx, topPx } = crop;
    const turned = {
      widthPx: heightPx,
      heightPx: widthPx,
      leftPx: topPx,
      topPx: whole.widthPx - leftPx - widthPx,
    };
    return shown(turned, { widthPx: whole.heightPx, heightPx: whole.widthPx }, quarters - 1, axis);
  }
  if (axis === undefined) return { crop, whole };
  const mirrored =
    axis === 1
      ? { ...crop, leftPx: whole.widthPx - crop.leftPx - crop.widthPx }
      : { ...crop, topPx: whole.heightPx - crop.topPx - crop.heightPx };
  return { crop: mirrored, whole };
}
