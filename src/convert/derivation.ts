// Which raster each preview is made from. The answer depends on the source's pixels and on the whole plan alone: not on which
// preview somebody waits for, on what is made already or on the order of making, so that a preview has the same bytes always.
import type { PlannedPreview } from '../kernel/sequence.js';
import { areaOf, type Size } from '../kernel/sizes.js';
import { smallestEnough } from './decode-plan.js';
import { type Edges, edgesOf, harder, isHalf, type Raster, scaled } from './raster.js';

/** What the previews of a plan are made from, all in one orientation. */
export interface Bases {
  /** The largest picture of the plan, and every pixel of the source where they are at hand. */
  readonly rasters: readonly Raster[];
  /**
   * At the size of the largest picture; a smaller one may have harder ones, and is judged again. Where they are hard, scaling
   * twice would show, but in pictures so small that every way to them shows: `smallestEnough`.
   */
  readonly edges: Edges;
  /** No raster has every pixel: what is hard is made with care from what there is. */
  readonly shrunk: boolean;
}

/** How one preview comes by its pixels. */
interface Step {
  /** A raster that is decoded, or the step whose raster is kept. */
  readonly from: Raster | Step;
  readonly size: Size;
  readonly edges: Edges;
  /** A preview much smaller still is made from its raster. */
  readonly serves: boolean;
}

export interface Derived {
  readonly raster: Raster;
  /** How hard the edges are in a picture of the size that is to be made. */
  readonly edges: Edges;
}

export class Derivation {
  private readonly steps: ReadonlyMap<PlannedPreview, Step>;
  /** Rasters of steps that serve others, made when they are first asked for. */
  private readonly made = new Map<Step, Promise<Raster>>();

  /** `plan`: every preview of this orientation, those included that are not to be made. */
  constructor(bases: Bases, plan: readonly PlannedPreview[]) {
    this.steps = stepsOf(bases, plan);
  }

  /** What `planned` is scaled from, or is already. One of the plan. */
  async baseOf(planned: PlannedPreview): Promise<Derived> {
    const step = this.steps.get(planned);
    if (step === undefined) throw new RangeError('expected a preview of the plan');
    return { raster: await (step.serves ? this.rasterOf(step) : this.baseRaster(step)), edges: step.edges };
  }

  private baseRaster({ from }: Step): Promise<Raster> | Raster {
    return 'pixels' in from ? from : this.rasterOf(from);
  }

  private rasterOf(step: Step): Promise<Raster> {
    const known = this.made.get(step);
    if (known) return known;
    const making = (async () => scaled(await this.baseRaster(step), step.size, step.edges))();
    this.made.set(step, making);
    return making;
  }
}

/** From the largest to the smallest; of equal ones the first. */
function stepsOf(bases: Bases, plan: readonly PlannedPreview[]): Map<PlannedPreview, Step> {
  const bySize = plan.toSorted((a, b) => areaOf(b.geometry.scaled) - areaOf(a.geometry.scaled));
  const edges = new Map(bySize.map((planned) => [planned, edgesAt(bases, planned.geometry.scaled)]));
  const candidates: Candidate[] = bases.rasters.map((raster) => ({ ...sizeOf(raster), of: raster }));
  const clear = largestOf(bases.rasters).channels === 4;
  const steps = new Map<PlannedPreview, Step>();
  for (const [index, planned] of bySize.entries()) {
    const size = planned.geometry.scaled;
    const own = edges.get(planned) ?? 'hard';
    const base = chosenFor(candidates, size, own, clear);
    const made: Candidate = { ...size, of: { from: base.of, size, edges: own, serves: true } };
    // What lies between is not worth a raster of its own.
    const isBaseOf = (later: PlannedPreview): boolean =>
      isHalf(size, later.geometry.scaled) &&
      chosenFor([...candidates, made], later.geometry.scaled, edges.get(later) ?? 'hard', clear) === made;
    const serves = isHalf(base, size) && bySize.slice(index + 1).some(isBaseOf);
    if (serves) candidates.push(made);
    steps.set(planned, serves ? (made.of as Step) : { from: base.of, size, edges: own, serves });
  }
  return steps;
}

interface Candidate extends Size {
  readonly of: Raster | Step;
}

/** What a picture of `size` is made from. Hard edges of alpha show two steps more than those of colours do: none there. */
function chosenFor(candidates: readonly Candidate[], size: Size, edges: Edges, clear: boolean): Candidate {
  return edges === 'hard' && clear ? largestOf(candidates) : smallestEnough(candidates, size, edges === 'hard');
}

function sizeOf({ widthPx, heightPx }: Size): Size {
  return { widthPx, heightPx };
}

function largestOf<S extends Size>(sizes: readonly S[]): S {
  return sizes.reduce((most, size) => (areaOf(size) > areaOf(most) ? size : most));
}

/** How hard the edges are in a picture of `size`. */
function edgesAt({ rasters, edges, shrunk }: Bases, size: Size): Edges {
  const own = harder(edges, edgesOf(largestOf(rasters), size));
  return shrunk && own === 'hard' ? 'mixed' : own;
}
