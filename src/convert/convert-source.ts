// One conversion from its file to its previews, step by step. Runs in a converter child; knows neither queue nor parent.
import { bestPlanned } from '../kernel/best-match.js';
import type { Format, PreviewType } from '../kernel/format.js';
import type { Conversion, MadePreview } from '../kernel/ports/converter.js';
import { type AutoRule, type PlannedPreview, planSequence } from '../kernel/sequence.js';
import { areaOf, type Size } from '../kernel/sizes.js';
import type { Metadata, SourceInfo, SourceType } from '../kernel/source.js';
import { Decoder } from './decoder.js';
import { type Bases, Derivation } from './derivation.js';
import { Lanes } from './lanes.js';
import { askedOf, pagesAsked } from './pages-asked.js';
import { costOfPart, type Part, planPart } from './parts.js';
import { type Placeholder, placeholderOf } from './placeholder.js';
import { type Output, PreviewWriter } from './preview-writer.js';
import type { ChildSettings, JobMessage, WorkCounts } from './protocol.js';
import { edgesOf, firstFrame, greyWhere, type Raster, scaled, upright, usesAlpha, withoutAlpha } from './raster.js';
import { ReadBuffer } from './read-buffer.js';
import { openSource, sourcePage } from './source-file.js';
import { tagsOf } from './tags.js';

export interface ConversionSteps {
  /** Resolves when the memory may be taken; nothing is decoded before. */
  admit(sourceType: SourceType, costBytes: number): Promise<void>;
  /** The wanted preview is written and others are still to come. */
  wantedReady(info: SourceInfo, metadata: Metadata, preview: MadePreview): void;
}

/** Counted as the work is done, so that a conversion that fails has told what it did. */
export class WorkTally implements WorkCounts {
  readonly decodes = { sequence: 0, again: 0 };
  readonly encodes: Partial<Record<PreviewType, number>> = {};

  encoded(type: PreviewType): void {
    this.encodes[type] = (this.encodes[type] ?? 0) + 1;
  }
}

/**
 * Makes the previews of `job`, one job at a time for one `buffer`; throws what `openSource` throws, and whatever decoders and the
 * file system throw.
 */
export async function convertSource(
  job: Pick<
    JobMessage,
    'sourcePath' | 'content' | 'formats' | 'made' | 'wanted' | 'wantedOnly' | 'outputDir' | 'encodesAtOnce'
  >,
  settings: ChildSettings,
  steps: ConversionSteps,
  tally: WorkTally,
  buffer = new ReadBuffer(),
): Promise<Conversion> {
  const source = await openSource(job.content ?? job.sourcePath, settings, buffer);
  const { info } = source;
  const metadata = tagsOf(source);
  const parts: Part[] = [];
  const asked = askedOf(info, job);
  for (const { page, formats, wanted } of pagesAsked(info, job.formats, asked.wanted)) {
    // What is there already still has a say in how the others are made, but for whole pages.
    if (formats.some((format) => isMissing(asked, format)))
      parts.push(planPart(await sourcePage(source, page, settings), formats, wanted));
  }
  await steps.admit(
    info.type,
    parts.reduce((sum, part) => sum + costOfPart(part), 0),
  );

  const previews: MadePreview[] = [];
  let placeholder: Placeholder | undefined;
  for (const part of parts) {
    const decoder = new Decoder(part.source, settings, part.decode.largest);
    const output: Output = {
      dir: job.outputDir,
      asBytes: job.content !== undefined,
      flush: settings.flush,
      rules: {
        auto: settings.auto,
        sourceBytes: source.file.length,
        own: (mostBytes) => decoder.ownPicture(mostBytes),
        unprofiled: (shown) => decoder.unprofiledPicture(shown),
      },
      tally,
      first: previews.length,
    };
    const writer = new PreviewWriter(output, part.source.info);
    const made = await makePart(part, decoder, asked, writer, tally, settings.auto, (preview, isLast) => {
      if (!isLast || parts.length > 1) steps.wantedReady(info, metadata, preview);
    });
    previews.push(...made.previews);
    placeholder ??= made.placeholder;
  }
  return { info, metadata: withFacts(metadata, { ...placeholder }), previews: merged(previews) };
}

/** Nobody who waits for a preview waits for its placeholder: that is told with the whole. */
function withFacts(metadata: Metadata, facts: Metadata[string]): Metadata {
  return { ...metadata, Source: { ...metadata.Source, ...facts } };
}

type Asked = Pick<JobMessage, 'made' | 'encodesAtOnce'>;

function isMissing({ made = [] }: Asked, { text }: Format): boolean {
  return !made.includes(text);
}

async function makePart(
  { source: { info }, formats, wanted, assumed, decode }: Part,
  decoder: Decoder,
  asked: Asked,
  writer: PreviewWriter,
  tally: WorkTally,
  auto: AutoRule,
  wantedReady: (preview: MadePreview, isLast: boolean) => void,
): Promise<{ readonly previews: MadePreview[]; readonly placeholder: Placeholder }> {
  tally.decodes.sequence++;
  // The rule of old coded grey as a colour.
  const seen = (raster: Raster): Raster => (auto === 'classic' ? raster : greyWhere(raster));
  const isFull = decode.kind !== 'scaled';
  const decoded = isFull
    ? await decoder.full(decode.frames)
    : // What the cheaper kernel would show in is decoded again.
      await decoder.scaled(decode.largest, { fast: decode.fast, kernel: decode.mayRepeat ? 'cubic' : 'lanczos3' });
  const alphaUsed = usesAlpha(decoded);
  const opaque = alphaUsed ? decoded : seen(await withoutAlpha(decoded));
  const plan = alphaUsed === info.hasAlpha ? assumed : planSequence(info, alphaUsed, formats);
  const bases = await basesOf(opaque, isFull, decode.largest, async () => {
    if (!decode.mayRepeat) return undefined;
    tally.decodes.again++;
    return seen(await decoder.full(1));
  });
  const derivations = await derivationsOf(bases, plan, info);
  const missing = plan.filter((planned) => planned.formats.some((format) => isMissing(asked, format)));
  const best = wanted && bestPlanned(info, missing, wanted);
  const previews = await makeAll(derivations, missing, best, asked, writer, wantedReady);
  return { previews, placeholder: await placeholderOf(bases.rasters, info.orientation) };
}

async function basesOf(
  decoded: Raster,
  isFull: boolean,
  largest: Size,
  decodeAgain: () => Promise<Raster | undefined>,
): Promise<Bases> {
  const edges = edgesOf(decoded, largest);
  if (isFull) {
    // Of a soft picture the others come from the largest; of a hard-edged one the large ones come from every pixel each.
    if (edges === 'hard' || areaOf(largest) >= areaOf(decoded)) return { rasters: [decoded], edges, shrunk: false };
    return { rasters: [await scaled(decoded, largest, edges), decoded], edges, shrunk: false };
  }
  const again = edges === 'hard' ? await decodeAgain() : undefined;
  // The first one may have been shrunk on load: it is not used again.
  if (again) return { rasters: [again], edges, shrunk: false };
  return { rasters: [decoded], edges: edges === 'hard' ? 'mixed' : edges, shrunk: true };
}

async function uprightBases(bases: Bases, info: SourceInfo): Promise<Bases> {
  if (info.orientation === 1) return bases;
  const rasters: Raster[] = [];
  for (const raster of bases.rasters) rasters.push(await upright(raster, info.orientation));
  return { ...bases, rasters };
}

interface Derivations {
  readonly asStored: Derivation;
  readonly turned: Derivation;
}

/** The derivations of the previews as the source is stored, and upright. */
async function derivationsOf(stored: Bases, plan: readonly PlannedPreview[], info: SourceInfo): Promise<Derivations> {
  const turned = plan.filter((planned) => !planned.asStored);
  const asStored = plan.filter((planned) => planned.asStored);
  return {
    asStored: new Derivation(stored, asStored),
    turned: new Derivation(turned.length > 0 ? await uprightBases(stored, info) : stored, turned),
  };
}

async function makeAll(
  derivations: Derivations,
  missing: readonly PlannedPreview[],
  wanted: PlannedPreview | undefined,
  { encodesAtOnce }: Asked,
  writer: PreviewWriter,
  wantedReady: (preview: MadePreview, isLast: boolean) => void,
): Promise<MadePreview[]> {
  const bySize = missing.toSorted((a, b) => areaOf(b.geometry.scaled) - areaOf(a.geometry.scaled));
  const order = wanted ? [wanted, ...bySize.filter((planned) => planned !== wanted)] : bySize;
  const made = new Map<PlannedPreview, MadePreview>();
  const lanes = new Lanes(encodesAtOnce);
  try {
    for (const [index, planned] of order.entries()) {
      const { raster, edges } = await derivations[planned.asStored ? 'asStored' : 'turned'].baseOf(planned);
      const still = planned.animated ? raster : firstFrame(raster);
      await lanes.begin(async () => {
        const { preview, written } = await writer.make(still, edges, planned, index);
        made.set(planned, preview);
        lanes.beside(written);
      });
      if (planned !== wanted) continue;
      // Somebody waits for this one alone: nothing is made beside it.
      await lanes.ended();
      const preview = made.get(planned);
      if (preview) wantedReady(preview, order.length === 1);
    }
    await lanes.ended();
  } finally {
    await lanes.quiet();
  }
  return missing.flatMap((planned) => made.get(planned) ?? []);
}

/** Previews with equal bytes are one; it answers the formats of all of them. */
function merged(previews: readonly MadePreview[]): MadePreview[] {
  const byBytes = new Map<string, MadePreview>();
  for (const preview of previews) {
    const same = byBytes.get(preview.digest);
    byBytes.set(preview.digest, same ? { ...same, formats: [...same.formats, ...preview.formats] } : preview);
  }
  return [...byBytes.values()];
}
