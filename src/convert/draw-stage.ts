// The stages of a recipe on rasters: what one stage draws, and the small steps between. Knows no source and no file.
import sharp from 'sharp';
import type { PreviewType } from '../kernel/format.js';
import { isPadded, type Stage } from '../kernel/recipe/fusing.js';
import { NO_COLOUR } from '../kernel/recipe/recipe.js';
import { areaOf, type Region } from '../kernel/sizes.js';
import { type Edges, kernelFor, pipelineFrom, type Raster, rasterOf, rasterOfSize } from './raster.js';

const WHITE = { r: 255, g: 255, b: 255, alpha: 1 };
const TRANSPARENT = { r: 0, g: 0, b: 0, alpha: 0 };

/** Whether the encoder's own scaling, cutting and padding make the stage. */
export function isPlain({ attention, extend, background, blurSigmaPx }: Stage): boolean {
  return !attention && extend === 'background' && background === NO_COLOUR && blurSigmaPx === 0;
}

/** What `stage` makes of its region, which `raster` is, scaled in part or not at all. */
export async function rasterOfStage(raster: Raster, stage: Stage, edges: Edges, type: PreviewType): Promise<Raster> {
  const { scaled, crop, attention, pad, size, extend, background, blurSigmaPx } = stage;
  let image = pipelineFrom(raster);
  if (raster.widthPx !== scaled.widthPx || raster.heightPx !== scaled.heightPx)
    image = image.resize(scaled.widthPx, scaled.heightPx, { fit: 'fill', kernel: kernelFor(raster, scaled, edges) });
  if (attention) {
    // Scaled first: what draws the eye is looked for in what is scaled, and a pipeline scales once.
    const whole = await rasterOf(image, 1);
    image = pipelineFrom(whole).resize(crop.widthPx, crop.heightPx, {
      fit: 'cover',
      position: sharp.strategy.attention,
      withoutReduction: true,
    });
  } else if (areaOf(crop) !== areaOf(scaled)) {
    image = image.extract({ left: crop.leftPx, top: crop.topPx, width: crop.widthPx, height: crop.heightPx });
  }
  if (isPadded(stage))
    image = image.extend({
      left: pad.leftPx,
      top: pad.topPx,
      right: size.widthPx - crop.widthPx - pad.leftPx,
      bottom: size.heightPx - crop.heightPx - pad.topPx,
      extendWith: extend,
      background: background === NO_COLOUR ? (type === 'jpg' ? WHITE : TRANSPARENT) : colourOf(background),
    });
  if (blurSigmaPx === 0) return rasterOfSize(image, size);
  // A pipeline weighs colours by an alpha that it began with, not by one that padding brought: black would bleed in from the edge.
  if (isPadded(stage)) image = pipelineFrom(await rasterOfSize(image, size));
  return rasterOfSize(image.blur(blurSigmaPx), size);
}

export function extracted(raster: Raster, { leftPx, topPx, widthPx, heightPx }: Region): Promise<Raster> {
  return rasterOf(pipelineFrom(raster).extract({ left: leftPx, top: topPx, width: widthPx, height: heightPx }), 1);
}

/** Over one colour, without alpha. */
export function flattened(raster: Raster, background: string): Promise<Raster> {
  return rasterOf(
    pipelineFrom(raster).flatten({ background: background === NO_COLOUR ? WHITE : colourOf(background) }),
    1,
  );
}

function colourOf(hex: string): { r: number; g: number; b: number; alpha: number } {
  const [r = 0, g = 0, b = 0] = [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  return { r, g, b, alpha: 1 };
}
