// Nothing that is shut is ever dialled, however it is written and by whatever way it comes. The table has every form of the
// public lists of such URLs: those of imgproxy, of other proxies for pictures, and of collections for testers. A host on
// loopback listens on the ports that they name, and hears nothing.
import { networkInterfaces } from 'node:os';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { parseHostRule } from '../../../src/kernel/source-url.js';
import { isPublicAddress } from '../../../src/outbound/address-table.js';
import { type Origin, startOrigin } from '../../support/origins.js';
import { startOutbound, type TestOutbound } from '../../support/outbound.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

let dir: TempDir;
let host: Origin;
let out: TestOutbound | undefined;
beforeAll(async () => {
  host = await startOrigin((_request, response) => response.end('reached'));
});
afterAll(() => host.close());
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(async () => {
  await out?.close();
  await dir.remove();
});

/** The port of the host that listens is open, so that only addresses are in the way. */
const start = (
  settings: Parameters<typeof startOutbound>[1] = {},
  names?: Parameters<typeof startOutbound>[2],
  places?: Parameters<typeof startOutbound>[3],
): TestOutbound => {
  out = startOutbound(dir.path, { ports: [80, 443, host.port], ...settings }, names, places);
  return out;
};
const asked = async (url: string, names?: Parameters<typeof startOutbound>[2]) => {
  const fetched = await start({}, names).ask(url);
  expect(host.connections()).toBe(0);
  return fetched;
};

const LOOPBACK = [
  ...['127.0.0.1', '127.1', '127.0.1', '127.127.127.127', '127.0.0.255', '2130706433', '017700000001', '0x7f000001'],
  ...[
    '0x7f.1',
    '0x7f.0x0.0x0.0x1',
    '0177.0.0.1',
    '0177.1',
    '00000177.0.0.01',
    '127.0.0.1.',
    '%31%32%37.0.0.1',
    '1%32%37.%30.0.1',
  ],
  ...[
    '①②⑦.⓪.⓪.①',
    '１２７.０.０.１',
    '127。0。0。1',
    '127．0．0．1',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[0000::0001]',
    '[::127.0.0.1]',
  ],
  ...['[::7f00:1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[0:0:0:0:0:ffff:127.0.0.1]', '[::ffff:0:127.0.0.1]'],
  ...['[::ffff:0:7f00:1]', '[64:ff9b::127.0.0.1]', '[64:ff9b::7f00:1]', '[64:ff9b:1::7f00:1]', '[2002:7f00:1::]'],
  ...[
    '[2001:0:0:0:0:0:80ff:fffe]',
    '[2606:4700::5efe:7f00:1]',
    '[::]',
    '[::ffff:0.0.0.0]',
    '0',
    '0.0.0.0',
    '0x0',
    '0000',
  ],
];

const PRIVATE = [
  ...[
    '10.0.0.1',
    '0xa.1',
    '167772161',
    '012.0.0.1',
    '[::10.0.0.1]',
    '[::a00:1]',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
  ],
  ...[
    '192.168.1',
    '3232235521',
    '0xc0a80001',
    '[::ffff:192.168.0.1]',
    '[::ffff:c0a8:1]',
    '100.64.0.1',
    '[fc00::1]',
    '[fd12:3456::1]',
  ],
  ...[
    '[fe80::1]',
    '[fec0::1]',
    '[fe80::5efe:a00:1]',
    '169.254.0.1',
    '224.0.0.251',
    '239.255.255.250',
    '255.255.255.255',
    '[ff02::1]',
  ],
];

const METADATA = [
  ...[
    '169.254.169.254',
    '169.254.170.2',
    '2852039166',
    '0xa9fea9fe',
    '0251.0376.0251.0376',
    '0xA9.0xFE.0xA9.0xFE',
    '169.16689662',
  ],
  ...[
    '169.254.43518',
    '0251.254.169.254',
    '[::ffff:169.254.169.254]',
    '[::ffff:a9fe:a9fe]',
    '[0:0:0:0:0:ffff:a9fe:a9fe]',
  ],
  ...['[64:ff9b::a9fe:a9fe]', '[64:ff9b:1:a9fe:a9:fe00::]', '[2002:a9fe:a9fe::]', '[fd00:ec2::254]', '[fd20:ce::254]'],
  ...['①⑥⑨.②⑤④.①⑥⑨.②⑤④', '168.63.129.16', '100.100.100.200', '192.0.0.192', '169。254。169。254', '169.254.169.254.'],
];

const SPECIAL = [
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '192.88.99.1',
  '240.0.0.1',
  '[2001:db8::1]',
].concat([
  ...[
    '[3fff::1]',
    '[100::1]',
    '[2001:2::1]',
    '[2001:10::1]',
    '[5f00::1]',
    '[::8.8.8.8]',
    '[2002:808:808::]',
    '[64:ff9c::808:808]',
  ],
]);

describe('a literal', () => {
  test.each([...LOOPBACK, ...PRIVATE, ...METADATA, ...SPECIAL])('%s is refused, and never looked up', async (name) => {
    const fetched = await asked(`http://${name}:${host.port}/`, () => ['93.184.216.34']);
    expect(fetched).toMatchObject({ kind: 'failed', reason: 'address-forbidden', isTransient: false });
    expect(out?.asked).toEqual([]);
    expect(JSON.stringify(fetched)).not.toMatch(/\d+\.\d+\.\d+|::/);
  });

  test.each([
    ...[
      '[fe80::1%25lo]',
      '[::1%lo]',
      '[::1',
      '::1',
      '127.0.0.1:x',
      '127.0.0.1%00.example.com',
      '256.256.256.256',
      '1.2.3.4.5',
    ],
    ...['example.com@127.0.0.1', 'a:b@127.0.0.1', '127.0.0.1 .example.com', '[127.0.0.1]', '0x7f.0x', ''],
  ])('%j is no host that could be asked', async (name) => {
    const fetched = await asked(`http://${name}${name.endsWith(']') ? `:${host.port}` : ''}/`);
    expect(fetched).toMatchObject({ kind: 'failed', isTransient: false });
    expect(out?.asked).toEqual([]);
  });
});

describe('a name', () => {
  const literals = [...new Set([...LOOPBACK, ...PRIVATE, ...METADATA, ...SPECIAL])]
    .map((name) => new URL(`http://${name}/`).hostname.replace(/^\[|\]$|\.$/g, ''))
    .filter((address) => /^[\d.]+$|:/.test(address));

  it('with an address that is shut is refused, whichever it is', async () => {
    expect(literals.length).toBeGreaterThan(60);
    const names = new Map(literals.map((address, index) => [`n${index}.test`, address]));
    const hosts = start({}, (name) => [names.get(name) ?? '']);
    for (const [name, address] of names)
      expect([address, await hosts.ask(`http://${name}:${host.port}/`)]).toMatchObject([
        address,
        { kind: 'failed', reason: 'address-forbidden', isTransient: false },
      ]);
    expect(hosts.asked).toEqual([...names.keys()]);
    expect(host.connections()).toBe(0);
  });

  test.each([
    'localhost',
    'localhost.',
    'LOCALHOST',
    'images.localhost',
    'localtest.me',
    '127.0.0.1.nip.io',
    'intranet',
  ])('%s is refused where it means loopback', async (name) => {
    const fetched = await asked(`http://${name}:${host.port}/`, () => ['127.0.0.1', '::1']);
    expect(fetched).toMatchObject({ reason: 'address-forbidden' });
  });

  it('with nonsense for an address is refused', async () => {
    for (const nonsense of ['', 'localhost', '127.1', '0x7f000001', 'fe80::1%lo', '::1%1'])
      expect(await asked(`http://odd.test:${host.port}/`, () => [nonsense])).toMatchObject({ kind: 'failed' });
  });

  it('with a public and a private address is asked at the public one alone', async () => {
    const other = await startOrigin((_request, response) => response.end('x'));
    const dialled = start({ allow: [host.place], ports: [host.port, other.port] }, () => [
      '::1',
      '10.0.0.1',
      '127.0.0.1',
    ]);
    expect(await dialled.ask(`http://both.test:${host.port}/`)).toMatchObject({ kind: 'fetched' });
    expect(await dialled.ask(`http://both.test:${other.port}/`)).toMatchObject({ reason: 'address-forbidden' });
    expect(other.connections()).toBe(0);
    await other.close();
  });

  it('that means another address each time is looked up once for each connection, and what was checked is what is dialled', async () => {
    const own = await startOrigin((_request, response) => response.setHeader('connection', 'close').end('x'));
    let turn = 0;
    const rebinding = start({ allow: [own.place], ports: [own.port] }, () => [
      ['127.0.0.1', '127.0.0.2', '169.254.169.254'][turn++ % 3] ?? '',
    ]);
    const outcomes = [];
    for (let i = 0; i < 9; i++) {
      const fetched = await rebinding.ask(`http://rebind.test:${own.port}/${i}`);
      outcomes.push(fetched.kind === 'failed' ? fetched.reason : fetched.kind);
    }
    expect(outcomes).toEqual(Array(3).fill(['fetched', 'address-forbidden', 'address-forbidden']).flat());
    expect([turn, own.connections()]).toEqual([9, 3]);
    await own.close();
  });
});

describe('what is open although it is private', () => {
  it('is an exact address with its port, and nothing beside it', async () => {
    const other = await startOrigin((_request, response) => response.end('other'));
    const open = start({ allow: [other.place] }, () => ['127.0.0.1']);
    const reason = async (url: string) => {
      const fetched = await open.ask(url);
      return fetched.kind === 'failed' ? fetched.reason : fetched.kind;
    };
    const { port } = other;
    expect(await reason(`http://127.0.0.1:${port}/`)).toBe('fetched');
    expect(await reason(`http://[::ffff:127.0.0.1]:${port}/`)).toBe('fetched');
    expect(await reason(`http://name.test:${port}/`)).toBe('fetched');
    for (const url of [`http://127.0.0.2:${port}/`, `http://[::1]:${port}/`, `http://[64:ff9b::7f00:1]:${port}/`])
      expect([url, await reason(url)]).toEqual([url, 'address-forbidden']);
    expect(await reason(`http://127.0.0.1:${host.port}/`)).toBe('address-forbidden');
    // A port that is open at one address is not open at all others.
    expect(await reason(`http://93.184.216.34:${port}/`)).toBe('address-forbidden');
    await other.close();
  });

  it('is not this server itself, nor a host that is denied', async () => {
    const own = () => [host.place];
    const itself = start({ allow: [host.place] }, () => ['127.0.0.1'], { own });
    expect(await itself.ask(host.url('/'))).toMatchObject({ reason: 'address-forbidden' });
    expect(await itself.ask(host.url('/', 'name.test'))).toMatchObject({ reason: 'address-forbidden' });
    await itself.close();
    const denied = start({ allow: [host.place], deniedHosts: [parseHostRule(`redis.internal:${host.port}`)] }, () => [
      '127.0.0.1',
    ]);
    expect(await denied.ask(host.url('/', 'redis.internal'))).toMatchObject({ reason: 'address-forbidden' });
    expect(await denied.ask(host.url('/', 'REDIS.internal.'))).toMatchObject({ reason: 'address-forbidden' });
    expect(await denied.ask(host.url('/', 'other.internal'))).toMatchObject({ kind: 'fetched' });
  });
});

it('webhooks are sent nowhere else', async () => {
  const open = start({}, () => ['127.0.0.1']);
  const send = (url: string) =>
    open.sender.send({ id: 'id', url, body: '{}', secrets: [], signal: new AbortController().signal });
  const before = host.connections();
  for (const name of [...LOOPBACK, ...METADATA, 'localhost', 'name.test'])
    expect([name, await send(`http://${name}:${host.port}/`)]).toMatchObject([name, { fault: 'address-forbidden' }]);
  expect((await send('ftp://name.test/')).fault).toBe('address-forbidden');
  expect(host.connections()).toBe(before);
});

it('no address of this machine but its public ones counts as public', () => {
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  for (const { address, internal } of addresses) if (internal) expect(isPublicAddress(address)).toBe(false);
  expect(addresses.some(({ internal }) => internal)).toBe(true);
});
