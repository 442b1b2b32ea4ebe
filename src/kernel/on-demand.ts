// A sequence that is made step by step: what a record still lacks of it, and what of that a request asks for. Pure; one rule for
// whoever decides what to convert and whoever decides whether what is there will do.
import { bestPlanned, bestPreview, type PreviewMatch } from './best-match.js';
import type { Format } from './format.js';
import { planSequence, type Sequence } from './sequence.js';
import { ownPreviews, pageOf, type SourceInfo, type SourceRecord } from './source.js';

/** The formats of `sequence` that nothing was made for; none of a record of which nothing was left out. */
export function missingFormats(record: SourceRecord, { id, formats }: Sequence): readonly Format[] {
  if (!record.onDemand || record.sequenceId !== id) return [];
  const made = madeFormats(record);
  return formats.filter(({ text }) => !made.has(text));
}

/** Those of them that `request` asks for: with them it is answered as the whole sequence would answer it. */
export function missingFor(record: SourceRecord, request: Format, sequence: Sequence): readonly Format[] {
  if (missingFormats(record, sequence).length === 0) return [];
  const answering = formatsAnswering(record.info, usesAlpha(record), sequence.formats, request);
  const made = madeFormats(record);
  return answering.some(({ text }) => made.has(text)) ? [] : answering;
}

/**
 * What answers `request` of what there is; `undefined` only of a record without previews. The preview that answers it in the whole
 * sequence is taken where it is made: best match has rules that look at what else there is, so among fewer it may choose another.
 */
export function answerOf(record: SourceRecord, request: Format, sequence: Sequence): PreviewMatch | undefined {
  const previews = ownPreviews(record);
  if (missingFormats(record, sequence).length > 0) {
    const answering = formatsAnswering(record.info, usesAlpha(record), sequence.formats, request);
    const made = previews.filter(({ formats }) => answering.some(({ text }) => formats.includes(text)));
    if (made.length > 0) return bestPreview(record.info, made, request);
  }
  return bestPreview(record.info, previews, request);
}

/** The formats of the one preview of the whole sequence that answers `request`: more than one where they give the same picture. */
export function formatsAnswering(
  info: SourceInfo,
  alphaUsed: boolean,
  formats: readonly Format[],
  request: Format,
): readonly Format[] {
  const page = pageOf(info, request.page);
  const ofPage = formats.filter((format) => pageOf(info, format.page) === page);
  return bestPlanned(info, planSequence(info, alphaUsed, ofPage.length > 0 ? ofPage : formats), request)?.formats ?? [];
}

function madeFormats(record: SourceRecord): ReadonlySet<string> {
  return new Set(ownPreviews(record).flatMap(({ formats }) => formats));
}

/** Only the pixels tell, and what `auto` has made of them tells it too; until then an alpha channel counts as used. */
export function usesAlpha(record: SourceRecord): boolean {
  const decided = ownPreviews(record).find(({ formats }) => formats.some((text) => text.startsWith('auto:')));
  return record.info.hasAlpha && decided?.type !== 'jpg';
}
