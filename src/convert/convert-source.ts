// One conversion from its file to its previews, step by step. Runs in a converter child; knows neither queue nor parent.
import { bestPlanned } from '../kernel/best-match.js';
import type { PreviewType } from '../kernel/format.js';
import type { Conversion, MadePreview } from '../kernel/ports/converter.js';
import { type PlannedPreview, planSequence } from '../kernel/sequence.js';
import { areaOf, type Size } from '../kernel/sizes.js';
import type { Metadata, SourceInfo, SourceType } from '../kernel/source.js';
import { costOf, planDecode } from './decode-plan.js';
import { Decoder } from './decoder.js';
import { type Bases, Derivation } from './derivation.js';
import { Lanes } from './lanes.js';
import { type Output, PreviewWriter } from './preview-writer.js';
import type { ChildSettings, JobMessage, WorkCounts } from './protocol.js';
import { edgesOf, firstFrame, type Raster, scaled, upright, usesAlpha, withoutAlpha } from './raster.js';
import { ReadBuffer } from './read-buffer.js';
import { openSource, type SourceFile } from './source-file.js';
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
  job: Pick<JobMessage, 'sourcePath' | 'formats' | 'made' | 'wanted' | 'outputDir' | 'encodesAtOnce'>,
  settings: ChildSettings,
  steps: ConversionSteps,
  tally: WorkTally,
  buffer = new ReadBuffer(),
): Promise<Conversion> {
  const source = await openSource(job.sourcePath, settings, buffer);
  const { info } = source;
  const metadata = tagsOf(source);
  const assumed = planSequence(info, info.hasAlpha, job.formats);
  const decode = planDecode(info, source.bytes.length, isLossless(source), assumed, source.reading);
  await steps.admit(info.type, costOf(info, source.bytes.length, decode, assumed, source.reading));

  const decoder = new Decoder(source, settings);
  tally.decodes.sequence++;
  const decoded =
    decode.kind === 'full'
      ? await decoder.full(decode.frames)
      : // What the cheaper kernel would show in is decoded again.
        await decoder.scaled(decode.largest, {
          fast: decode.fast,
          kernel: decode.mayRepeat ? 'cubic' : 'lanczos3',
        });
  const alphaUsed = usesAlpha(decoded);
  const opaque = alphaUsed ? decoded : await withoutAlpha(decoded);
  const plan = alphaUsed === info.hasAlpha ? assumed : planSequence(info, alphaUsed, job.formats);
  const bases = await basesOf(opaque, decode.kind === 'full', decode.largest, async () => {
    if (!decode.mayRepeat) return undefined;
    tally.decodes.again++;
    return decoder.full(1);
  });
  const output: Output = { dir: job.outputDir, flush: settings.flush, tally };
  const previews = await makeAll(bases, plan, info, job, output, (preview) =>
    steps.wantedReady(info, metadata, preview),
  );
  return { info, metadata, previews: merged(previews) };
}

function isLossless({ info, header, bytes }: SourceFile): boolean {
  if (info.type === 'webp') return bytes.toString('latin1', 12, 16) === 'VP8L';
  return info.type === 'png' || info.type === 'gif' || (info.type === 'tiff' && header.compression === undefined);
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

/** The derivations of the previews as the source is stored, and upright. */
async function derivationsOf(
  stored: Bases,
  plan: readonly PlannedPreview[],
  info: SourceInfo,
): Promise<{ readonly stored: Derivation; readonly turned: Derivation }> {
  const [asStored, turned] = [true, false].map((is) => plan.filter((planned) => planned.asStored === is));
  return {
    stored: new Derivation(stored, asStored ?? []),
    turned: new Derivation(turned?.length ? await uprightBases(stored, info) : stored, turned ?? []),
  };
}

async function makeAll(
  bases: Bases,
  plan: readonly PlannedPreview[],
  info: SourceInfo,
  { made: madeBefore = [], wanted: wantedFormat, encodesAtOnce }: Pick<JobMessage, 'made' | 'wanted' | 'encodesAtOnce'>,
  output: Output,
  wantedReady: (preview: MadePreview) => void,
): Promise<MadePreview[]> {
  const derivations = await derivationsOf(bases, plan, info);
  const missing = plan.filter(({ formats }) => formats.some(({ text }) => !madeBefore.includes(text)));
  const wanted = wantedFormat && bestPlanned(info, missing, wantedFormat);
  const bySize = missing.toSorted((a, b) => areaOf(b.geometry.scaled) - areaOf(a.geometry.scaled));
  const order = wanted ? [wanted, ...bySize.filter((planned) => planned !== wanted)] : bySize;
  const made = new Map<PlannedPreview, MadePreview>();
  const lanes = new Lanes(encodesAtOnce);
  const writer = new PreviewWriter(output, info);
  try {
    for (const [index, planned] of order.entries()) {
      const { raster, edges } = await derivations[planned.asStored ? 'stored' : 'turned'].baseOf(planned);
      const still = planned.animated ? raster : firstFrame(raster);
      await lanes.begin(async () => {
        const { preview, written } = await writer.make(still, edges, planned, index);
        made.set(planned, preview);
        lanes.beside(written);
      });
      if (planned !== wanted || order.length === 1) continue;
      // Somebody waits for this one alone: nothing is made beside it.
      await lanes.ended();
      const preview = made.get(planned);
      if (preview) wantedReady(preview);
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
