// Request formats as the original reads them: nothing is refused, and what was passed over is named.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultQualityOf, formatText, parseFormat } from '../../../src/kernel/format.js';
import { readRequestFormat } from '../../../src/kernel/request-format.js';
import { formatParts } from '../../support/kernel-arbitraries.js';

describe('what App Suite sends', () => {
  test.each([
    ['auto:200x150~cover~autorotate@75', 'auto:200x150~cover'],
    ['auto:400x300~cover~autorotate@75', 'auto:400x300~cover'],
    ['auto:2800x1600~contain~autorotate@75', 'auto:2800x1600'],
    ['auto:120x120~cover~autorotate~shrinkonly@75', 'auto:120x120~cover'],
    ['auto:42x42~contain~autorotate@75', 'auto:42x42'],
    ['auto:1024x-1~contain~autorotate@75', 'auto:1024x-1'],
    ['auto:-1x-1~contain~autorotate@75', 'auto:-1x-1'],
    ['auto:300x200~auto~autorotate@75', 'auto:300x200'],
    ['auto:300x200~cover@75', 'auto:300x200~cover'],
    ['auto', 'auto:-1x-1'],
  ])('%s is %s, and nothing of it is passed over', (text, canonical) => {
    expect(readRequestFormat(text)).toEqual({ format: parseFormat(canonical), ignored: [] });
  });
});

describe('what is no format of the grammar', () => {
  test.each<[text: string, canonical: string, ignored: string[]]>([
    ['', 'auto:-1x-1', []],
    ['jpg', 'jpg:-1x-1', []],
    ['PNG~cover@80', 'png:-1x-1~cover@80', []],
    ['auto:', 'auto:-1x-1', []],
    ['auto:200', 'auto:200x-1', []],
    ['200', 'auto:200x-1', []],
    ['auto:x150', 'auto:-1x150', []],
    ['auto:200x', 'auto:200x-1', []],
    [' auto: 200 x 150 ~ cover @ 80 ', 'auto:200x150~cover@80', []],
    ['auto:200x150@80~norotate-cover', 'auto:200x150~cover~norotate@80', []],
    ['auto:0x0', 'auto:-1x-1', ['0', '0']],
    ['auto:20000x100', 'auto:16384x100', ['20000']],
    [`auto:100x${'9'.repeat(190)}`, 'auto:100x16384', ['9'.repeat(190)]],
    ['auto:-2x10', 'auto:-1x10', ['-2']],
    ['auto:1.5x1e3', 'auto:-1x-1', ['1.5', '1e3']],
    ['auto:10x20x30', 'auto:10x-1', ['20x30']],
    ['auto:10x10é', 'auto:10x-1', ['10é']],
    ['tiff:10x10', 'auto:10x10', ['tiff:']],
    [':10x10', 'auto:10x10', [':']],
    ['constructor:10x10', 'auto:10x10', ['constructor:']],
    ['sideways', 'auto:-1x-1', ['sideways']],
    ['getKeyCount', 'auto:-1x-1', ['getkeycount']],
    ['auto:10x10~', 'auto:10x10', ['~']],
    ['auto:10x10~crop~__proto__', 'auto:10x10', ['~crop', '~__proto__']],
    ['auto:10x10@750', 'auto:10x10', ['@750']],
    ['auto:10x10@0@', 'auto:10x10', ['@0', '@']],
    ['auto:10x10@-1', 'auto:10x10', ['@-1']],
    ['auto:10x10@80@90', 'auto:10x10@80', ['@90']],
    ['auto:10x10@75@90', 'auto:10x10', ['@90']],
    ['auto:10x10;jsessionid=1~cover', 'auto:10x-1~cover', ['10;jsessionid=1']],
  ])('%s is %s', (text, canonical, ignored) => {
    expect(readRequestFormat(text)).toEqual({ format: parseFormat(canonical), ignored });
  });

  test.each<[text: string, canonical: string, ignored: string[]]>([
    ['auto:9x9~covers', 'auto:9x9~cover', []],
    ['auto:9x9~coverAndCropped', 'auto:9x9~coverandcrop', []],
    ['auto:9x9~forced', 'auto:9x9~containforcedimension', []],
    ['auto:9x9~dimension', 'auto:9x9~containforcedimension', []],
    ['auto:9x9~donorotate~expanded', 'auto:9x9~norotate~expand', []],
    ['auto:9x9~norotate~norotate', 'auto:9x9~norotate', []],
    ['auto:9x9~cover~cover', 'auto:9x9~cover', []],
    ['auto:9x9~cover~contain', 'auto:9x9~cover', ['~contain']],
    ['auto:9x9~auto~coverandcrop', 'auto:9x9~coverandcrop', ['~auto']],
    ['auto:9x9~cover~coverandcrop', 'auto:9x9~coverandcrop', ['~cover']],
    ['auto:9x9~autorotate~norotate~shrinkonly~expand', 'auto:9x9~norotate~expand', []],
  ])('words are known by their parts, and the last scale type counts: %s', (text, canonical, ignored) => {
    expect(readRequestFormat(text)).toEqual({ format: parseFormat(canonical), ignored });
  });

  test('beyond 200 characters nothing is looked at', () => {
    const read = readRequestFormat(`auto:10x10~cover${' '.repeat(300)}~expand`);
    expect(read).toEqual({
      format: parseFormat('auto:10x10~cover'),
      ignored: ['123 characters behind the first 200'],
    });
  });
});

describe('properties', () => {
  const piece = fc.oneof(
    fc.constantFrom('auto', 'jpg', ':', 'x', '~', '-', '@', 'cover', 'crop', '-1', '0', '16385', '~expand', '9', '75'),
    fc.string({ unit: 'binary', maxLength: 3 }),
  );
  const anyText = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'binary', minLength: 150, maxLength: 400 }),
  );

  test('any text is read, as a format whose canonical text is a fixed point of both readers', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { format, ignored } = readRequestFormat(text);
        expect(parseFormat(format.text)).toEqual(format);
        expect(readRequestFormat(format.text)).toEqual({ format, ignored: [] });
        expect(ignored.join('').length).toBeLessThan(300);
      }),
      { numRuns: 2000 },
    );
  });

  test('a text of the grammar is read as the grammar has it, and nothing of it is passed over', () => {
    const written = fc.record({
      parts: formatParts,
      upper: fc.boolean(),
      dash: fc.boolean(),
      defaults: fc.boolean(),
    });
    fc.assert(
      fc.property(written, ({ parts, upper, dash, defaults }) => {
        const sign = dash ? '-' : '~';
        const words = [
          parts.scaleType,
          ...(parts.norotate ? ['norotate'] : []),
          ...(parts.expand ? ['expand'] : []),
          ...(parts.page === 1 ? [] : [`page=${parts.page}`]),
        ];
        const all = defaults ? ['autorotate', ...words, 'shrinkonly'] : words;
        const quality =
          parts.quality === undefined && !defaults ? '' : `@${parts.quality ?? defaultQualityOf(parts.type)}`;
        const plain = `${parts.type}:${parts.widthPx}x${parts.heightPx}${all.map((word) => sign + word).join('')}${quality}`;
        const text = upper ? plain.toUpperCase() : plain;
        expect(readRequestFormat(text)).toEqual({ format: parseFormat(text), ignored: [] });
        expect(parseFormat(text).text).toBe(formatText(parts));
      }),
    );
  });

  test('junk behind a format changes nothing, and is named', () => {
    const junk = fc.stringMatching(/^[bdghijklmpqsuwyz]{1,8}$/);
    fc.assert(
      fc.property(formatParts, junk, (parts, word) => {
        const { format, ignored } = readRequestFormat(`${formatText(parts)}~${word}`);
        expect(format).toEqual(parseFormat(formatText(parts)));
        expect(ignored).toEqual([`~${word}`]);
      }),
    );
  });
});
