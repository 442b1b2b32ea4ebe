// Which addresses are public, however they are written and wherever they are embedded. ipaddr.js reads them as a second opinion.
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it, test } from 'vitest';
import { canonicalAddress, isPublicAddress } from '../../../src/outbound/address-table.js';

/** First and last address of every IPv4 range that is shut, and a metadata service within it where there is one. */
const SHUT_IPV4 = [
  ...['0.0.0.0', '0.0.0.1', '0.255.255.255', '10.0.0.0', '10.255.255.255', '100.64.0.0', '100.127.255.255'],
  ...['100.100.100.200', '127.0.0.0', '127.0.0.1', '127.127.127.127', '127.255.255.255', '168.63.129.16'],
  ...['169.254.0.0', '169.254.169.254', '169.254.170.2', '169.254.255.255', '172.16.0.0', '172.31.255.255'],
  ...['192.0.0.0', '192.0.0.8', '192.0.0.170', '192.0.0.192', '192.0.0.255', '192.0.2.0', '192.0.2.255'],
  ...['192.31.196.1', '192.52.193.1', '192.88.99.0', '192.88.99.255', '192.168.0.0', '192.168.255.255', '192.175.48.1'],
  ...['198.18.0.0', '198.19.255.255', '198.51.100.0', '198.51.100.255', '203.0.113.0', '203.0.113.255'],
  ...['224.0.0.0', '224.0.0.251', '239.255.255.250', '240.0.0.0', '255.255.255.254', '255.255.255.255'],
];

/** The neighbours of those ranges, and well-known servers. */
const PUBLIC_IPV4 = [
  ...['1.0.0.0', '1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '93.184.216.34', '100.63.255.255', '100.128.0.0'],
  ...['126.255.255.255', '128.0.0.0', '168.63.129.15', '168.63.129.17', '169.253.255.255', '169.255.0.0'],
  ...['172.15.255.255', '172.32.0.0', '192.0.1.0', '192.0.3.0', '192.88.98.255', '192.88.100.0', '192.167.255.255'],
  ...[
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '198.51.99.255',
    '203.0.112.255',
    '203.0.114.0',
    '223.255.255.255',
  ],
];

const SHUT_IPV6 = [
  ...['::', '::1', '0:0:0:0:0:0:0:1', '0:0:0:0:0:0:0:0', '::2', '::1234:5678:9abc', '100::', '100::1', '100:0:0:1::1'],
  // IPv4-compatible, by its IPv4 address as well as by its range; IPv4-translated.
  ...['::127.0.0.1', '::10.0.0.1', '::a00:1', '::7f00:1', '::8.8.8.8', '::ffff:0:127.0.0.1', '::ffff:0:a9fe:a9fe'],
  // Teredo, benchmarks, ORCHID, documentation, 6to4, segment routing.
  ...['2001::1', '2001:0:0:0:0:0:80ff:fffe', '2001:0:4136:e378:8000:63bf:3fff:fdd2', '2001:1ff::1', '2001:2::1'],
  ...['2001:10::1', '2001:20::1', '2001:db8::1', '2001:db8:ffff::', '2002::1', '2002:7f00:1::', '2002:a00:1::'],
  ...['2002:a9fe:a9fe::', '2002:808:808::1', '2620:4f:8000::1', '3fff::1', '3fff:fff:ffff::1', '5f00::1'],
  // Unique local (AWS' metadata), link-local, site-local, multicast.
  ...['fc00::', 'fc00::1', 'fd00::1', 'fd00:ec2::254', 'fd12:3456::1', 'fdff:ffff::1', 'fe80::', 'fe80::1', 'fe9f::1'],
  ...['febf::1', 'fec0::1', 'feff::1', 'ff00::1', 'ff02::1', 'ff0e::1', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  // Not allocated to anybody.
  ...['64:ff9c::1', '65:ff9b::1', '1fff::1', '4000::1', 'fe00::1', 'fbff::1'],
  // With a zone.
  ...['::1%lo', 'fe80::1%eth0', '2606:4700:4700::1111%1'],
];

const PUBLIC_IPV6 = [
  ...['2606:4700:4700::1111', '2001:4860:4860::8888', '2001:4860:4860:0:0:0:0:8888', '2a00:1450:4001:82b::200e'],
  ...['2001:200::1', '2003::1', '3ffe::1', '2620:0:2d0:200::7'],
];

const NO_ADDRESSES = [
  ...['', ' ', 'localhost', 'example.com', '127.1', '2130706433', '0x7f.1', '0177.0.0.1', '010.0.0.1', '256.1.1.1'],
  ...['1.2.3', '1.2.3.4.5', '1.2.3.4 ', '1.2.3.4:80', '[::1]', ':::', '1::2::3', 'null'],
];

describe('isPublicAddress', () => {
  test.each([...SHUT_IPV4, ...SHUT_IPV6])('%s is shut', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each([...PUBLIC_IPV4, ...PUBLIC_IPV6])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each(NO_ADDRESSES)('%j is no address, and shut', (text) => {
    expect(isPublicAddress(text)).toBe(false);
    expect(canonicalAddress(text)).toBeUndefined();
  });
});

/** Of each property; ten times as many found no more. */
const RUNS = 200;

const octet = fc.integer({ min: 0, max: 255 });
const anyIPv4 = fc.oneof(
  fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.')),
  fc.constantFrom(...SHUT_IPV4, ...PUBLIC_IPV4),
);
const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));
const groups = (count: number) => fc.array(group, { minLength: count, maxLength: count });
const hexOf = (address: string): string => {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
};

/** What an IPv4 address is embedded in, with a name: shut whenever it is. */
const EMBEDDINGS: Readonly<Record<string, (address: string) => readonly string[]>> = {
  mapped: (a) => [`::ffff:${a}`, `::ffff:${hexOf(a)}`, `0:0:0:0:0:ffff:${a}`, `0000::FFFF:${hexOf(a)}`],
  compatible: (a) => [`::${a}`],
  translated: (a) => [`::ffff:0:${a}`],
  NAT64: (a) => [`64:ff9b::${a}`, `64:ff9b::${hexOf(a)}`, `64:ff9b:0:0:0:0:${a}`],
  'local NAT64': (a) => {
    const [b0, b1, b2, b3] = a.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
    return [
      `64:ff9b:1:${b0}${b1}:00${b2}:${b3}00::`,
      `64:ff9b:1:00${b0}:00${b1}:${b2}${b3}::`,
      `64:ff9b:1::00${b0}:${b1}${b2}:${b3}00:0`,
      `64:ff9b:1::${a}`,
      // Whatever stands around it: the prefix is the network's own.
      `64:ff9b:1:${b0}${b1}:00${b2}:${b3}01:808:808`,
    ];
  },
  '6to4': (a) => [`2002:${hexOf(a)}::1`],
  Teredo: (a) => [
    `2001:0:808:808:0:0:${hexOf(
      a
        .split('.')
        .map((part) => 255 - Number(part))
        .join('.'),
    )}`,
  ],
  ISATAP: (a) => [`2606:4700::5efe:${a}`, `2606:4700::200:5efe:${a}`, `2a00:1450:0:1:0:5efe:${hexOf(a)}`],
};

describe('an address within an address', () => {
  test.each(Object.entries(EMBEDDINGS))('%s: shut where the IPv4 address is shut', (_name, embed) => {
    const isPadding = (address: string) => address.startsWith('0.');
    fc.assert(
      fc.property(anyIPv4, (address) => {
        if (isPublicAddress(address) || isPadding(address)) return;
        for (const text of embed(address)) expect([text, isPublicAddress(text)]).toEqual([text, false]);
      }),
      { numRuns: RUNS },
    );
  });

  test.each(SHUT_IPV4)('%s is shut in all of them', (address) => {
    for (const [name, embed] of Object.entries(EMBEDDINGS)) {
      // In a prefix of unknown length 0.0.0.0/8 is the padding of another layout, and no destination.
      if (name === 'local NAT64' && address.startsWith('0.')) continue;
      for (const text of embed(address)) expect([text, isPublicAddress(text)]).toEqual([text, false]);
    }
  });

  test.each(['mapped', 'NAT64', 'ISATAP'])('%s: public where the IPv4 address is', (name) => {
    for (const address of PUBLIC_IPV4)
      for (const text of EMBEDDINGS[name]?.(address) ?? []) expect([text, isPublicAddress(text)]).toEqual([text, true]);
  });

  it('a network that translates with a prefix of its own of 48 or 96 bits reaches the internet', () => {
    expect(isPublicAddress('64:ff9b:1:808:8:800::')).toBe(true);
    expect(isPublicAddress('64:ff9b:1::8.8.8.8')).toBe(true);
  });
});

describe('beside ipaddr.js', () => {
  const anyIPv6 = fc.oneof(
    groups(8).map((all) => all.join(':')),
    fc
      .tuple(fc.constantFrom('2001', '2002', '2606', '3fff', '2a00', '64:ff9b', 'fd00', '100'), groups(5))
      .map(([first, rest]) =>
        first.includes(':') ? `${first}:${rest.slice(0, 4).join(':')}::` : `${first}:${rest.join(':')}::`,
      ),
  );

  it('whatever is public is plain unicast to it, or such an address embedded', () => {
    fc.assert(
      fc.property(fc.oneof(anyIPv4, anyIPv6), (text) => {
        if (!isPublicAddress(text)) return;
        const parsed = ipaddr.process(text);
        const range = parsed.range();
        expect(['unicast', 'rfc6052', 'reserved']).toContain(range);
        if (range !== 'unicast') expect(text.startsWith('64:ff9b:')).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  it('whatever is plain unicast to it is public, but for what we know and it does not', () => {
    fc.assert(
      fc.property(fc.oneof(anyIPv4, anyIPv6), (text) => {
        const parsed = ipaddr.process(text);
        if (parsed.range() !== 'unicast' || isPublicAddress(text)) return;
        const known =
          parsed.kind() === 'ipv4'
            ? text === '168.63.129.16'
            : !/^[23][0-9a-f]{3}:/.test(parsed.toString()) || /5efe/.test(text);
        expect([text, known]).toEqual([text, true]);
      }),
      { numRuns: RUNS },
    );
  });

  it('reads the bytes of every spelling as it does', () => {
    fc.assert(
      fc.property(fc.oneof(anyIPv4, anyIPv6), (text) => {
        const parsed = ipaddr.process(text);
        const spellings = [text, text.toUpperCase(), parsed.toString(), parsed.toNormalizedString()];
        const expected =
          parsed.kind() === 'ipv4' ? parsed.toString() : Buffer.from(parsed.toByteArray()).toString('hex');
        for (const spelling of spellings) expect(canonicalAddress(spelling)).toBe(expected);
      }),
      { numRuns: RUNS },
    );
  });
});
