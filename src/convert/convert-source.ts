// One conversion from its file to its previews, step by step. Runs in a converter child; knows neither queue nor parent.
import { closeSync, fsync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bestPlanned } from '../kernel/best-match.js';
import { digestOf } from '../kernel/digest.js';
import type { Format, PreviewType } from '../kernel/format.js';
import type { Conversion, MadePreview } from '../kernel/ports/converter.js';
import { type PlannedPreview, planSequence } from '../kernel/sequence.js';
import { areaOf, type Size } from '../kernel/sizes.js';
import type { Metadata, SourceInfo, SourceType } from '../kernel/source.js';
import { smallestEnough } from './decode-plan.js';
import { Decoder } from './decoder.js';
import { encode } from './encode.js';
import { Lanes } from './lanes.js';
import { pagesAsked } from './pages-asked.js';
import { costOfPart, type Part, planPart } from './parts.js';
import type { ChildSettings, JobMessage, WorkCounts } from './protocol.js';
import {
  type Edges,
  edgesOf,
  firstFrame,
  harder,
  type Raster,
  scaled,
  upright,
  usesAlpha,
  withoutAlpha,
} from './raster.js';
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
  readonly decodes = { sequence: 0, wanted: 0 };
  readonly encodes: Partial<Record<PreviewType, number>> = {};

  encoded(type: PreviewType): void {
    this.encodes[type] = (this.encodes[type] ?? 0) + 1;
  }
}

/** A wanted picture of at most this part of the largest raster's side is worth a small decode of its own. */
const SMALL_WANTED = 1 / 4;

/**
 * Makes the previews of `job`, one job at a time for one `buffer`; throws what `openSource` throws, and whatever decoders and the file system throw.
 */
export async function convertSource(
  job: Pick<JobMessage, 'sourcePath' | 'formats' | 'wanted' | 'outputDir' | 'encodesAtOnce'>,
  settings: ChildSettings,
  steps: ConversionSteps,
  tally: WorkTally,
  buffer = new ReadBuffer(),
): Promise<Conversion> {
  const source = await openSource(job.sourcePath, settings, buffer);
  const { info } = source;
  const metadata = tagsOf(source);
  const parts: Part[] = [];
  for (const { page, formats, wanted } of pagesAsked(info, job.formats, job.wanted)) {
    parts.push(planPart(await sourcePage(source, page, settings), formats, wanted));
  }
  await steps.admit(
    info.type,
    parts.reduce((sum, part) => sum + costOfPart(part), 0),
  );

  const output: Output = {
    dir: job.outputDir,
    flush: settings.flush,
    atOnce: job.encodesAtOnce,
    tally,
    first: 0,
    more: parts.length > 1,
  };
  const previews: MadePreview[] = [];
  for (const part of parts) {
    const decoder = new Decoder(part.source, settings, part.decode.largest);
    const small = wantsSmallDecode(part);
    if (small) {
      const preview = await makeSmall(part, small, decoder, output);
      return { info, metadata, previews: [preview], complete: job.formats.length === 1 };
    }
    const made = await makePart(part, decoder, { ...output, first: previews.length }, (preview) =>
      steps.wantedReady(info, metadata, preview),
    );
    previews.push(...made);
  }
  return { info, metadata, previews: merged(previews), complete: true };
}

async function makeSmall(part: Part, small: PlannedPreview, decoder: Decoder, output: Output): Promise<MadePreview> {
  const { info } = part.source;
  output.tally.decodes.wanted++;
  const raster = await decoder.scaled(storedScale(info, small), { fast: false, kernel: 'lanczos3' });
  const { preview, written } = await make(await turned(raster, info, small), 'hard', small, info, output, 0);
  await written;
  return preview;
}

async function makePart(
  { source: { info }, formats, wanted, assumed, decode }: Part,
  decoder: Decoder,
  output: Output,
  wantedReady: (preview: MadePreview) => void,
): Promise<MadePreview[]> {
  output.tally.decodes.sequence++;
  const decoded =
    decode.kind !== 'scaled'
      ? await decoder.full(decode.frames)
      : // What the cheaper kernel would show in is decoded again.
        await decoder.scaled(decode.largest, {
          fast: decode.fast,
          kernel: decode.mayRepeat ? 'cubic' : 'lanczos3',
        });
  const alphaUsed = usesAlpha(decoded);
  const opaque = alphaUsed ? decoded : await withoutAlpha(decoded);
  const plan = alphaUsed === info.hasAlpha ? assumed : planSequence(info, alphaUsed, formats);
  const bases = await basesOf(opaque, decode.kind !== 'scaled', decode.largest, async () => {
    if (!decode.mayRepeat) return undefined;
    output.tally.decodes.sequence++;
    return decoder.full(1);
  });
  return makeAll(bases, plan, info, wanted, output, wantedReady);
}

/** What previews are made from, all in one orientation. */
interface Bases {
  /** The largest picture of the plan, every pixel of the source where they are at hand, and what was made and serves again. */
  readonly rasters: Raster[];
  /**
   * At the size of the largest picture; a smaller one may have harder ones, and is judged again. Where they are hard, scaling
   * twice would show, but in pictures so small that every way to them shows: `smallestEnough`.
   */
  readonly edges: Edges;
  /** No raster has every pixel: what is hard is made with care from what there is. */
  readonly shrunk: boolean;
}

function largestOf(rasters: readonly Raster[]): Raster {
  return rasters.reduce((most, raster) => (areaOf(raster) > areaOf(most) ? raster : most));
}

/** How hard the edges are in a picture of `size`. */
function edgesAt({ rasters, edges, shrunk }: Bases, size: Size): Edges {
  const own = harder(edges, edgesOf(largestOf(rasters), size));
  return shrunk && own === 'hard' ? 'mixed' : own;
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

/** Where previews go, and how. */
interface Output {
  readonly dir: string;
  /** They have to be on the disk, not only with the kernel, before anybody is told of them. */
  readonly flush: boolean;
  /** Previews that are encoded side by side. */
  readonly atOnce: number;
  readonly tally: WorkTally;
  /** Number of the first preview's file. */
  readonly first: number;
  /** There are other pages to be made previews of. */
  readonly more: boolean;
}

async function makeAll(
  stored: Bases,
  plan: readonly PlannedPreview[],
  info: SourceInfo,
  wantedFormat: Format | undefined,
  output: Output,
  wantedReady: (preview: MadePreview) => void,
): Promise<MadePreview[]> {
  const turned = plan.some((planned) => !planned.asStored) ? await uprightBases(stored, info) : stored;
  const wanted = wantedFormat && bestPlanned(info, plan, wantedFormat);
  const bySize = plan.toSorted((a, b) => areaOf(b.geometry.scaled) - areaOf(a.geometry.scaled));
  const order = wanted ? [wanted, ...bySize.filter((planned) => planned !== wanted)] : bySize;
  const made = new Map<PlannedPreview, MadePreview>();
  const lanes = new Lanes(output.atOnce);
  try {
    for (const [index, planned] of order.entries()) {
      const bases = planned.asStored ? stored : turned;
      const { rasters } = bases;
      const size = planned.geometry.scaled;
      const edges = edgesAt(bases, size);
      let base = baseOf(rasters, size, edges);
      if (servesSmaller(size, base, rasters, order.slice(index + 1), (smaller) => edgesAt(bases, smaller))) {
        base = await scaled(base, size, edges);
        rasters.push(base);
      }
      const still = planned.animated ? base : firstFrame(base);
      await lanes.begin(async () => {
        const { preview, written } = await make(still, edges, planned, info, output, output.first + index);
        made.set(planned, preview);
        lanes.beside(written);
      });
      if (planned !== wanted || (order.length === 1 && !output.more)) continue;
      // Somebody waits for this one alone: nothing is made beside it.
      await lanes.ended();
      const preview = made.get(planned);
      if (preview) wantedReady(preview);
    }
    await lanes.ended();
  } finally {
    await lanes.quiet();
  }
  return plan.flatMap((planned) => made.get(planned) ?? []);
}

/** What a picture of `size` is made from. Hard edges of alpha show two steps more than those of colours do: none there. */
function baseOf(rasters: readonly Raster[], size: Size, edges: Edges): Raster {
  const largest = largestOf(rasters);
  if (edges === 'hard' && largest.channels === 4) return largest;
  return smallestEnough(rasters, size, edges === 'hard');
}

/** Whether a raster of `size` is worth keeping: much smaller than `base`, and what a preview much smaller still is made from. */
function servesSmaller(
  size: Size,
  base: Raster,
  rasters: readonly Raster[],
  later: readonly PlannedPreview[],
  edgesOfSize: (size: Size) => Edges,
): boolean {
  const made: Raster = { ...base, ...size };
  const half = (large: Size, small: Size): boolean =>
    small.widthPx * 2 <= large.widthPx && small.heightPx * 2 <= large.heightPx;
  const isBaseOf = ({ geometry: { scaled: smaller } }: PlannedPreview): boolean =>
    half(size, smaller) && baseOf([...rasters, made], smaller, edgesOfSize(smaller)) === made;
  return half(base, size) && later.some(isBaseOf);
}

/** The preview to make from a small decode of its own, when one is wanted and that brings it sooner. */
function wantsSmallDecode({
  source,
  assumed,
  wanted: wantedFormat,
  decode: { largest },
}: Part): PlannedPreview | undefined {
  const { info, codedAs } = source;
  if (codedAs !== 'jpeg' || wantedFormat === undefined || assumed.length === 1) return undefined;
  const wanted = bestPlanned(info, assumed, wantedFormat);
  if (wanted === undefined) return undefined;
  const size = storedScale(info, wanted);
  const isSmall = size.widthPx <= largest.widthPx * SMALL_WANTED && size.heightPx <= largest.heightPx * SMALL_WANTED;
  return isSmall ? wanted : undefined;
}

/** The planned scaled size in the orientation the source is stored in. */
function storedScale(info: SourceInfo, { geometry: { scaled: size }, asStored }: PlannedPreview): Size {
  return info.orientation >= 5 && !asStored ? { widthPx: size.heightPx, heightPx: size.widthPx } : size;
}

async function turned(raster: Raster, info: SourceInfo, planned: PlannedPreview): Promise<Raster> {
  return planned.asStored ? raster : upright(raster, info.orientation);
}

interface Written {
  readonly preview: MadePreview;
  /** Settles when the file is complete: the next preview is made meanwhile. */
  readonly written: Promise<void>;
}

async function make(
  raster: Raster,
  edges: Edges,
  planned: PlannedPreview,
  info: SourceInfo,
  { dir, flush, tally }: Output,
  index: number,
): Promise<Written> {
  const bytes = await encode(raster, planned, info, edges);
  tally.encoded(planned.type);
  const path = join(dir, `${index}.${planned.type}`);
  const written = writeNew(path, bytes, flush);
  written.catch(() => undefined); // Awaited by whoever needs the file.
  const preview = {
    formats: planned.formats.map((format) => format.text),
    type: planned.type,
    ...planned.geometry.size,
    bytes: bytes.length,
    digest: digestOf(bytes),
    path,
  };
  return { preview, written };
}

/** At once, since a child has nothing else to do; but for the disk, where that has to be waited for, in the background. */
async function writeNew(path: string, bytes: Buffer, flush: boolean): Promise<void> {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(file, bytes);
    if (flush) await fsyncInBackground(file);
  } finally {
    closeSync(file);
  }
}

const fsyncInBackground = promisify(fsync);

/** Previews with equal bytes are one; it answers the formats of all of them. */
function merged(previews: readonly MadePreview[]): MadePreview[] {
  const byBytes = new Map<string, MadePreview>();
  for (const preview of previews) {
    const same = byBytes.get(preview.digest);
    byBytes.set(preview.digest, same ? { ...same, formats: [...same.formats, ...preview.formats] } : preview);
  }
  return [...byBytes.values()];
}
