// IIIF image requests of both versions: the specifications' examples and rules, the errors of each part, and what holds for all.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProofsheetError } from '../../../../src/kernel/errors.js';
import type { Size } from '../../../../src/kernel/sizes.js';
import {
  API_VERSIONS,
  type ApiVersion,
  IMAGE_FORMATS,
  type ImageLimits,
  type ImageRequestText,
  maxSizeOf,
  QUALITIES,
  resolveImageRequest,
} from '../../../../src/kernel/zoom/image-request.js';

const LIMITS: ImageLimits = { maxSidePx: 5_000, maxAreaPx: 16_000_000 };
const SQUARES: Size = { widthPx: 1000, heightPx: 1000 };
/** The picture of the specifications' figures. */
const FIGURE: Size = { widthPx: 300, heightPx: 200 };

function asked(path: string): ImageRequestText {
  const [region = '', size = '', rotation = '', last = ''] = path.split('/');
  const dot = last.lastIndexOf('.');
  return { region, size, rotation, quality: last.slice(0, dot), format: last.slice(dot + 1) };
}

const resolve = (version: ApiVersion, path: string, picture = SQUARES, limits = LIMITS) =>
  resolveImageRequest(version, picture, asked(path), limits);

function codeOf(version: ApiVersion, path: string, picture = SQUARES, limits = LIMITS): string {
  try {
    resolve(version, path, picture, limits);
    return 'ok';
  } catch (error) {
    if (error instanceof ProofsheetError) return error.code;
    throw error;
  }
}

describe.each(API_VERSIONS)('regions of version %i', (version) => {
  test.each([
    ['full', FIGURE, [0, 0, 300, 200]],
    ['square', FIGURE, [50, 0, 200, 200]],
    ['125,15,120,140', FIGURE, [125, 15, 120, 140]],
    ['pct:41.6,7.5,40,70', FIGURE, [125, 15, 120, 140]],
    ['125,15,200,200', FIGURE, [125, 15, 175, 185]],
    ['pct:41.6,7.5,66.6,100', FIGURE, [125, 15, 175, 185]],
    ['pct:0,0,0.01,0.01', FIGURE, [0, 0, 1, 1]],
    ['999,999,1,1', SQUARES, [999, 999, 1, 1]],
  ])('%s of %o is %o', (region, picture, [leftPx, topPx, widthPx, heightPx]) => {
    expect(resolve(version, `${region}/max/0/default.jpg`, picture).region).toEqual({
      leftPx,
      topPx,
      widthPx,
      heightPx,
    });
  });

  test.each([
    '',
    'whole',
    'FULL',
    '0,0,0,10',
    '0,0,10,0',
    '1000,0,10,10',
    '0,1000,10,10',
    '-1,0,10,10',
    '0,0,10',
    '0,0,10,10,10',
    '1.5,0,10,10',
    'a,b,c,d',
    'pct:0,0,0,10',
    'pct:100,0,10,10',
    'pct:-1,0,10,10',
    'pct:a,0,1,1',
    'pct:',
    '1e2,0,10,10',
    '+1,0,10,10',
    ' 1,0,10,10',
    '99999999999,0,1,1',
  ])('%j is refused with 400', (region) => {
    expect(codeOf(version, `${region}/max/0/default.jpg`)).toBe('invalid-request-format');
  });
});

describe('sizes of both', () => {
  test.each([
    ['max', FIGURE, 300, 200],
    ['150,', FIGURE, 150, 100],
    [',150', FIGURE, 225, 150],
    ['pct:50', FIGURE, 150, 100],
    ['225,100', FIGURE, 225, 100],
    ['!225,100', FIGURE, 150, 100],
    ['!225,225', FIGURE, 225, 150],
    ['pct:33.3', FIGURE, 100, 67],
  ])('%s of %o is %ix%i', (size, picture, widthPx, heightPx) => {
    for (const version of API_VERSIONS)
      expect(resolve(version, `full/${size}/0/default.jpg`, picture).size).toEqual({ widthPx, heightPx });
  });

  test.each([
    '',
    'small',
    '0,',
    ',0',
    '0,0',
    '10,0',
    '!0,10',
    '!10,',
    '!,10',
    ',',
    '!',
    'pct:0',
    'pct:',
    'pct:-1',
    'pct:x',
    '10,10,10',
    '-1,',
    '1.5,',
    'pct:1e1',
    'pct:0.0001',
  ])('%j is refused with 400', (size) => {
    for (const version of API_VERSIONS)
      expect(codeOf(version, `full/${size}/0/default.jpg`), String(version)).toBe('invalid-request-format');
  });
});

describe('sizes of version 3', () => {
  test.each([
    ['^max', FIGURE, 4898, 3265],
    ['^360,', FIGURE, 360, 240],
    ['^,240', FIGURE, 360, 240],
    ['^pct:120', FIGURE, 360, 240],
    ['^360,240', FIGURE, 360, 240],
    ['^!360,360', FIGURE, 360, 240],
    ['!360,360', FIGURE, 300, 200],
    ['^150,', FIGURE, 150, 100],
  ])('%s of %o is %ix%i', (size, picture, widthPx, heightPx) => {
    expect(resolve(3, `full/${size}/0/default.jpg`, picture).size).toEqual({ widthPx, heightPx });
  });

  test.each(['full', '301,', ',201', 'pct:101', '301,200', '300,201', '^full', '^', '^^max', '^6000,', '!^10,10'])(
    '%s is refused with 400',
    (size) => {
      expect(codeOf(3, `full/${size}/0/default.jpg`, FIGURE)).toBe('invalid-request-format');
    },
  );
});

describe('sizes of version 2', () => {
  test.each([
    ['full', FIGURE, 300, 200],
    ['360,', FIGURE, 360, 240],
    ['pct:120', FIGURE, 360, 240],
    ['!360,360', FIGURE, 360, 240],
    ['!9000,9000', FIGURE, 4898, 3265],
  ])('%s of %o is %ix%i', (size, picture, widthPx, heightPx) => {
    expect(resolve(2, `full/${size}/0/default.jpg`, picture).size).toEqual({ widthPx, heightPx });
  });

  test.each(['^max', '^10,', '6000,', 'pct:2000'])('%s is refused with 400', (size) => {
    expect(codeOf(2, `full/${size}/0/default.jpg`, FIGURE)).toBe('invalid-request-format');
  });
});

test('what is larger than the limits comes as large as they let it, where any size will do, and is refused else', () => {
  const giant: Size = { widthPx: 40_000, heightPx: 10_000 };
  expect(maxSizeOf(giant, LIMITS)).toEqual({ widthPx: 5_000, heightPx: 1_250 });
  for (const version of API_VERSIONS) {
    expect(resolve(version, 'full/max/0/default.jpg', giant).size).toEqual({ widthPx: 5_000, heightPx: 1_250 });
    expect(codeOf(version, 'full/5001,/0/default.jpg', giant)).toBe('invalid-request-format');
    expect(codeOf(version, 'full/5000,5000/0/default.jpg', giant)).toBe('invalid-request-format');
    expect(codeOf(version, 'full/pct:100/0/default.jpg', giant)).toBe('invalid-request-format');
  }
  expect(codeOf(2, 'full/full/0/default.jpg', giant)).toBe('invalid-request-format');
});

describe.each(API_VERSIONS)('the rest of version %i', (version) => {
  test.each([
    ['0', 0, false],
    ['90', 90, false],
    ['180', 180, false],
    ['270', 270, false],
    ['360', 0, false],
    ['!0', 0, true],
    ['!180', 180, true],
    ['90.0', 90, false],
  ])('rotation %s', (text, rotation, mirrored) => {
    expect(resolve(version, `full/max/${text}/default.jpg`)).toMatchObject({ rotation, mirrored });
  });

  test.each([
    ['45', 'unsupported-request'],
    ['!22.5', 'unsupported-request'],
    ['361', 'invalid-request-format'],
    ['-90', 'invalid-request-format'],
    ['!', 'invalid-request-format'],
    ['', 'invalid-request-format'],
    ['!!0', 'invalid-request-format'],
    ['left', 'invalid-request-format'],
  ])('rotation %j is %s', (text, code) => {
    expect(codeOf(version, `full/max/${text}/default.jpg`)).toBe(code);
  });

  test.each([
    ['default.jpg', 'ok'],
    ['color.png', 'ok'],
    ['gray.webp', 'ok'],
    ['bitonal.gif', 'ok'],
    ['default.avif', 'ok'],
    ['native.jpg', 'invalid-request-format'],
    ['.jpg', 'invalid-request-format'],
    ['default.', 'invalid-request-format'],
    ['default.jpeg', 'invalid-request-format'],
    ['default.JPG', 'invalid-request-format'],
    ['default.tif', 'unsupported-request'],
    ['default.jp2', 'unsupported-request'],
    ['default.pdf', 'unsupported-request'],
  ])('%s is %s', (last, code) => {
    expect(codeOf(version, `full/max/0/${last}`)).toBe(code);
  });
});

describe('canonical texts', () => {
  test.each([
    ['full/max/0/default.jpg', 'full/max/0/default.jpg', 'full/full/0/default.jpg'],
    ['0,0,300,200/300,/360/color.jpg', 'full/max/0/default.jpg', 'full/full/0/default.jpg'],
    ['square/max/0/default.jpg', '50,0,200,200/max/0/default.jpg', '50,0,200,200/full/0/default.jpg'],
    ['pct:0,0,50,50/75,/0/gray.png', '0,0,150,100/75,50/0/gray.png', '0,0,150,100/75,/0/gray.png'],
    [
      '125,15,200,200/150,/!90.0/bitonal.jpg',
      '125,15,175,185/150,159/!90/bitonal.jpg',
      '125,15,175,185/150,/!90/bitonal.jpg',
    ],
    ['full/150,90/0/default.jpg', 'full/150,90/0/default.jpg', 'full/150,90/0/default.jpg'],
    ['full/!150,150/0/default.jpg', 'full/150,100/0/default.jpg', 'full/150,/0/default.jpg'],
  ])('of %s are %s and %s', (path, three, two) => {
    expect(resolve(3, path, FIGURE).canonical).toBe(three);
    expect(resolve(2, path, FIGURE).canonical).toBe(two);
  });

  test('keep the ^ of version 3', () => {
    expect(resolve(3, 'full/^600,/0/default.jpg', FIGURE).canonical).toBe('full/^600,400/0/default.jpg');
    expect(resolve(3, 'full/^max/0/default.jpg', FIGURE).canonical).toBe('full/^max/0/default.jpg');
  });
});

describe('for every picture and request', () => {
  const side = fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 30 }));
  const picture = fc.record({ widthPx: side, heightPx: side });
  const whole = fc.integer({ min: 0, max: 12_000 });
  const part = fc.double({ min: 0, max: 120, noNaN: true }).map((number) => number.toFixed(3));
  const region = fc.oneof(
    fc.constantFrom('full', 'square'),
    fc.tuple(whole, whole, whole, whole).map(String),
    fc.tuple(part, part, part, part).map((numbers) => `pct:${numbers}`),
  );
  const size = fc
    .tuple(
      fc.constantFrom('', '^'),
      fc.oneof(
        fc.constantFrom('max', 'full'),
        whole.map((w) => `${w},`),
        whole.map((h) => `,${h}`),
        part.map((n) => `pct:${n}`),
        fc.tuple(fc.constantFrom('', '!'), whole, whole).map(([confined, w, h]) => `${confined}${w},${h}`),
      ),
    )
    .map(([up, text]) => `${up}${text}`);
  const rotation = fc.constantFrom('0', '!0', '90', '!90', '180', '270', '!270');
  const last = fc.tuple(fc.constantFrom(...QUALITIES), fc.constantFrom(...IMAGE_FORMATS)).map(([q, f]) => `${q}.${f}`);
  const path = fc.tuple(region, size, rotation, last).map((parts) => parts.join('/'));
  const every = (check: (version: ApiVersion, picture: Size, path: string) => void) =>
    fc.assert(fc.property(fc.constantFrom(...API_VERSIONS), picture, path, check), { numRuns: 3_000 });

  test('a region lies in the picture, a size within the limits, and neither is empty', () => {
    every((version, of, text) => {
      if (codeOf(version, text, of) !== 'ok') return;
      const { region: cut, size: shown } = resolve(version, text, of);
      expect(Math.min(cut.widthPx, cut.heightPx, shown.widthPx, shown.heightPx)).toBeGreaterThan(0);
      expect(cut.leftPx + cut.widthPx).toBeLessThanOrEqual(of.widthPx);
      expect(cut.topPx + cut.heightPx).toBeLessThanOrEqual(of.heightPx);
      expect(Math.max(shown.widthPx, shown.heightPx)).toBeLessThanOrEqual(LIMITS.maxSidePx);
      expect(shown.widthPx * shown.heightPx).toBeLessThanOrEqual(LIMITS.maxAreaPx);
      if (version === 3 && !text.includes('^')) {
        expect(shown.widthPx).toBeLessThanOrEqual(cut.widthPx);
        expect(shown.heightPx).toBeLessThanOrEqual(cut.heightPx);
      }
    });
  });

  test('the canonical text asks for the same picture, and is its own', () => {
    every((version, of, text) => {
      if (codeOf(version, text, of) !== 'ok') return;
      const { isLoose: _, ...first } = resolve(version, text, of);
      expect(resolve(version, first.canonical, of)).toMatchObject(first);
    });
  });

  test('whatever else is written is refused by its name', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...API_VERSIONS),
        picture,
        fc.array(fc.string({ maxLength: 12 }), { minLength: 5, maxLength: 5 }),
        (version, of, [r = '', s = '', t = '', q = '', f = '']) => {
          try {
            resolveImageRequest(version, of, { region: r, size: s, rotation: t, quality: q, format: f }, LIMITS);
          } catch (error) {
            expect(error).toBeInstanceOf(ProofsheetError);
          }
        },
      ),
    );
  });
});
