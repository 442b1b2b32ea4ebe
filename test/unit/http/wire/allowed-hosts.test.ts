import { expect, it } from 'vitest';
import { createHostCheck } from '../../../../src/http/wire/allowed-hosts.js';

const admits = createHostCheck(['Previews.example', 'other.example:8005']);

it.each([
  ['previews.example', true],
  ['PREVIEWS.EXAMPLE:443', true],
  ['previews.example.', true],
  ['other.example:8005', true],
  ['other.example', false],
  ['other.example:80', false],
  ['127.0.0.1:8005', true],
  ['[::1]:8005', true],
  ['[2001:db8::1]', true],
  ['localhost:8005', true],
  ['rebound.evil.example', false],
  ['127.0.0.1.evil.example', false],
  ['evil.localhost', false],
  ['', false],
])('Host: %s', (host, admitted) => {
  expect(admits({ rawHeaders: ['Accept', '*/*', 'hOST', host] })).toBe(admitted);
  expect(admits({ rawHeaders: ['Host', 'previews.example', 'Host', host] })).toBe(admitted);
});

it('a request without Host is left to other rules', () => {
  expect(admits({ rawHeaders: [] })).toBe(true);
});
