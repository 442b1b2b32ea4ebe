// Which tiles a region is drawn of, and which of their pixels.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import type { ImageRequest } from '../../../src/kernel/zoom/image-request.js';
import { levelSize, maxLevelOf, type Rect } from '../../../src/kernel/zoom/pyramid.js';
import { layOut } from '../../../src/previews/zoom/lay-out.js';

const PICTURE = { widthPx: 12_000, heightPx: 8_400 };

function asked(region: Rect, widthPx: number, heightPx: number): ImageRequest {
  const drawn = { mirrored: false, rotation: 0, quality: 'default', format: 'jpg' } as const;
  return { region, size: { widthPx, heightPx }, isLoose: false, canonical: '', ...drawn };
}

/** What is cut of the level, from its own edges. */
function cutOf(region: Rect, widthPx: number, heightPx: number) {
  const { places, with: withTiles } = layOut(PICTURE, asked(region, widthPx, heightPx));
  const { task } = withTiles(places.map(() => ({ bytes: Buffer.alloc(1), digest: digestOf(Buffer.alloc(1)) })));
  const [first] = places;
  if (first === undefined) throw new Error('expected a tile');
  const { leftPx, topPx, ...size } = task.drawn.region;
  return {
    ...{ level: first.level, canvas: task.canvas, within: task.drawn.region },
    ...{ leftPx: first.column * 512 + leftPx, topPx: first.row * 512 + topPx, ...size },
  };
}

describe('a region of which a level has exactly the pixels that are asked for', () => {
  it('is cut where it lies best, and not scaled', () => {
    const region = { leftPx: 977, topPx: 619, widthPx: 2_048, heightPx: 2_048 };
    expect(cutOf(region, 512, 512)).toMatchObject({ level: 12, leftPx: 244, topPx: 155, widthPx: 512, heightPx: 512 });
  });

  it('is never more than half a pixel away, and never out of the picture', () => {
    const side = fc.integer({ min: 1, max: 700 });
    fc.assert(
      fc.property(side, side, fc.nat(3), fc.nat(1e6), fc.nat(1e6), (widthPx, heightPx, steps, x, y) => {
        const factor = 2 ** steps;
        const size = { widthPx: widthPx * factor, heightPx: heightPx * factor };
        const leftPx = x % (PICTURE.widthPx - size.widthPx + 1);
        const topPx = y % (PICTURE.heightPx - size.heightPx + 1);
        const cut = cutOf({ leftPx, topPx, ...size }, widthPx, heightPx);
        expect(cut).toMatchObject({ level: maxLevelOf(PICTURE) - steps, widthPx, heightPx });
        expect(Math.abs(cut.leftPx - leftPx / factor)).toBeLessThanOrEqual(0.5);
        expect(Math.abs(cut.topPx - topPx / factor)).toBeLessThanOrEqual(0.5);
        const whole = levelSize(PICTURE, cut.level);
        expect(cut.leftPx + widthPx).toBeLessThanOrEqual(whole.widthPx);
        expect(cut.topPx + heightPx).toBeLessThanOrEqual(whole.heightPx);
        expect(cut.within.leftPx + widthPx).toBeLessThanOrEqual(cut.canvas.widthPx);
        expect(cut.within.topPx + heightPx).toBeLessThanOrEqual(cut.canvas.heightPx);
      }),
    );
  });
});

describe('any other region', () => {
  it('is cut with every pixel that shows some of it', () => {
    const region = { leftPx: 977, topPx: 619, widthPx: 2_050, heightPx: 2_050 };
    expect(cutOf(region, 512, 512)).toMatchObject({ level: 12, leftPx: 244, topPx: 154, widthPx: 513, heightPx: 514 });
  });
});
