// The preview sequence: what its id stands for, and what it means for one source.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_SIDE_PX, planSequence, sequenceOf } from '../../../src/kernel/sequence.js';
import { areaOf } from '../../../src/kernel/sizes.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { anyFormat, anySource } from '../../support/kernel-arbitraries.js';
import { sourceInfo } from '../../support/records.js';

const plan = (facts: Parameters<typeof sourceInfo>[0], formats: readonly string[], alphaUsed = false) =>
  planSequence(sourceInfo(facts), alphaUsed, sequenceOf(formats).formats);

describe('a sequence', () => {
  test('has an id that stands for its formats in their order, however they are written', () => {
    const id = sequenceOf(['auto:200x150', 'jpg:10x10~cover']).id;
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(sequenceOf([' AUTO:200X150~contain', 'jpeg:10x10-cover ']).id).toBe(id);
    expect(sequenceOf(['jpg:10x10~cover', 'auto:200x150']).id).not.toBe(id);
    expect(sequenceOf(['auto:200x150', 'jpg:10x10~cover@80']).id).not.toBe(id);
    expect(sequenceOf(['auto:200x150']).id).not.toBe(id);
  });

  test('has another id under another rule of auto: what was made by the one is not what the other makes', () => {
    const ids = [sequenceOf(['auto:9x9']), sequenceOf(['auto:9x9'], 'adaptive'), sequenceOf(['auto:9x9'], 'classic')];
    expect(ids[0]?.id).toBe(ids[1]?.id);
    expect(ids[2]?.id).not.toBe(ids[1]?.id);
  });

  test('counts equal formats once', () => {
    const { formats } = sequenceOf(['auto:200x150', 'auto:200x150~contain', 'AUTO:200x150']);
    expect(formats.map(({ text }) => text)).toEqual(['auto:200x150']);
  });

  test('refuses a format that does not parse', () => {
    expect(() => sequenceOf(['auto:200x150', 'auto:8x'])).toThrow('position 7');
  });
});

describe('for a source', () => {
  test('the default sequence of a 12 MP photo is five previews of the sizes arithmetic gives', () => {
    const previews = plan({ widthPx: 4000, heightPx: 3000 }, DEFAULT_TARGET_FORMATS);
    expect(previews.map(({ geometry: { size } }) => `${size.widthPx}x${size.heightPx}`)).toEqual([
      // 200x150 is 4:3 as the source is, so contain and cover are the same picture.
      '200x150',
      '800x600',
      '1440x1080',
      '1920x1440',
    ]);
    expect(previews.map(({ formats }) => formats.map(({ text }) => text))[0]).toEqual([
      'auto:200x150',
      'auto:200x150~cover',
    ]);
  });

  test('formats that give the source’s own size are one preview, but where the type is left open', () => {
    const formats = ['800x800', '1920x1080~cover', '-1x-1', 'jpg:400x400@75'];
    const previews = plan({ widthPx: 100, heightPx: 50 }, formats);
    expect(previews.map((preview) => [preview.auto, preview.formats.length])).toEqual([
      [true, 3],
      [false, 1],
    ]);
  });

  test('other quality, type or orientation is another preview; quality means nothing to PNG', () => {
    expect(plan({}, ['jpg:-1x-1@75', 'jpg:-1x-1@76', 'webp:-1x-1'])).toHaveLength(3);
    expect(plan({}, ['png:-1x-1@10', 'png:-1x-1@90'])).toHaveLength(1);
    expect(plan({ orientation: 6 }, ['jpg:-1x-1', 'jpg:-1x-1~norotate'])).toHaveLength(2);
    expect(plan({ orientation: 1 }, ['jpg:-1x-1', 'jpg:-1x-1~norotate'])).toHaveLength(1);
  });

  test('norotate measures the source as it is stored', () => {
    const [upright, asStored] = plan({ widthPx: 300, heightPx: 400, orientation: 6 }, ['-1x-1', '-1x-1~norotate']);
    expect(upright?.geometry.size).toEqual({ widthPx: 300, heightPx: 400 });
    expect(asStored?.geometry.size).toEqual({ widthPx: 400, heightPx: 300 });
    expect([upright?.asStored, asStored?.asStored]).toEqual([false, true]);
  });

  test.each([
    ['an opaque source', { type: 'png', hasAlpha: true }, false, 'jpg', false],
    ['used alpha', { type: 'png', hasAlpha: true }, true, 'png', false],
    ['an animated GIF', { type: 'gif', animated: true, pages: 3 }, true, 'gif', true],
    ['an animated WebP', { type: 'webp', animated: true, pages: 3 }, false, 'webp', true],
    ['a still GIF', { type: 'gif' }, false, 'jpg', false],
    ['a TIFF of many pages', { type: 'tiff', pages: 9 }, false, 'jpg', false],
  ] as const)('auto is decided by the source: %s', (_what, facts, alphaUsed, type, animated) => {
    expect(plan(facts, ['auto:100x100'], alphaUsed)[0]).toMatchObject({ type, animated });
  });

  test('an animation asked for as a still type is its first frame', () => {
    expect(plan({ type: 'gif', animated: true, pages: 3 }, ['jpg:10x10'])[0]).toMatchObject({ animated: false });
  });

  test('lossy types have their quality unless the format names one', () => {
    expect(
      plan({}, ['jpg:10x10', 'webp:10x10', 'avif:10x10', 'webp:10x10@30', 'png:10x10', 'gif:10x10']).map(
        ({ quality }) => quality,
      ),
    ).toEqual([75, 75, 60, 30, undefined, undefined]);
  });

  test('every format is answered by exactly one preview, no two are the same picture, and none is too long for its type', () => {
    fc.assert(
      fc.property(anySource, fc.boolean(), fc.array(anyFormat, { minLength: 1, maxLength: 8 }), (info, alpha, raw) => {
        const { formats } = sequenceOf(raw.map(({ text }) => text));
        const previews = planSequence(info, alpha, formats);
        expect(previews.flatMap((preview) => preview.formats.map(({ text }) => text)).sort()).toEqual(
          formats.map(({ text }) => text).sort(),
        );
        const pictures = previews.map(({ formats: _, ...picture }) => fc.stringify(picture));
        expect(new Set(pictures).size).toBe(previews.length);
        for (const { type, geometry } of previews) {
          expect(areaOf(geometry.size)).toBeGreaterThan(0);
          expect(Math.max(geometry.size.widthPx, geometry.size.heightPx)).toBeLessThanOrEqual(MAX_SIDE_PX[type]);
        }
      }),
    );
  });
});
