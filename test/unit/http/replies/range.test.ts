import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentRange, rangeAnswer, unsatisfiedContentRange } from '../../../../src/http/replies/range.js';

const part = (first: number, last: number) => ({ kind: 'part', range: { first, last } });
const WHOLE = { kind: 'whole' };
const UNSATISFIABLE = { kind: 'unsatisfiable' };

describe('a Range over 1000 bytes', () => {
  // RFC 9110, sections 14.1.2 and 14.2.
  it.each([
    ['bytes=0-499', part(0, 499)],
    ['bytes=500-999', part(500, 999)],
    ['bytes=-500', part(500, 999)],
    ['bytes=950-', part(950, 999)],
    ['bytes=0-0', part(0, 0)],
    ['bytes=-1', part(999, 999)],
    ['bytes=0-5000', part(0, 999)],
    ['bytes=-5000', part(0, 999)],
    ['bytes=999-99999999999999999999', part(999, 999)],
    ['Bytes=0-1', part(0, 1)],
    ['bytes= 0-1 ,', part(0, 1)],
    ['bytes=0-1,1000-', part(0, 1)],
    ['bytes=1000-', UNSATISFIABLE],
    ['bytes=1000-1001,-0', UNSATISFIABLE],
    ['bytes=99999999999999999999-', UNSATISFIABLE],
    ['bytes=-0', UNSATISFIABLE],
    ['bytes=9-1', WHOLE],
    ['bytes=0-1,9-1', WHOLE],
    ['bytes=-', WHOLE],
    ['bytes=', WHOLE],
    ['bytes=a-b', WHOLE],
    ['bytes=1.5-2', WHOLE],
    ['bytes=+1-2', WHOLE],
    ['bytes 0-1', WHOLE],
    ['items=0-1', WHOLE],
    ['0-1', WHOLE],
    ['', WHOLE],
    [undefined, WHOLE],
  ])('%s', (text, answer) => {
    expect(rangeAnswer(text, 1_000)).toEqual(answer);
  });

  it('answers several satisfiable ranges, and more than 32, with the whole', () => {
    expect(rangeAnswer('bytes=0-0,5-6', 1_000)).toEqual(WHOLE);
    expect(rangeAnswer(`bytes=0-0${',2000-'.repeat(31)}`, 1_000)).toEqual(part(0, 0));
    expect(rangeAnswer(`bytes=0-0${',2000-'.repeat(32)}`, 1_000)).toEqual(WHOLE);
  });
});

it('whatever is asked, a part lies within the bytes and is what was asked for', () => {
  const bound = fc.option(fc.nat(2_000), { nil: undefined });
  fc.assert(
    fc.property(bound, bound, fc.integer({ min: 1, max: 1_500 }), (from, to, length) => {
      const answer = rangeAnswer(`bytes=${from ?? ''}-${to ?? ''}`, length);
      const bytes = Array.from({ length }, (_, index) => index);
      // The same by arithmetic on a real list: a suffix, or a slice that ends at the length.
      const expected =
        from === undefined ? bytes.slice(Math.max(0, length - (to ?? 0))) : bytes.slice(from, (to ?? length) + 1);
      if (answer.kind === 'part') {
        expect(bytes.slice(answer.range.first, answer.range.last + 1)).toEqual(expected);
        expect(expected.length).toBeGreaterThan(0);
      } else if (answer.kind === 'unsatisfiable') {
        expect(expected).toEqual([]);
      } else {
        expect(from === undefined ? to === undefined : to !== undefined && to < from).toBe(true);
      }
    }),
  );
});

it('any text is answered', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'bytes=-,0123456789 x') }), fc.nat(100), (text, length) => {
      expect(['whole', 'part', 'unsatisfiable']).toContain(rangeAnswer(text, length).kind);
      expect(['whole', 'part', 'unsatisfiable']).toContain(rangeAnswer(`bytes=${text}`, length).kind);
    }),
  );
});

it('Content-Range names the part and the length', () => {
  expect(contentRange({ first: 0, last: 9 }, 100)).toBe('bytes 0-9/100');
  expect(unsatisfiedContentRange(100)).toBe('bytes */100');
});
