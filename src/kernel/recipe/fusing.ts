// Steps of a recipe become stages: each turns, cuts, scales once, cuts, pads and blurs, in this order. A step goes into the stage
// that is open where nobody could see the difference, and begins another one where somebody could. Pure arithmetic.
import { ProofsheetError } from '../errors.js';
import type { Region, Size } from '../sizes.js';
import {
  type CanvasStep,
  type Colour,
  type Extend,
  type Gravity,
  NO_COLOUR,
  type ScaleStep,
  type Step,
} from './recipe.js';
import { sigmaOf } from './recipe-text.js';
import { type Turn, thenTurned, turnedRegion, turnedSize } from './turn.js';

export interface Stage {
  /** Of the picture that comes in. */
  readonly turn: Turn;
  /** The size of that picture, turned. */
  readonly of: Size;
  /** Of the turned picture. */
  readonly region: Region;
  /** What the region is scaled to. */
  readonly scaled: Size;
  /** Of that; with `attention` only its size means anything. */
  readonly crop: Region;
  /** The crop's place follows from the pixels. */
  readonly attention: boolean;
  /** Where the crop lies on the canvas. */
  readonly pad: { readonly leftPx: number; readonly topPx: number };
  readonly size: Size;
  /** By which the pad came about. */
  readonly gravity: Gravity;
  readonly extend: Extend;
  readonly background: Colour;
  /** 0: none. */
  readonly blurSigmaPx: number;
}

/** A blur that is wider is drawn of a picture so much smaller that it is no narrower than the other there. */
const [WIDE_SIGMA_PX, BLURRED_SIGMA_PX] = [16, 8];
/** Where an edge of the picture is near everywhere, its rows are too few to stand for more. */
const MIN_BLURRED_SIDE_PX = 16;

export class Fusing {
  private readonly done: Stage[] = [];
  private open: Stage;

  /** `fuses: false`: every step is a stage of its own. */
  constructor(
    source: Size,
    private readonly fuses: boolean,
  ) {
    this.open = untouched(source);
  }

  /** Of the picture so far. */
  get size(): Size {
    return this.open.size;
  }

  /** Throws `invalid-request-format` for a region outside of the picture. */
  take(step: Exclude<Step, { readonly step: 'upright' }>): void {
    switch (step.step) {
      case 'turn':
        this.turn(step.turn);
        break;
      case 'region':
        this.cut(clipped(step, this.size));
        break;
      case 'scale':
        this.scale(targetOf(this.size, step));
        break;
      case 'canvas':
        this.onCanvas(step);
        break;
      case 'blur':
        this.blur(sigmaOf(step.sigmaPx));
        break;
    }
    if (!this.fuses) this.begin();
  }

  stages(): readonly [Stage, ...Stage[]] {
    const all = this.done.length > 0 && isUntouched(this.open) ? this.done : [...this.done, this.open];
    const [first = this.open, ...others] = all;
    return [first, ...others];
  }

  /** The open stage ends; the next one begins with what it makes. */
  private begin(): void {
    if (!isUntouched(this.open)) this.done.push(this.open);
    this.open = untouched(this.open.size);
  }

  private turn(turn: Turn): void {
    if (turn === 1) return;
    if (!canTurn(this.open)) this.begin();
    this.open = turnedStage(this.open, turn);
    // As early as nobody can see it, so that it is told at one place, however it was written.
    for (let at = this.done.length - 1; at >= 0; at--) {
      const [before, after] = [this.done[at], this.done[at + 1] ?? this.open];
      if (before === undefined || !canTurn(before)) return;
      this.done[at] = turnedStage(before, after.turn);
      const unturned: Stage = { ...after, turn: 1 };
      if (at + 1 < this.done.length) this.done[at + 1] = unturned;
      else this.open = unturned;
    }
  }

  private cut(part: Region): void {
    if (isSameSize(part, this.size)) return;
    if (isPadded(this.open) || this.open.attention || this.open.blurSigmaPx > 0) this.begin();
    const { region, scaled, crop } = this.open;
    const size = { widthPx: part.widthPx, heightPx: part.heightPx };
    if (isSameSize(scaled, region)) {
      const at = { leftPx: region.leftPx + crop.leftPx + part.leftPx, topPx: region.topPx + crop.topPx + part.topPx };
      this.open = { ...this.open, region: { ...at, ...size }, scaled: size, crop: whole(size), size };
    } else {
      const at = { leftPx: crop.leftPx + part.leftPx, topPx: crop.topPx + part.topPx };
      this.open = { ...this.open, crop: { ...at, ...size }, size };
    }
  }

  private scale(target: Size): void {
    if (isSameSize(target, this.size)) return;
    const { region, scaled, crop } = this.open;
    const isCut = this.open.attention || !isSameSize(crop, scaled);
    const wasScaled = !isSameSize(scaled, region);
    // Twice smaller is once smaller; smaller and larger again has lost what lay between.
    const goesOn = isWithin(scaled, region) && isWithin(target, scaled);
    if (isPadded(this.open) || isCut || this.open.blurSigmaPx > 0 || (wasScaled && !goesOn)) this.begin();
    this.open = { ...this.open, scaled: target, crop: whole(target), size: target };
  }

  private onCanvas({ widthPx, heightPx, mode, gravity, extend, background }: CanvasStep): void {
    const { size } = this;
    const box = {
      widthPx: widthPx > 0 ? widthPx : size.widthPx,
      heightPx: heightPx > 0 ? heightPx : size.heightPx,
    };
    if (mode === 'unless-within' && size.widthPx < box.widthPx && size.heightPx < box.heightPx) return;
    const kept = {
      widthPx: Math.min(size.widthPx, box.widthPx),
      heightPx: Math.min(size.heightPx, box.heightPx),
    };
    if (!isSameSize(kept, size)) {
      if (gravity === 'attention') this.cutByAttention(kept);
      else this.cut({ ...placeOf(size, kept, gravity), ...kept });
    }
    if (mode === 'cut' || isSameSize(box, kept)) return;
    if (isPadded(this.open) || this.open.blurSigmaPx > 0) this.begin();
    const plain = gravity === 'attention' ? 'centre' : gravity;
    this.open = {
      ...this.open,
      pad: placeOf(box, kept, plain),
      size: box,
      gravity: plain,
      extend,
      background: extend === 'background' ? background : NO_COLOUR,
    };
  }

  /** A wide one of a smaller picture, which holds all that such a blur leaves: its cost grows with its width. */
  private blur(sigmaPx: number): void {
    const { widthPx, heightPx } = this.size;
    const times = Math.floor(Math.min(sigmaPx / BLURRED_SIGMA_PX, Math.min(widthPx, heightPx) / MIN_BLURRED_SIDE_PX));
    if (sigmaPx <= WIDE_SIGMA_PX || times < 2) {
      if (this.open.blurSigmaPx > 0) this.begin();
      this.open = { ...this.open, blurSigmaPx: sigmaPx };
      return;
    }
    this.scale({ widthPx: Math.ceil(widthPx / times), heightPx: Math.ceil(heightPx / times) });
    this.open = { ...this.open, blurSigmaPx: sigmaOf(sigmaPx / times) };
    this.scale({ widthPx, heightPx });
  }

  private cutByAttention(kept: Size): void {
    const { scaled, crop, attention, blurSigmaPx } = this.open;
    if (isPadded(this.open) || attention || blurSigmaPx > 0 || !isSameSize(crop, scaled)) this.begin();
    this.open = { ...this.open, crop: whole(kept), attention: true, size: kept };
  }
}

/** The odd pixel of a centred picture lies at one side, and what draws the eye may lie elsewhere in a turned picture. */
function canTurn(stage: Stage): boolean {
  return !isPadded(stage) && !stage.attention && stage.blurSigmaPx === 0;
}

/** What makes the same picture, turned. */
function turnedStage(stage: Stage, turn: Turn): Stage {
  const { of, region, scaled, crop, size } = stage;
  return {
    ...stage,
    turn: thenTurned(stage.turn, turn),
    of: turnedSize(of, turn),
    region: turnedRegion(region, of, turn),
    scaled: turnedSize(scaled, turn),
    crop: turnedRegion(crop, scaled, turn),
    size: turnedSize(size, turn),
  };
}

function untouched(size: Size): Stage {
  const { widthPx, heightPx } = size;
  const own = { widthPx, heightPx };
  return {
    turn: 1,
    of: own,
    region: whole(own),
    scaled: own,
    crop: whole(own),
    attention: false,
    pad: { leftPx: 0, topPx: 0 },
    size: own,
    gravity: 'centre',
    extend: 'background',
    background: NO_COLOUR,
    blurSigmaPx: 0,
  };
}

function isUntouched({ turn, of, region, scaled, size, crop, blurSigmaPx }: Stage): boolean {
  return turn === 1 && [region, scaled, crop, size].every((each) => isSameSize(each, of)) && blurSigmaPx === 0;
}

function whole(size: Size): Region {
  return { leftPx: 0, topPx: 0, widthPx: size.widthPx, heightPx: size.heightPx };
}

function isSameSize(a: Size, b: Size): boolean {
  return a.widthPx === b.widthPx && a.heightPx === b.heightPx;
}

function isWithin(a: Size, b: Size): boolean {
  return a.widthPx <= b.widthPx && a.heightPx <= b.heightPx;
}

/** Whether something stands around the picture. */
export function isPadded({ crop, size }: Stage): boolean {
  return !isSameSize(crop, size);
}

function clipped(region: Region, { widthPx, heightPx }: Size): Region {
  const right = Math.min(region.leftPx + region.widthPx, widthPx);
  const bottom = Math.min(region.topPx + region.heightPx, heightPx);
  if (region.leftPx < right && region.topPx < bottom)
    return { ...region, widthPx: right - region.leftPx, heightPx: bottom - region.topPx };
  throw new ProofsheetError(
    'invalid-request-format',
    `expected a region that begins within the ${widthPx}x${heightPx} pixels of the picture, got one at ${region.leftPx},${region.topPx}`,
  );
}

/** The size that a picture of `size` is scaled to. */
function targetOf(size: Size, { widthPx, heightPx, fit, enlarge }: ScaleStep): Size {
  const width = widthPx === -1 ? size.widthPx : widthPx;
  const height = heightPx === -1 ? size.heightPx : heightPx;
  if (width === 0 && height === 0) return size;
  if (enlarge === 'unless-within' && width > size.widthPx && height > size.heightPx) return size;
  const byWidth = width === 0 ? undefined : width / size.widthPx;
  const byHeight = height === 0 ? undefined : height / size.heightPx;
  const factors = [byWidth, byHeight].filter((factor) => factor !== undefined);
  const bound = (factor: number): number => (enlarge === 'never' ? Math.min(1, factor) : factor);
  if (fit === 'fill' && byWidth !== undefined && byHeight !== undefined)
    return { widthPx: sideOf(size.widthPx, bound(byWidth)), heightPx: sideOf(size.heightPx, bound(byHeight)) };
  const factor = bound(fit === 'cover' ? Math.max(...factors) : Math.min(...factors));
  return { widthPx: sideOf(size.widthPx, factor), heightPx: sideOf(size.heightPx, factor) };
}

function sideOf(sidePx: number, factor: number): number {
  return Math.max(1, Math.round(sidePx * factor));
}

/** Where `small` lies in `large`, or of `small`, larger, what is kept begins. */
function placeOf(large: Size, small: Size, gravity: Gravity): { readonly leftPx: number; readonly topPx: number } {
  const [x, y] = [large.widthPx - small.widthPx, large.heightPx - small.heightPx];
  const leftPx = gravity.endsWith('west') ? 0 : gravity.endsWith('east') ? x : Math.floor(x / 2);
  const topPx = gravity.startsWith('north') ? 0 : gravity.startsWith('south') ? y : Math.floor(y / 2);
  return { leftPx, topPx };
}
