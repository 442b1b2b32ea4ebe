// What is said of a URL before anything is asked of the network.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { hostOf, isListed, loggedUrl, parseHostRule, parseSourceUrl, portOf } from '../../../src/kernel/source-url.js';

const allowed = (port: number): boolean => [80, 443, 8080].includes(port);
const parsed = (text: string): URL => {
  const url = parseSourceUrl(text, allowed);
  if (typeof url === 'string') throw new Error(`expected a URL, got the fault ${url}`);
  return url;
};

describe('parseSourceUrl', () => {
  test.each([
    ['https://example.com/a.jpg?token=1', 'https://example.com/a.jpg?token=1'],
    ['https://example.com:8080/a.jpg#part', 'https://example.com:8080/a.jpg'],
    ['HTTPS://EXAMPLE.com:443/Ä', 'https://example.com/%C3%84'],
    ['http://bücher.example/', 'http://xn--bcher-kva.example/'],
    ['http://0x7f.1/', 'http://127.0.0.1/'],
    ['http:///127.0.0.1/', 'http://127.0.0.1/'],
  ])('takes %s as %s', (text, href) => {
    expect(parsed(text).href).toBe(href);
  });

  test.each([
    ['', 'form'],
    ['a.jpg', 'form'],
    ['/a.jpg', 'form'],
    ['//example.com/a.jpg', 'form'],
    ['http://', 'form'],
    ['http://exa mple.com/', 'form'],
    [' http://example.com/', 'form'],
    ['http://example.com/\n', 'form'],
    ['ht\ttp://example.com/', 'form'],
    ['http://[fe80::1%25eth0]/', 'form'],
    ['http://example.com:99999/', 'form'],
    ['data:image/png;base64,AAAA', 'scheme'],
    ['ftp://example.com/a.jpg', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['javascript:alert(1)', 'scheme'],
    ['gopher://example.com/', 'scheme'],
    ['http://user@example.com/', 'user-info'],
    ['http://:password@example.com/', 'user-info'],
    ['http://example.com:22/', 'port'],
    ['https://example.com:0/', 'port'],
  ])('refuses %j: %s', (text, fault) => {
    expect(parseSourceUrl(text, allowed)).toBe(fault);
  });

  it('takes 2048 characters and no more', () => {
    const long = (length: number) => `http://example.com/${'a'.repeat(length - 'http://example.com/'.length)}`;
    expect(parsed(long(2_048)).href).toHaveLength(2_048);
    expect(parseSourceUrl(long(2_049), allowed)).toBe('length');
  });

  it('never gives a URL with user info, a fragment, another scheme or a shut port, whatever the text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.webUrl({ withFragments: true, withQueryParameters: true }),
      fc
        .tuple(fc.constantFrom('http', 'https', 'ftp', 'HTTP', 'file'), fc.string())
        .map(([scheme, rest]) => `${scheme}://${rest}`),
    );
    fc.assert(
      fc.property(text, (given) => {
        const url = parseSourceUrl(given, allowed);
        if (typeof url === 'string') return;
        expect(['http:', 'https:']).toContain(url.protocol);
        expect(url.username + url.password + url.hash).toBe('');
        expect(allowed(portOf(url))).toBe(true);
        expect(url.hostname).not.toBe('');
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('lists of hosts', () => {
  const has = (rule: string, url: string) => isListed(parsed(url), [parseHostRule(rule)]);

  test.each([
    ['example.com', 'http://example.com/', true],
    ['example.com', 'http://EXAMPLE.com./', true],
    ['example.com', 'https://example.com:8080/', true],
    ['example.com', 'http://www.example.com/', false],
    ['example.com', 'http://example.com.evil.test/', false],
    ['example.com:8080', 'http://example.com:8080/', true],
    ['example.com:80', 'http://example.com/', true],
    ['example.com:80', 'https://example.com/', false],
    ['*.example.com', 'http://www.example.com/', true],
    ['*.example.com', 'http://a.b.example.com/', true],
    ['*.example.com', 'http://example.com/', false],
    ['*.example.com', 'http://evilexample.com/', false],
    ['bücher.example', 'http://xn--bcher-kva.example/', true],
    ['[2001:4860::1]:443', 'https://[2001:4860:0::1]/', true],
    ['127.0.0.1:8080', 'http://0x7f.1:8080/', true],
  ])('%s of %s: %s', (rule, url, expected) => {
    expect(has(rule, url)).toBe(expected);
  });

  test.each([
    '',
    '*',
    '*.',
    'http://example.com',
    'a/b',
    'a@b',
    'a b',
    '*.example.com:80',
    'a.*.b',
    'a:b',
    'a?b',
    'a#b',
    'a\\b',
  ])('refuses the rule %j', (rule) => {
    expect(() => parseHostRule(rule)).toThrow(TypeError);
  });

  it('an empty list has nobody', () => {
    expect(isListed(parsed('http://example.com/'), [])).toBe(false);
  });
});

it('a host is compared without the dot at its end, and a log line has no query', () => {
  expect(hostOf(parsed('http://localhost./'))).toBe('localhost');
  expect(loggedUrl(parsed('https://example.com:8080/a/b?token=secret'))).toEqual({
    host: 'example.com:8080',
    path: '/a/b',
  });
});
