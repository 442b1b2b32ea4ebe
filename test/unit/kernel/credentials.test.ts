// Secrets as an operator writes them: what is taken, what is refused, and that a refusal never repeats one.
import { describe, expect, it } from 'vitest';
import { parseApiToken, parsePassword, parseUrlKey, scryptText, tokenDigest } from '../../../src/kernel/credentials.js';

const SALT = Buffer.alloc(16, 7);
const HASH = Buffer.alloc(32, 9);
const COST = { cost: 2 ** 15, blockSize: 8, parallelization: 3 };

function refusal(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    if (error instanceof TypeError) return error.message;
    throw error;
  }
  throw new Error('expected it to be refused');
}

describe('a password', () => {
  it('in plain text is any text', () => {
    for (const text of ['x', 'grün: und, blau', 'SCRYPT:1:2:3:4:5'])
      expect(parsePassword(text)).toEqual({ kind: 'plain', digest: tokenDigest(text) });
  });

  it('as a hash is read back from what is written', () => {
    expect(parsePassword(scryptText(COST, SALT, HASH))).toEqual({ kind: 'scrypt', ...COST, salt: SALT, hash: HASH });
  });

  it.each([
    'scrypt:',
    'scrypt:32768:8:3:abc',
    `scrypt:32767:8:3:${SALT.toString('base64')}:${HASH.toString('base64')}`,
    `scrypt:512:8:3:${SALT.toString('base64')}:${HASH.toString('base64')}`,
    `scrypt:1048576:32:1:${SALT.toString('base64')}:${HASH.toString('base64')}`,
    `scrypt:32768:0:3:${SALT.toString('base64')}:${HASH.toString('base64')}`,
    `scrypt:32768:8:17:${SALT.toString('base64')}:${HASH.toString('base64')}`,
    `scrypt:32768:8:3:AAAA:${HASH.toString('base64')}`,
    `scrypt:32768:8:3:${SALT.toString('base64')}:AAAA`,
  ])('%s is no hash that could be meant', (text) => {
    expect(refusal(() => parsePassword(text))).toContain('expected scrypt:N:r:p:salt:hash');
  });
});

describe('an API token', () => {
  const TOKEN = 'abcDEF0123._~+/-==';

  it('alone is for all contexts, with a colon for those behind it', () => {
    expect(parseApiToken(TOKEN)).toEqual({ digest: tokenDigest(TOKEN), contexts: undefined });
    expect(parseApiToken(`${TOKEN}:`).contexts).toEqual(new Set(['']));
    expect(parseApiToken(`${TOKEN}:a|b%7C%2C%3A||%C3%BC`).contexts).toEqual(new Set(['a', 'b|,:', '', 'ü']));
  });

  it.each(['', 'short', 'has a space in itself', 'equals=in-the-middle', 'x'.repeat(513), 'grün-und-blau-und-rot'])(
    '%j is refused',
    (text) => {
      const message = refusal(() => parseApiToken(text));
      expect(message).toContain('expected a token');
      if (text !== '') expect(message).not.toContain(text);
    },
  );

  it.each([`${TOKEN}:%zz`, `${TOKEN}:${'x'.repeat(257)}`, `${TOKEN}:%00`])('contexts of %j are refused', (text) => {
    expect(refusal(() => parseApiToken(text))).toContain('expected the contexts of a token');
  });
});

describe('a key of signed URLs', () => {
  it('is an id and a secret', () => {
    expect(parseUrlKey('k-1.2_3:a:secret:with=everything')).toEqual({
      id: 'k-1.2_3',
      secret: 'a:secret:with=everything',
    });
  });

  it.each([
    'k:too-short',
    'no-colon-and-long-enough',
    ':0123456789abcdef',
    'k 1:0123456789abcdef',
    'k:0123456789 abcdef',
  ])('%j is refused', (text) => expect(refusal(() => parseUrlKey(text))).toContain('expected ID:SECRET'));
});
