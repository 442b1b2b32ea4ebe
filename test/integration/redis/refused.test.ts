// A server that does not want us: why is told once, at warn and without secrets; nothing is ready until it is mended, and then
// it goes on by itself.
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../support/gate.js';
import { freePort } from '../../support/ports.js';
import { type RedisServer, type RedisServers, startStandalone, startWithTls } from '../../support/redis-servers.js';
import { newPrefix, openTestStore, type TestStore } from '../../support/redis-store.js';
import { spawnServer, startServerProcess } from '../../support/server-process.js';
import { tempDir } from '../../support/temp-dir.js';

describe('a server that refuses us', () => {
  let servers: RedisServers & { readonly server: RedisServer };
  let store: TestStore | undefined;
  beforeEach(async () => {
    servers = await startStandalone();
    store = undefined;
  });
  afterEach(async () => {
    await store?.close();
    await servers.stop();
  });

  const port = () => servers.server.port;
  const cli = (...args: string[]) => servers.server.cli(...args);

  it.each([
    [
      'a wrong password',
      () => cli('ACL', 'SETUSER', 'default', '>right'),
      () => `redis://:s3cret@127.0.0.1:${port()}`,
      /^WRONGPASS: .*PROOFSHEET_REDIS_PASSWORD/,
      () => cli('-a', 'right', 'ACL', 'SETUSER', 'default', '>s3cret'),
    ],
    [
      'no password',
      () => cli('ACL', 'SETUSER', 'default', 'resetpass', '>s3cret'),
      () => `redis://127.0.0.1:${port()}`,
      /^NOAUTH: .*PROOFSHEET_REDIS_PASSWORD/,
      () => cli('-a', 's3cret', 'ACL', 'SETUSER', 'default', 'nopass'),
    ],
    [
      'an unknown user',
      async () => '',
      () => `redis://sheet:s3cret@127.0.0.1:${port()}`,
      /^WRONGPASS: .*PROOFSHEET_REDIS_USER/,
      () => cli('ACL', 'SETUSER', 'sheet', 'on', '>s3cret', '~*', '+@all'),
    ],
    [
      'a user with too few rights',
      () => cli('ACL', 'SETUSER', 'sheet', 'on', '>s3cret', '~*', '+@read', '+@connection'),
      () => `redis://sheet:s3cret@127.0.0.1:${port()}`,
      /^NOPERM: .*CLUSTER\.md/,
      () => cli('ACL', 'SETUSER', 'sheet', '+@all'),
    ],
  ])('%s', async (_what, spoil, url, reason, mend) => {
    await spoil();
    store = await openTestStore(url(), newPrefix());
    expect([store.state(), store.refusal()]).toEqual(['down', expect.stringMatching(reason)]);
    await expect(store.leases.acquire('work', 1_000)).rejects.toMatchObject({ code: 'shared-tier-unreachable' });
    const told = () => store?.logger.at('warn').filter(({ message }) => message === 'Redis refuses us') ?? [];
    expect(told()).toEqual([{ level: 'warn', message: 'Redis refuses us', fields: { reason: store.refusal() } }]);
    await mend();
    await eventually(async () => store?.state() === 'up', 'a store that is up');
    expect(store.refusal()).toBeUndefined();
    expect(await store.catalog.count()).toBe(0);
    expect(told()).toHaveLength(1);
    expect(store.logger.text).not.toContain('s3cret');
  });

  it('is not waited for as one is that says nothing', async () => {
    await cli('ACL', 'SETUSER', 'default', '>right');
    let isAwayOpen = false;
    const away = openTestStore(`redis://127.0.0.1:${await freePort()}`, newPrefix()).then((opened) => {
      isAwayOpen = true;
      return opened;
    });
    try {
      // Asked later, and there earlier.
      store = await openTestStore(`redis://:wrong@127.0.0.1:${port()}`, newPrefix());
      expect(isAwayOpen).toBe(false);
      expect(store.refusal()).toMatch(/^WRONGPASS/);
    } finally {
      await (await away).close();
    }
  });

  it('a database that is not there', async () => {
    store = await openTestStore(`redis://127.0.0.1:${port()}/99`, newPrefix());
    expect(store.refusal()).toMatch(/^ERR: there is no database of this number/);
  });

  it('TLS with one that speaks none', async () => {
    store = await openTestStore(`rediss://127.0.0.1:${port()}`, newPrefix());
    expect(store.logger.at('warn')).toEqual([
      {
        level: 'warn',
        message: 'no connection to Redis yet',
        fields: { reason: expect.stringContaining('rediss://') },
      },
    ]);
  });

  it('rights that are taken away while it serves are named, and the node stays what it is', async () => {
    await cli('ACL', 'SETUSER', 'sheet', 'on', '>s3cret', '~*', '+@all');
    store = await openTestStore(`redis://sheet:s3cret@127.0.0.1:${port()}`, newPrefix());
    await cli('ACL', 'SETUSER', 'sheet', '-zcard', '-zlexcount', '-hlen');
    await expect(store.catalog.count()).rejects.toMatchObject({ code: 'shared-tier-unreachable' });
    await expect(store.catalog.count()).rejects.toMatchObject({ code: 'shared-tier-unreachable' });
    expect(store.logger.at('warn')).toEqual([
      { level: 'warn', message: 'Redis refuses us', fields: { reason: expect.stringMatching(/^NOPERM/) } },
    ]);
    expect(store.refusal()).toBeUndefined();
  });

  it('a node is not ready until it is let in', async () => {
    await cli('ACL', 'SETUSER', 'default', 'resetpass', '>right');
    const dir = await tempDir();
    const node = await startServerProcess({
      PROOFSHEET_REDIS_URL: `redis://:s3cret@127.0.0.1:${port()}`,
      PROOFSHEET_DATA_DIR: dir.path,
    });
    try {
      const readiness = async () => {
        const response = await fetch(`${node.origin}/readyz`);
        return { status: response.status, ...((await response.json()) as object) };
      };
      expect(await readiness()).toMatchObject({ status: 503, ready: false, dependencies: { shared: 'down' } });
      const named = node.log.filter(({ message }) => message === 'Redis refuses us');
      expect(named).toHaveLength(1);
      expect(named[0]).toMatchObject({ level: 'warn', reason: expect.stringContaining('WRONGPASS') });
      await cli('-a', 'right', 'ACL', 'SETUSER', 'default', '>s3cret');
      await eventually(async () => (await readiness()).status === 200, 'a node that is ready');
      expect(JSON.stringify(node.log)).not.toContain('s3cret');
    } finally {
      node.kill('SIGKILL');
      await node.gone;
      await dir.remove();
    }
  });
});

it('a certificate that nobody vouches for is named', async () => {
  const servers = await startWithTls();
  const store = await openTestStore(servers.url, newPrefix());
  try {
    expect(store.refusal()).toMatch(/TLS does not come about, see .*PROOFSHEET_REDIS_CA_FILE/);
  } finally {
    await store.close();
    await servers.stop();
  }
});

it('a server that speaks TLS alone, spoken to without', async () => {
  const servers = await startWithTls();
  const store = await openTestStore(servers.url.replace('rediss:', 'redis:'), newPrefix());
  try {
    expect(store.logger.at('warn')).toEqual([
      {
        level: 'warn',
        message: 'no connection to Redis yet',
        fields: { reason: expect.stringContaining('rediss://') },
      },
    ]);
  } finally {
    await store.close();
    await servers.stop();
  }
});

it('a server that is merely away is named once, and no refusal', async () => {
  const store = await openTestStore('redis://127.0.0.1:1', newPrefix());
  expect([store.state(), store.refusal()]).toEqual(['down', undefined]);
  expect(store.logger.at('warn')).toEqual([
    { level: 'warn', message: 'no connection to Redis yet', fields: { reason: 'ECONNREFUSED' } },
  ]);
  await store.close();
});

it.each([
  ['PROOFSHEET_REDIS_URL', 'redis://:s3cret@127.0.0.1:99999'],
  ['PROOFSHEET_REDIS_URL', 'redis://:s3cret%@127.0.0.1'],
  ['PROOFSHEET_REDIS_CA_FILE', '/nowhere/s3cret/../ca.pem'],
])('%s=%s ends the start with 78 and the name of the setting', async (name, value) => {
  const child = spawnServer({ PROOFSHEET_REDIS_URL: 'redis://127.0.0.1', [name]: value });
  let told = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      told += chunk.toString();
    });
  const [code] = (await once(child, 'close')) as [number];
  expect(code).toBe(78);
  expect(told).toContain(`(${name}): expected`);
  expect(told).not.toMatch(/:s3cret|\n {4}at /);
});
