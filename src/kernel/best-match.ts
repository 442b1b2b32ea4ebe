// Which of the previews at hand answers a request format, without a new conversion. One pure rule for every caller.
import { type Format, type PreviewType, parseFormat, type ScaleType } from './format.js';
import type { PlannedPreview } from './sequence.js';
import { areaOf, covers, geometryOf, type Size } from './sizes.js';
import { type Preview, pageOf, type SourceInfo, storedSize } from './source.js';

/** A preview as the rule sees it: the target format it was made for, its type and its size. */
export interface Candidate extends Size {
  readonly format: Format;
  readonly type: PreviewType;
}

/** `exact`: of the size that was asked for, or made for this very format. `larger`: at least as large on both sides. `smaller`: less on some side. */
export type MatchRelation = 'exact' | 'larger' | 'smaller';

export interface Match<C extends Candidate> {
  readonly candidate: C;
  readonly relation: MatchRelation;
}

/**
 * The candidate that answers `request` on a source with header `info`; `undefined` only without candidates.
 *
 * 0. one that was made for exactly this format, whatever its size: it is what the format says of this source;
 * 1. of the requested page, as far as the source has it, else all; among them, of the requested scale type, else all; among them, of the requested orientation (`norotate`), else all;
 * 2. of the requested type when one is named, else all;
 * 3. among these, the smallest that is at least as large as what the request asks of this source;
 * 4. else the same among those of the other scale type that shows the whole picture (`contain` for `cover`, and the other
 *    way round), of that orientation and type, and larger than those above;
 * 5. else the largest of all these.
 * Equal areas: the one that stands first.
 */
export function bestMatch<C extends Candidate>(
  info: SourceInfo,
  candidates: readonly C[],
  request: Format,
): Match<C> | undefined {
  const made = candidates.find((candidate) => candidate.format.text === request.text);
  if (made) return { candidate: made, relation: 'exact' };
  const page = pageOf(info, request.page);
  const pages = keep(candidates, (candidate) => pageOf(info, candidate.format.page) === page);
  let kept = keep(pages, (candidate) => candidate.format.scaleType === request.scaleType);
  kept = keep(kept, (candidate) => candidate.format.norotate === request.norotate);
  if (request.type !== 'auto') kept = keep(kept, (candidate) => candidate.type === request.type);

  const wanted = wantedSize(info, request);
  let large = kept.filter((candidate) => covers(candidate, wanted));
  if (large.length === 0) {
    kept = [...kept, ...standIns(pages, request, Math.max(...kept.map(areaOf)))];
    large = kept.filter((candidate) => covers(candidate, wanted));
  }
  const candidate =
    large.length > 0 ? first(large, (a, b) => areaOf(a) - areaOf(b)) : first(kept, (a, b) => areaOf(b) - areaOf(a));
  return candidate && { candidate, relation: relationOf(candidate, wanted) };
}

/** Both show the whole picture, in another size for the same box. */
const WHOLE_PICTURE: Partial<Record<ScaleType, ScaleType>> = { contain: 'cover', cover: 'contain' };

/**
 * Those of the other scale type that shows what `request` asks for. At least of `minArea`, the largest of its own scale type, so
 * that a larger box is never answered with a smaller preview.
 */
function standIns<C extends Candidate>(candidates: readonly C[], request: Format, minArea: number): readonly C[] {
  const scaleType = WHOLE_PICTURE[request.scaleType];
  return candidates.filter(
    (candidate) =>
      candidate.format.scaleType === scaleType &&
      candidate.format.norotate === request.norotate &&
      (request.type === 'auto' || candidate.type === request.type) &&
      areaOf(candidate) > minArea,
  );
}

/** What `request` asks of this source: its box resolved against the source, never larger than the source. */
export function wantedSize(info: SourceInfo, request: Format): Size {
  const source = request.norotate ? storedSize(info) : info;
  const { size } = geometryOf(source, request);
  return {
    widthPx: Math.min(size.widthPx, source.widthPx),
    heightPx: Math.min(size.heightPx, source.heightPx),
  };
}

function relationOf(candidate: Candidate, wanted: Size): MatchRelation {
  if (!covers(candidate, wanted)) return 'smaller';
  const sameSize = candidate.widthPx === wanted.widthPx && candidate.heightPx === wanted.heightPx;
  return sameSize ? 'exact' : 'larger';
}

/** Those that pass, or all when none does. */
function keep<C>(candidates: readonly C[], passes: (candidate: C) => boolean): readonly C[] {
  const passed = candidates.filter(passes);
  return passed.length > 0 ? passed : candidates;
}

function first<C extends Candidate>(candidates: readonly C[], order: (a: C, b: C) => number): C | undefined {
  // toSorted is stable, so what stands first stays first among equals.
  return candidates.toSorted(order)[0];
}

/** The same rule over previews that exist. `undefined` only for an empty list. */
export function bestPreview<P extends Preview>(
  info: SourceInfo,
  previews: readonly P[],
  request: Format,
): PreviewMatch<P> | undefined {
  const candidates = previews.flatMap((preview) =>
    preview.formats.map((text) => ({
      format: parseFormat(text),
      type: preview.type,
      widthPx: preview.widthPx,
      heightPx: preview.heightPx,
      of: preview,
    })),
  );
  const match = bestMatch(info, candidates, request);
  return (
    match && {
      preview: match.candidate.of,
      format: match.candidate.format,
      relation: match.relation,
    }
  );
}

/** The same rule over previews that are only planned. `undefined` only for an empty plan. */
export function bestPlanned(
  info: SourceInfo,
  plan: readonly PlannedPreview[],
  request: Format,
): PlannedPreview | undefined {
  const candidates = plan.flatMap((planned) =>
    planned.formats.map((format) => ({
      format,
      type: planned.type,
      ...planned.geometry.size,
      of: planned,
    })),
  );
  return bestMatch(info, candidates, request)?.candidate.of;
}

/** Which preview answered, for which of its target formats, and how it compares to what was asked. */
export interface PreviewMatch<P extends Preview = Preview> {
  readonly preview: P;
  readonly format: Format;
  readonly relation: MatchRelation;
}
