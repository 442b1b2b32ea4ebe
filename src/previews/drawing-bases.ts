// Which stored picture another one may be drawn from in place of its source, as good and for less: pure rules on sizes and types. Whether
// its edges are soft enough to be scaled twice only the pixels tell, where it is drawn.
import { defaultQualityOf, type Format, parseFormat } from '../kernel/format.js';
import type { Derivative } from '../kernel/ports/derivatives.js';
import { NO_COLOUR, type Recipe } from '../kernel/recipe/recipe.js';
import type { ResolvedRecipe } from '../kernel/recipe/resolve.js';
import { areaOf, geometryOf, type Size } from '../kernel/sizes.js';
import { ownPreviews, type SourceInfo, type SourceRecord, type SourceType } from '../kernel/source.js';

/** A stored JPEG of the whole upright picture. */
export type Base = Pick<Derivative, 'digest' | 'bytes' | 'widthPx' | 'heightPx'>;

/**
 * How many times the sides of what is drawn of it a base has at least. Of JPEGs at 75 four soft photographs lost 0 to 0.6 dB of 29 to 44
 * against what is drawn of the source (docs/PERFORMANCE.md); a made one may lose 0.4 (test/integration/convert/bases.test.ts).
 */
const MIN_TIMES = 2;
const MIN_QUALITY = 75;
/** Drawn at any size, or of many pages: another size is another picture. */
const NEVER: readonly SourceType[] = ['svg', 'pdf', 'gif'];

/** The smallest of `bases` that `resolved` may be drawn from. */
export function baseFor(
  { steps }: Recipe,
  { stages: [first], page }: ResolvedRecipe,
  info: SourceInfo,
  bases: readonly Base[],
): Base | undefined {
  const isUpright = info.orientation === 1 || steps[0]?.step === 'upright';
  if (!isUpright || page !== 1 || !mayHaveBases(info) || areaOf(first.region) !== areaOf(first.of)) return undefined;
  const { scaled } = first;
  // Turns come before: of a picture that lies on its side the sides are the other way round.
  const enough = bases.filter(({ widthPx, heightPx }) => {
    const isTurned = widthPx > heightPx !== first.of.widthPx > first.of.heightPx;
    const [across, down] = isTurned ? [heightPx, widthPx] : [widthPx, heightPx];
    return across >= scaled.widthPx * MIN_TIMES && down >= scaled.heightPx * MIN_TIMES;
  });
  return enough.toSorted((a, b) => areaOf(a) - areaOf(b))[0];
}

/** The previews of a sequence that are bases. */
export function basesOf(record: SourceRecord): readonly Base[] {
  const { info } = record;
  if (!mayHaveBases(info)) return [];
  return ownPreviews(record).filter(
    ({ type, formats, ...preview }) =>
      type === 'jpg' && !isOwnSize(preview, info) && formats.some((text) => isWhole(parseFormat(text), info)),
  );
}

/** Whether what was drawn by `resolved` is a base of its source. */
export function isBase(picture: Derivative, resolved: ResolvedRecipe, info: SourceInfo): boolean {
  const { stages, page, quality = 0, background, mark } = resolved;
  const [{ turn, region, of, scaled, size, blurSigmaPx, attention }] = stages;
  return (
    mayHaveBases(info) &&
    picture.type === 'jpg' &&
    stages.length === 1 &&
    turn === info.orientation &&
    page === 1 &&
    quality >= MIN_QUALITY &&
    background === NO_COLOUR &&
    mark === undefined &&
    !attention &&
    blurSigmaPx === 0 &&
    areaOf(region) === areaOf(of) &&
    isSame(scaled, size) &&
    !isOwnSize(size, info)
  );
}

function mayHaveBases({ hasAlpha, animated, type }: SourceInfo): boolean {
  return !hasAlpha && !animated && !NEVER.includes(type);
}

function isWhole(format: Format, info: SourceInfo): boolean {
  const { norotate, page, type, quality = defaultQualityOf('jpg') } = format;
  if ((norotate && info.orientation !== 1) || page !== 1 || (type !== 'auto' && type !== 'jpg')) return false;
  const { scaled, crop, size } = geometryOf(info, format);
  return (quality ?? 0) >= MIN_QUALITY && isSame(scaled, crop) && isSame(crop, size);
}

/** There may be less of it than its quality says: an own picture has to be smaller than its file. */
function isOwnSize(size: Size, info: SourceInfo): boolean {
  return isSame(size, info);
}

function isSame(a: Size, b: Size): boolean {
  return a.widthPx === b.widthPx && a.heightPx === b.heightPx;
}
