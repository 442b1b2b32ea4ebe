// What a record still lacks for a request: made step by step, it answers as the whole sequence would.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bestPreview } from '../../../src/kernel/best-match.js';
import type { Digest } from '../../../src/kernel/digest.js';
import { type Format, parseFormat } from '../../../src/kernel/format.js';
import { answerOf, missingFor, missingFormats } from '../../../src/kernel/on-demand.js';
import { planSequence, type Sequence, sequenceOf } from '../../../src/kernel/sequence.js';
import type { Preview, SourceInfo, SourceRecord } from '../../../src/kernel/source.js';
import { anyFormat, anySource } from '../../support/kernel-arbitraries.js';
import { sourceInfo } from '../../support/records.js';

function recordOf(info: SourceInfo, sequence: Sequence, previews: readonly Preview[]): SourceRecord {
  const digest = 'a'.repeat(64) as Digest;
  const rest = { bytes: 1, metadata: {}, complete: true, sourceKept: true } as const;
  return { ...rest, digest, info, sequenceId: sequence.id, previews, onDemand: true };
}

/** What a conversion of `formats` gives: digests tell pictures apart by what they are made for. */
function made(info: SourceInfo, alphaUsed: boolean, formats: readonly Format[]): readonly Preview[] {
  return planSequence(info, alphaUsed, formats).map((planned) => ({
    formats: planned.formats.map(({ text }) => text),
    type: planned.type,
    ...planned.geometry.size,
    bytes: 1,
    digest: planned.formats.map(({ text }) => text).join() as Digest,
  }));
}

describe('whatever is asked in whatever order', () => {
  const texts = fc.uniqueArray(anyFormat, { minLength: 1, maxLength: 6, selector: ({ text }) => text });

  it('the answer is as good as that of the whole sequence, and no format is made twice', () => {
    const property = (info: SourceInfo, alpha: boolean, formats: readonly Format[], requests: readonly Format[]) => {
      const sequence = sequenceOf(formats.map(({ text }) => text));
      const source = { ...info, hasAlpha: alpha };
      const whole = made(source, false, sequence.formats);
      let previews: readonly Preview[] = [];
      for (const request of requests) {
        // An alpha channel that turns out not to be used may need a second look, when the type is decided.
        for (let look = 0; look < 2; look++) {
          const missing = missingFor(recordOf(source, sequence, previews), request, sequence);
          const before = new Set(previews.flatMap((preview) => preview.formats));
          expect(missing.filter(({ text }) => before.has(text))).toEqual([]);
          previews = [...previews, ...made(source, false, missing)];
        }
        expect(missingFor(recordOf(source, sequence, previews), request, sequence)).toEqual([]);
        const own = answerOf(recordOf(source, sequence, previews), request, sequence);
        const best = bestPreview(source, whole, request);
        if (!alpha && own && best) {
          const area = ({ preview }: typeof own) => preview.widthPx * preview.heightPx;
          expect([own.relation === 'smaller', area(own) > area(best)]).toEqual([best.relation === 'smaller', false]);
        }
      }
    };
    const requests = fc.array(anyFormat, { minLength: 1, maxLength: 6 });
    fc.assert(fc.property(anySource, fc.boolean(), texts, requests, property), { numRuns: 500 });
  });
});

it('what answers in the whole sequence answers once it is made, though among fewer another would be chosen', () => {
  const sequence = sequenceOf(['auto:3x1~cover', 'auto:1x1~cover~norotate', 'auto:-1x-1~norotate']);
  const info = sourceInfo({ widthPx: 3, heightPx: 2, orientation: 5 });
  const previews = made(info, false, [sequence.formats[0], sequence.formats[2]] as Format[]);
  const answer = answerOf(recordOf(info, sequence, previews), parseFormat('auto:-1x1~cover~norotate'), sequence);
  expect([answer?.format.text, answer?.relation]).toEqual(['auto:-1x-1~norotate', 'exact']);
});

describe('a record', () => {
  const sequence = sequenceOf(['auto:200x150', 'auto:800x600']);
  const [small, large] = sequence.formats as [Format, Format];
  const info = sourceInfo({ widthPx: 2000, heightPx: 1500 });
  const partial = recordOf(info, sequence, made(info, false, [small]));

  it('lacks what nothing was made for, and only while something was left out', () => {
    expect(missingFormats(partial, sequence)).toEqual([large]);
    const { onDemand: _, ...whole } = partial;
    expect(missingFormats(whole, sequence)).toEqual([]);
    expect(missingFormats({ ...partial, sequenceId: 'another' }, sequence)).toEqual([]);
  });

  it.each([
    ['auto:10x10', []],
    ['auto:200x150@75', []],
    ['auto:201x151', ['auto:800x600']],
    ['auto:-1x-1', ['auto:800x600']],
    ['png:200x150', []],
  ])('asked for %s lacks %j', (request, missing) => {
    expect(missingFor(partial, parseFormat(request), sequence).map(({ text }) => text)).toEqual(missing);
  });

  it('of another page is that page alone', () => {
    const pages = sequenceOf(['auto:200x150', 'auto:200x150~page=2', 'auto:800x600']);
    const tiff = { ...info, type: 'tiff', pages: 3 } as const;
    const [first] = pages.formats as [Format];
    const record = recordOf(tiff, pages, made(tiff, false, [first]));
    const missing = (text: string) => missingFor(record, parseFormat(text), pages).map((format) => format.text);
    expect([missing('auto:200x150~page=2'), missing('auto:100x100~page=2'), missing('auto:100x75')]).toEqual([
      ['auto:200x150~page=2'],
      ['auto:200x150~page=2'],
      [],
    ]);
  });

  it('of a source with an alpha channel goes by what auto has made of it', () => {
    const alpha = { ...info, hasAlpha: true };
    const mixed = sequenceOf(['auto:200x150', 'png:400x300', 'jpg:800x600']);
    const missing = (previews: readonly Preview[]) =>
      missingFor(recordOf(alpha, mixed, previews), parseFormat('png:100x75'), mixed).map(({ text }) => text);
    const [auto] = mixed.formats as [Format, Format, Format];
    expect(missing([])).toEqual(['auto:200x150']);
    expect(missing(made(alpha, true, [auto]))).toEqual([]);
    expect(missing(made(alpha, false, [auto]))).toEqual(['png:400x300']);
  });
});
