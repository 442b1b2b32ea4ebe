// Where sources may be fetched from, as imaginary's operators write it.
import { describe, expect, test } from 'vitest';
import { hostRulesOf, isWithin, parseSourcePrefix } from '../../../src/kernel/source-prefix.js';

const allows = (prefixes: readonly string[], url: string) => isWithin(new URL(url), prefixes.map(parseSourcePrefix));

describe('a place is allowed', () => {
  test.each([
    ['https://example.org', 'https://example.org/a.jpg', true],
    ['https://example.org', 'http://example.org/a.jpg', true],
    ['https://example.org', 'https://www.example.org/a.jpg', false],
    ['https://example.org', 'https://example.org.evil.com/a.jpg', false],
    ['https://*.example.org', 'https://example.org/a.jpg', true],
    ['https://*.example.org', 'https://a.b.example.org/a.jpg', true],
    ['https://*.example.org', 'https://myexample.org/a.jpg', false],
    ['https://example.org/my/bucket1', 'https://example.org/my/bucket1/a.jpg', true],
    ['https://example.org/my/bucket1/', 'https://example.org/my/bucket1', true],
    ['https://example.org/my/bucket1', 'https://example.org/my/bucket12/a.jpg', false],
    ['https://example.org/my/bucket1/', 'https://example.org/my/bucket1/../bucket2/a.jpg', false],
    ['https://example.org/my/bucket1/', 'https://example.org/my/bucket1/%2e%2e/bucket2/a.jpg', false],
    ['https://example.org/my-bucket-name*', 'https://example.org/my-bucket-name-2/a.jpg', true],
    ['https://example.org/my-bucket-name*', 'https://example.org/my-other-bucket-name/a.jpg', false],
    ['https://example.org/my/bucket1', 'https://example.org/my/bucket1//a//b.jpg', true],
    ['https://example.org:8443', 'https://example.org:8443/a.jpg', true],
    ['https://example.org:8443', 'https://example.org/a.jpg', false],
  ])('by %s: %s is %s', (prefix, url, is) => expect(allows([prefix], url)).toBe(is));

  test('by any of several', () => {
    const both = ['https://example.org/my/bucket1/', 'https://example.org/my/bucket2/'];
    expect(['1', '2', '3'].map((n) => allows(both, `https://example.org/my/bucket${n}/a.jpg`))).toEqual([
      true,
      true,
      false,
    ]);
  });
});

test('its hosts are those of every hop', () => {
  const rules = hostRulesOf(['https://*.example.org/a', 'http://other.org'].map(parseSourcePrefix));
  expect(rules?.map(({ host, isSuffix }) => [host, isSuffix])).toEqual([
    ['example.org', true],
    ['example.org', false],
    ['other.org', false],
  ]);
  expect(hostRulesOf('*')).toBeUndefined();
});

test.each([
  '',
  'example.org',
  'ftp://example.org',
  'https://',
  'https://a*b.org',
  'https://example.org/a*b',
  'https://example.org/?q',
])('%j is none', (text) => expect(() => parseSourcePrefix(text)).toThrow(TypeError));
