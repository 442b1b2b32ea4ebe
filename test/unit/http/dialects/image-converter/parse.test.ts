import fc from 'fast-check';
import { expect, it } from 'vitest';
import { groupRefOf, narrowingContextOf } from '../../../../../src/http/dialects/image-converter/parse.js';
import { queryValue } from '../../../../../src/http/url-query.js';
import { ProofsheetError } from '../../../../../src/kernel/errors.js';

const target = (url: string, ...segments: string[]) => ({ segments, url });

it('reads back any value that was percent-encoded, wherever it stands', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 50 }), fc.nat(3), (value, at) => {
      const pairs = ['a=1', 'b', 'x[y]=%E0'].toSpliced(at, 0, `context=${encodeURIComponent(value)}`);
      expect(queryValue(`/path?${pairs.join('&')}`, 'context')).toBe(value);
    }),
  );
});

it('reads form encoding: a plus is a space', () => {
  expect(queryValue('/p?context=a+b%2Bc', 'context')).toBe('a b+c');
});

it('tells absent from empty', () => {
  expect(queryValue('/p', 'context')).toBeUndefined();
  expect(queryValue('/p?contexts=1&xcontext=2', 'context')).toBeUndefined();
  expect(queryValue('/p?context', 'context')).toBe('');
  expect(queryValue('/p?context=', 'context')).toBe('');
});

it('refuses a parameter given twice, and a malformed encoding without repeating it', () => {
  expect(() => queryValue('/p?context=a&context=a', 'context')).toThrow(ProofsheetError);
  expect(() => queryValue('/p?context=%E0%A4%A', 'context')).toThrow(
    /^expected the query to be percent-encoded UTF-8, got a malformed sequence$/,
  );
});

it('an empty context is the default one for an image, and all of them for a clear', () => {
  expect(groupRefOf(target('/p?context=', 'key'))).toEqual({ imageKey: 'key', context: '' });
  expect(narrowingContextOf(target('/p?context='))).toBeUndefined();
  expect(narrowingContextOf(target('/p?context=a'))).toBe('a');
});
