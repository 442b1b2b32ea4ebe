// The format grammar of API.md section 2.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProofsheetError } from '../../../src/kernel/errors.js';
import { defaultQualityOf, formatText, parseFormat } from '../../../src/kernel/format.js';
import { formatParts } from '../../support/kernel-arbitraries.js';

/** The message of the refusal; fails when `text` is accepted or refused as something else. */
function refusalOf(text: string): string {
  try {
    parseFormat(text);
  } catch (error) {
    if (error instanceof ProofsheetError && error.code === 'invalid-request-format') return error.message;
    throw error;
  }
  throw new Error(`expected ${JSON.stringify(text)} to be refused`);
}

describe('what is read', () => {
  test('every part has a default but the sides', () => {
    expect(parseFormat('200x150')).toEqual({
      type: 'auto',
      widthPx: 200,
      heightPx: 150,
      scaleType: 'contain',
      norotate: false,
      expand: false,
      page: 1,
      quality: undefined,
      text: 'auto:200x150',
    });
  });

  test.each([
    ['jpeg:10x20', 'jpg:10x20'],
    ['JPG:10X20', 'jpg:10x20'],
    ['auto:200x150-cover', 'auto:200x150~cover'],
    ['auto:200x150~COVERANDCROP', 'auto:200x150~coverandcrop'],
    ['auto:200x150~ContainForceDimension', 'auto:200x150~containforcedimension'],
    ['auto:200x150~auto', 'auto:200x150'],
    ['auto:200x150~contain', 'auto:200x150'],
    ['auto:200x150~expand~norotate~cover', 'auto:200x150~cover~norotate~expand'],
    ['png:-1x-1', 'png:-1x-1'],
    ['auto:200x150~page=1', 'auto:200x150'],
    ['auto:200x150~PAGE=12~cover@75', 'auto:200x150~cover~page=12'],
    ['auto:200x150~page=3~expand~norotate@60', 'auto:200x150~norotate~expand~page=3@60'],
    ['auto:200x150~page=100000', 'auto:200x150~page=100000'],
    ['png:-1x-1-cover', 'png:-1x-1~cover'],
    ['webp:-1x100@1', 'webp:-1x100@1'],
    ['avif:16384x1@100', 'avif:16384x1@100'],
    ['gif:0012x0001@007', 'gif:12x1@7'],
    ['auto:200x150~cover~autorotate@75', 'auto:200x150~cover'],
    ['auto:200x150~cover~autorotate~shrinkonly@75', 'auto:200x150~cover'],
    ['auto:-1x-1~contain~autorotate@75', 'auto:-1x-1'],
    ['auto:300x200~auto~ShrinkOnly~AutoRotate@074', 'auto:300x200@74'],
    ['auto:300x200-autorotate-norotate-cover', 'auto:300x200~cover~norotate'],
    ['auto:300x200~expand~shrinkonly', 'auto:300x200~expand'],
  ])('%s is %s', (text, canonical) => {
    expect(parseFormat(text).text).toBe(canonical);
  });

  test('any parts survive the way through text, and equal parts have equal text', () => {
    fc.assert(
      fc.property(formatParts, formatParts, (parts, others) => {
        const text = formatText(parts);
        expect(parseFormat(text)).toEqual({ ...parts, text });
        expect(formatText(others) === text).toBe(fc.stringify(others) === fc.stringify(parts));
      }),
    );
  });

  test('the canonical text does not depend on how it was written', () => {
    const spelling = fc.record({
      parts: formatParts,
      upper: fc.boolean(),
      dash: fc.boolean(),
      flagsFirst: fc.boolean(),
      defaults: fc.boolean(),
    });
    fc.assert(
      fc.property(spelling, ({ parts, upper, dash, flagsFirst, defaults }) => {
        const scale = `${dash ? '-' : '~'}${parts.scaleType}`;
        const writtenOut = defaults ? '~autorotate~shrinkonly' : '';
        const flags = `${parts.expand ? '~expand' : ''}${writtenOut}${parts.norotate ? '~norotate' : ''}${
          parts.page === 1 && !defaults ? '' : `~page=${parts.page}`
        }`;
        const written = `${parts.type}:${parts.widthPx}x${parts.heightPx}${flagsFirst ? flags + scale : scale + flags}${
          parts.quality === undefined && !defaults ? '' : `@${parts.quality ?? defaultQualityOf(parts.type)}`
        }`;
        expect(parseFormat(upper ? written.toUpperCase() : written).text).toBe(formatText(parts));
      }),
    );
  });
});

describe('what is refused, with the position of the fault', () => {
  test.each([
    ['', 0],
    ['auto:10x10~page', 11],
    ['auto:10x10~page=', 11],
    ['auto:10x10~page=0', 11],
    ['auto:10x10~page=100001', 11],
    ['auto:10x10~page=1~page=2', 18],
    ['auto:10x10~page=x', 11],
    ['auto:10x10~cover=1', 11],
    ['tiff:10x10', 0],
    [':10x10', 0],
    ['constructor:10x10', 0],
    ['auto:x10', 5],
    ['auto:10', 7],
    ['auto:10x', 8],
    ['auto:0x10', 5],
    ['auto:10x0', 8],
    ['auto:16385x10', 5],
    ['auto:-2x10', 5],
    ['auto:1.5x10', 6],
    ['auto: 10x10', 5],
    ['auto:1e3x10', 6],
    ['auto:10x10~', 11],
    ['auto:10x10~crop', 11],
    ['auto:10x10~__proto__', 11],
    ['auto:10x10~cover~contain', 17],
    ['auto:10x10~cover~cover', 17],
    ['auto:10x10~expand~expand', 18],
    ['auto:10x10~autorotate~autorotate', 22],
    ['auto:10x10~autorotat', 11],
    ['auto:10x10@', 11],
    ['auto:10x10@0', 11],
    ['auto:10x10@101', 11],
    ['auto:10x10@50~cover', 13],
    ['auto:10x10 ', 10],
    ['auto:10x10é', 10],
    ['x'.repeat(201), 200],
  ])('%s at %i', (text, position) => {
    expect(refusalOf(text)).toContain(`at position ${position} of the format`);
  });

  test('no text does anything but parse or be refused, and what parses is canonical at once', () => {
    const piece = fc.oneof(
      fc.constantFrom('auto', 'jpg', ':', 'x', '~', '-', '@', 'cover', '-1', '0', '16384', '16385', '~expand', '9'),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    const anyText = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        try {
          const format = parseFormat(text);
          expect(parseFormat(format.text)).toEqual(format);
        } catch (error) {
          if (!(error instanceof ProofsheetError)) throw error;
          expect(error.code).toBe('invalid-request-format');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
