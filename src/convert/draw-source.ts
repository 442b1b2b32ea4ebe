// One picture drawn from a source by a recipe, or the header alone where nothing is to be drawn. Runs in a converter child, as
// sequences do; one decode, at reduced scale or of the asked region where that is enough.
import type { Conversion } from '../kernel/ports/converter.js';
import type { Recipe } from '../kernel/recipe/recipe.js';
import { recipeText } from '../kernel/recipe/recipe-text.js';
import { type DrawingLimits, type ResolvedRecipe, resolveRecipe } from '../kernel/recipe/resolve.js';
import { turnedBack, turnedRegion, turnedSize } from '../kernel/recipe/turn.js';
import type { PlannedPreview } from '../kernel/sequence.js';
import { areaOf, covers, type Geometry, type Region, type Size } from '../kernel/sizes.js';
import { type SourceInfo, storedSize } from '../kernel/source.js';
import type { ConversionSteps, WorkTally } from './convert-source.js';
import { type DecodePlan, planDecode } from './decode-plan.js';
import { Decoder } from './decoder.js';
import { extracted, flattened, isPlain, rasterOfStage } from './draw-stage.js';
import { marked } from './mark.js';
import { codedInfo, costOfPart, isLossless, type Part } from './parts.js';
import { PreviewWriter } from './preview-writer.js';
import type { ChildSettings, JobMessage } from './protocol.js';
import { type Edges, edgesOf, type Raster, upright, usesAlpha, withoutAlpha } from './raster.js';
import type { ReadBuffer } from './read-buffer.js';
import { openSource, type SourceFile, sourcePage } from './source-file.js';
import { tagsOf } from './tags.js';

export type DrawingJob = Pick<JobMessage, 'sourcePath' | 'content' | 'outputDir'> &
  Required<Pick<JobMessage, 'drawing'>>;

/** Throws what `openSource` and `resolveRecipe` throw, and whatever decoders and the file system throw. */
export async function drawSource(
  { sourcePath, content, outputDir, drawing: { recipe, limits, fuses = true, of } }: DrawingJob,
  settings: ChildSettings,
  steps: Pick<ConversionSteps, 'admit'>,
  tally: WorkTally,
  buffer: ReadBuffer,
): Promise<Conversion> {
  const opened = await openSource(content ?? sourcePath, settings, buffer);
  // Nothing of a picture's own header is told of its source.
  const told = of ? { info: of, metadata: {} } : { info: opened.info, metadata: tagsOf(opened) };
  if (recipe === undefined) return { ...told, previews: [] };
  const { source, drawn: info } = of
    ? { source: opened, drawn: { ...of, orientation: 1 as const } }
    : await pageOfSource(opened, recipe, limits, settings);
  const resolved = resolveRecipe(recipe, info, limits, { fuses });
  const plan = planDrawing(source, info, resolved);
  await steps.admit(source.info.type, plan.costBytes);
  const decoder = new Decoder(source, settings, plan.part.decode.largest);
  const { raster, edges } = await firstRaster(source, decoder, plan, resolved, tally);
  if (of && edges !== 'soft') return { ...told, previews: [] };
  const auto = settings.auto;
  const { stages, background } = resolved;
  // A stage that is not plain has a geometry of its own, and the encoder is only told what came of it.
  const [stage] = stages;
  const isAsSeen = stages.length === 1 && isPlain(stage) && stage.turn === info.orientation && background === 'none';
  const isOwn = of === undefined && plan.isWhole && isAsSeen && resolved.mark === undefined;
  const rules = {
    auto,
    sourceBytes: isOwn ? source.file.length : Number.POSITIVE_INFINITY,
    own: (mostBytes: number) => (isOwn ? decoder.ownPicture(mostBytes) : undefined),
    unprofiled: async (shown: Raster) => (isOwn ? decoder.unprofiledPicture(shown) : undefined),
  };
  const output = { dir: outputDir, flush: settings.flush, rules, tally, asBytes: true, first: 0 };
  const drawn = await markedWhere(await drawStages(raster, edges, resolved), resolved);
  const planned = plannedOf(resolved, drawn.geometry);
  const { preview, written } = await new PreviewWriter(output, info).make(drawn.raster, drawn.edges, planned, 0);
  await written;
  return { ...told, previews: [{ ...preview, formats: [recipeText(recipe)] }] };
}

interface DrawingPlan {
  readonly part: Part;
  /** The first stage's region of the source as it is stored. */
  readonly region: Region;
  readonly isWhole: boolean;
  /** The decoder hands over that region alone, scaled as `part.decode.largest`. */
  readonly decodesRegion: boolean;
  readonly costBytes: number;
}

async function pageOfSource(
  opened: SourceFile,
  recipe: Recipe,
  limits: DrawingLimits,
  settings: ChildSettings,
): Promise<{ readonly source: SourceFile; readonly drawn: SourceInfo }> {
  const { pages, animated } = opened.info;
  const { page } = resolveRecipe({ ...recipe, steps: [] }, opened.info, limits);
  const source = await sourcePage(opened, page, settings);
  return { source, drawn: { ...source.info, pages, animated } };
}

/** `info`: of the picture that the recipe is of, which the source may be a smaller one of. */
function planDrawing(source: SourceFile, info: SourceInfo, resolved: ResolvedRecipe): DrawingPlan {
  const { bytes, reading, pixels } = source;
  const [first, ...others] = resolved.stages;
  const back = turnedBack(first.turn);
  const stored = storedSize(info);
  const region = turnedRegion(first.region, first.of, back);
  const isWhole = areaOf(region) === areaOf(stored);
  const scaledRegion = turnedSize(first.scaled, back);
  const decodesRegion = !isWhole && pixels === undefined && !reading?.wholeOnly && info.type !== 'svg';
  // What the whole is scaled to where the region is scaled so.
  const scaled = isWhole ? scaledRegion : times(stored, scaledRegion, region);
  const planned = storedPlan(resolved, scaled);
  const decode = decodesRegion
    ? regionDecode(region, scaledRegion)
    : decodeOf(source, planDecode(codedInfo(source), bytes.length, isLossless(source), [planned], reading));
  const part: Part = {
    source,
    formats: [],
    wanted: undefined,
    assumed: [storedPlan(resolved, decode.largest)],
    decode,
  };
  // Each stage holds what comes in and what it makes.
  const stages = [first, ...others].reduce((sum, { scaled: to, size }) => sum + (areaOf(to) + areaOf(size)) * 4, 0);
  const turned = first.turn === 1 ? 0 : areaOf(decode.largest) * 4;
  // The mark, in two shapes on its way, and the picture with it.
  const laid = resolved.mark === undefined ? 0 : areaOf(resolved.size) * 16;
  return { part, region, isWhole, decodesRegion, costBytes: Math.ceil(costOfPart(part) + stages + turned + laid) };
}

function decodeOf({ pixels }: SourceFile, planned: DecodePlan): DecodePlan {
  return pixels?.drawn ? { ...planned, kind: 'drawn', mayRepeat: false } : planned;
}

/** The region's own pixels are scaled by the decoder's pipeline, strip by strip, where they become fewer. */
function regionDecode(region: Size, scaled: Size): DecodePlan {
  const largest = covers(region, scaled) ? scaled : { widthPx: region.widthPx, heightPx: region.heightPx };
  return { kind: 'scaled', largest, fast: false, frames: 1, mayRepeat: false };
}

function times(whole: Size, to: Size, of: Size): Size {
  return {
    widthPx: Math.max(1, Math.round((whole.widthPx * to.widthPx) / of.widthPx)),
    heightPx: Math.max(1, Math.round((whole.heightPx * to.heightPx) / of.heightPx)),
  };
}

function storedPlan(resolved: ResolvedRecipe, scaled: Size): PlannedPreview {
  return { ...plannedOf(resolved, wholeGeometry(scaled)), asStored: true };
}

function plannedOf({ type, auto, quality }: ResolvedRecipe, geometry: Geometry): PlannedPreview {
  return { formats: [], type, auto, geometry, asStored: false, animated: false, quality };
}

function wholeGeometry({ widthPx, heightPx }: Size): Geometry {
  const size = { widthPx, heightPx };
  return { scaled: size, crop: { leftPx: 0, topPx: 0, ...size }, pad: { leftPx: 0, topPx: 0 }, size };
}

interface Drawn {
  readonly raster: Raster;
  readonly edges: Edges;
}

/** The first stage's region, turned as it asks; at its full size or nearer to what it is scaled to. */
async function firstRaster(
  source: SourceFile,
  decoder: Decoder,
  { part, region, isWhole, decodesRegion }: DrawingPlan,
  { stages: [first], background, type, auto }: ResolvedRecipe,
  tally: WorkTally,
): Promise<Drawn> {
  tally.decodes.sequence++;
  const { decode } = part;
  let raster = decodesRegion
    ? await decoder.region(region, decode.largest)
    : await decodedWhole(decoder, decode, tally);
  if (!decodesRegion && !isWhole) raster = await extracted(raster, regionIn(raster, region, storedSize(source.info)));
  const alphaUsed = usesAlpha(raster);
  if (!alphaUsed) raster = await withoutAlpha(raster);
  else if (background !== 'none' || (type === 'jpg' && !auto)) raster = await flattened(raster, background);
  raster = await upright(raster, first.turn);
  return { raster, edges: edgesOf(raster, first.scaled) };
}

async function decodedWhole(decoder: Decoder, decode: DecodePlan, tally: WorkTally): Promise<Raster> {
  if (decode.kind !== 'scaled') return decoder.full(1);
  const { largest, fast, mayRepeat } = decode;
  const scaled = await decoder.scaled(largest, { fast, kernel: mayRepeat ? 'cubic' : 'lanczos3' });
  if (!mayRepeat || edgesOf(scaled, largest) !== 'hard') return scaled;
  tally.decodes.again++;
  return decoder.full(1);
}

/** A region of a picture of size `of`, in a raster of that picture that may have another size. */
function regionIn(raster: Size, { leftPx, topPx, widthPx, heightPx }: Region, of: Size): Region {
  const x = (at: number): number => Math.round((at * raster.widthPx) / of.widthPx);
  const y = (at: number): number => Math.round((at * raster.heightPx) / of.heightPx);
  const left = Math.min(raster.widthPx - 1, x(leftPx));
  const top = Math.min(raster.heightPx - 1, y(topPx));
  return {
    leftPx: left,
    topPx: top,
    widthPx: Math.max(1, x(leftPx + widthPx) - left),
    heightPx: Math.max(1, y(topPx + heightPx) - top),
  };
}

/** With what is laid over it, where something is. */
async function markedWhere(drawn: Awaited<ReturnType<typeof drawStages>>, { mark }: ResolvedRecipe) {
  return mark === undefined ? drawn : { ...drawn, raster: await marked(drawn.raster, mark) };
}

/** All stages but what can be done in one go with the encoding; all of them where something is laid over what comes of them. */
async function drawStages(
  from: Raster,
  edges: Edges,
  { stages, type, mark }: ResolvedRecipe,
): Promise<Drawn & { readonly geometry: Geometry }> {
  const last = stages[stages.length - 1] ?? stages[0];
  let drawn: Drawn = { raster: from, edges };
  for (const [index, stage] of stages.entries()) {
    const turned = index === 0 ? drawn.raster : await upright(drawn.raster, stage.turn);
    const isAll = index === 0 || areaOf(stage.region) === areaOf(stage.of);
    const raster = isAll ? turned : await extracted(turned, stage.region);
    const own = index === 0 ? drawn.edges : edgesOf(raster, stage.scaled);
    if (stage === last && isPlain(stage) && mark === undefined) {
      const { scaled, crop, pad, size } = stage;
      return { raster, edges: own, geometry: { scaled, crop, pad, size } };
    }
    drawn = { raster: await rasterOfStage(raster, stage, own, type), edges: own };
  }
  return { ...drawn, geometry: wholeGeometry(drawn.raster) };
}
