// How many requests a host, a domain and all together have at the same time, and that what hangs leaves places to the others.
import { describe, expect, it, test } from 'vitest';
import type { Context } from '../../../src/kernel/image-key.js';
import { domainOf, HostLimits, HostNotAsked } from '../../../src/outbound/host-limits.js';
import { FakeClock } from '../../support/fake-clock.js';

const NEVER = new AbortController().signal;
const limits = (more: Partial<ConstructorParameters<typeof HostLimits>[0]> = {}) =>
  new HostLimits({
    ...{ total: 8, perHost: 2, maxWaitMs: 1, failures: 3, restMs: 60_000, clock: new FakeClock() },
    ...more,
  });
const enter = (hosts: HostLimits, url: string, context?: string) =>
  hosts.enter(new URL(url), NEVER, context as Context | undefined);

describe('a host', () => {
  it('has its places whatever port it is asked at', async () => {
    const hosts = limits();
    const leave = await enter(hosts, 'https://example.com/');
    await enter(hosts, 'https://example.com:8443/');
    await expect(enter(hosts, 'http://example.com/')).rejects.toThrow(HostNotAsked);
    leave('good');
    await enter(hosts, 'http://example.com/');
  });

  it('that is an address is counted by itself', async () => {
    const hosts = limits({ total: 4 });
    for (const port of [1, 2]) await enter(hosts, `http://127.0.0.1:${port}/`);
    await expect(enter(hosts, 'http://127.0.0.1:3/')).rejects.toThrow('busy');
    await enter(hosts, 'http://127.0.1.1:3/');
    await enter(hosts, 'http://[::1]/');
  });

  it('rests by itself after failures, and not with the others of its domain', async () => {
    const hosts = limits();
    for (let failed = 0; failed < 3; failed++) (await enter(hosts, 'https://dead.example.com/'))('bad');
    await expect(enter(hosts, 'https://dead.example.com/')).rejects.toMatchObject({ why: 'resting' });
    (await enter(hosts, 'https://www.example.com/'))('good');
  });
});

test('a host that fails one context is asked for others, and each has its own trial', async () => {
  const clock = new FakeClock();
  const hosts = limits({ clock });
  for (let failed = 0; failed < 3; failed++) (await enter(hosts, 'https://cdn.example.com/shut', 'a'))('bad');
  await expect(enter(hosts, 'https://cdn.example.com/', 'a')).rejects.toMatchObject({ why: 'resting' });
  for (const other of ['b', '', undefined]) (await enter(hosts, 'https://cdn.example.com/', other))('good');
  clock.advance(60_000);
  const trial = await enter(hosts, 'https://cdn.example.com/', 'a');
  await expect(enter(hosts, 'https://cdn.example.com/', 'a')).rejects.toMatchObject({ why: 'resting' });
  for (let failed = 0; failed < 3; failed++) (await enter(hosts, 'https://cdn.example.com/', 'b'))('bad');
  trial('good');
  (await enter(hosts, 'https://cdn.example.com/', 'a'))('good');
});

describe('a domain', () => {
  it('with many hosts that hang has half of all places, and others find one at once', async () => {
    const hosts = limits();
    const held = [1, 2, 3, 4].map((n) => enter(hosts, `https://slow-${n}.example.com/`));
    const [first] = await Promise.all(held);
    await expect(enter(hosts, 'https://slow-5.example.com/')).rejects.toThrow('busy');
    await Promise.all([enter(hosts, 'https://other.org/'), enter(hosts, 'https://another.net/')]);
    first?.('neither');
    await enter(hosts, 'https://slow-5.example.com/');
  });

  it('has as many places as one host of it may have', async () => {
    const hosts = limits({ total: 4, perHost: 4 });
    for (let n = 0; n < 4; n++) await enter(hosts, 'https://example.com/');
  });
});

test('places that were given up while they were waited for are free again', async () => {
  const hosts = limits({ total: 2, perHost: 2, maxWaitMs: 60_000 });
  const [first, second] = [await enter(hosts, 'https://a.org/'), await enter(hosts, 'https://b.org/')];
  const waiting = new AbortController();
  const given = hosts.enter(new URL('https://c.org/'), waiting.signal, undefined);
  waiting.abort(new Error('given up'));
  await expect(given).rejects.toThrow('given up');
  first('good');
  second('good');
  await Promise.all([enter(hosts, 'https://c.org/'), enter(hosts, 'https://c.org/')]);
});

test.each([
  ['example.com', 'example.com'],
  ['img.cdn.example.com', 'example.com'],
  ['www.example.com.', 'example.com'],
  ['a.b.example.co.uk', 'example.co.uk'],
  ['localhost', 'localhost'],
  ['192.0.2.1', '192.0.2.1'],
  ['[2001:db8::1]', '[2001:db8::1]'],
])('%s is counted to %s', (hostname, domain) => expect(domainOf(hostname)).toBe(domain));
