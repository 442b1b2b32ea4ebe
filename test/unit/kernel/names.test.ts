// Digests, image keys, contexts and errors: what is a name, and what is refused.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf, parseDigest, reprDigest } from '../../../src/kernel/digest.js';
import { asProofsheetError, ERROR_NAMES, ProofsheetError } from '../../../src/kernel/errors.js';
import { parseContext, parseImageKey } from '../../../src/kernel/image-key.js';

describe('a digest', () => {
  test('is the SHA-256 of FIPS 180-4 in lower-case hex', () => {
    expect(digestOf(Buffer.from('abc'))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  test('is written for Repr-Digest in base64 between colons', () => {
    expect(reprDigest(digestOf(Buffer.alloc(0)))).toBe('sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:');
  });

  test('is read only from 64 lower-case hex characters', () => {
    const digest = digestOf(Buffer.from('abc'));
    expect(parseDigest(digest)).toBe(digest);
    for (const text of ['', digest.toUpperCase(), digest.slice(1), `${digest}0`, `${digest}\n`, `g${digest.slice(1)}`])
      expect(parseDigest(text)).toBeUndefined();
  });
});

const refused = (parse: () => unknown): string => {
  try {
    parse();
  } catch (error) {
    if (error instanceof ProofsheetError && error.code === 'invalid-image-key') return error.message;
    throw error;
  }
  return '';
};

describe('an image key', () => {
  test.each([
    ['a digest', 'ab'.repeat(32)],
    ['one character', 'x'],
    ['256 characters', 'x'.repeat(256)],
    ['256 characters beyond the BMP', '🌍'.repeat(256)],
    ['slashes, dots and spaces', '../../a b/c?d=e#f%00'],
    ['what looks like a prototype', '__proto__'],
    ['Persian, a joiner and a combining mark', 'می‌شود é'],
  ])('may be %s', (_what, text) => {
    expect(parseImageKey(text)).toBe(text);
  });

  test('is compared exactly: another case or normal form is another key', () => {
    expect(parseImageKey('é'.normalize('NFC'))).not.toBe(parseImageKey('é'.normalize('NFD')));
    expect(parseImageKey('A')).not.toBe(parseImageKey('a'));
  });

  test.each([
    ['nothing', '', 'got none'],
    ['257 characters', 'x'.repeat(257), 'at most 256 characters, got 257'],
    ['257 characters beyond the BMP', '🌍'.repeat(257), 'at most 256 characters, got 257'],
    ['a million characters', 'x'.repeat(1_000_000), 'at most 256 characters'],
    ['NUL', 'a\u0000b', 'position 1'],
    ['a line break', 'ab\n', 'position 2'],
    ['DEL', '\u007f', 'position 0'],
    ['a C1 control', 'a\u0085', 'position 1'],
    ['half of a surrogate pair', 'ab\ud800', 'position 2'],
    ['the other half', '\udc00ab', 'position 0'],
  ])('may not be %s', (_what, text, message) => {
    expect(refused(() => parseImageKey(text))).toContain(message);
  });

  test('that is accepted survives UTF-8, and its refusal never repeats it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }), (text) => {
        const message = refused(() => expect(Buffer.from(parseImageKey(text)).toString()).toBe(text));
        if (text.length > 30) expect(message).not.toContain(text);
      }),
    );
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 20 }), (units) => {
        const text = String.fromCharCode(...units);
        const wellFormed = Buffer.from(text).toString() === text;
        const control = units.some((unit) => unit < 32 || (unit >= 127 && unit < 160));
        expect(refused(() => parseImageKey(text)) === '').toBe(wellFormed && !control);
      }),
    );
  });
});

describe('a context', () => {
  test('is the default one when it is absent or empty', () => {
    expect(parseContext(undefined)).toBe('');
    expect(parseContext('')).toBe('');
    expect(parseContext('tenant')).toBe('tenant');
  });

  test('has the limits of an image key', () => {
    expect(parseContext('x'.repeat(256))).toHaveLength(256);
    expect(refused(() => parseContext('x'.repeat(257)))).toContain('context of at most 256 characters');
    expect(refused(() => parseContext('\u0007'))).toContain('context without control characters');
  });
});

describe('an error', () => {
  test('of ours stays what it is', () => {
    const error = new ProofsheetError('overloaded', 'the queue is full', { retryAfterSeconds: 2 });
    expect(asProofsheetError(error)).toBe(error);
    expect(error).toMatchObject({ code: 'overloaded', retryAfterSeconds: 2, name: 'ProofsheetError' });
    expect(error.cause).toBeUndefined();
  });

  test.each([new TypeError('secret /path'), 'text', undefined, null, { message: 'x' }])(
    'of anybody else (%s) becomes internal, keeps its cause and says nothing of it',
    (thrown) => {
      const error = asProofsheetError(thrown);
      expect(error.code).toBe('internal');
      expect(error.message).not.toContain('secret');
      if (thrown !== undefined) expect(error.cause).toBe(thrown);
    },
  );

  test('names are distinct', () => {
    expect(new Set(ERROR_NAMES).size).toBe(ERROR_NAMES.length);
  });
});
