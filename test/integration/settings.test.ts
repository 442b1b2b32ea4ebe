// Settings do what they say, as an operator sets them: by the environment, on the server itself. And none is read by nobody.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load-config.js';
import { allSettings } from '../../src/config/schema.js';
import { openSharedTier, type SharedTier } from '../../src/open-storage.js';
import { encodedPhoto } from '../support/encoded-photo.js';
import { FakeLogger } from '../support/fake-logger.js';
import { FakeMetrics } from '../support/fake-metrics.js';
import { eventually, until } from '../support/gate.js';
import { flat, image } from '../support/images.js';
import { sourceForm } from '../support/multipart.js';
import { childrenOf, signalIfThere } from '../support/processes.js';
import { blobOf, groupRef } from '../support/records.js';
import { type RedisServer, type RedisServers, startStandalone } from '../support/redis-servers.js';
import { realClock } from '../support/redis-store.js';
import { type ServerProcess, scrape, startServerProcess } from '../support/server-process.js';
import { type TempDir, tempDir } from '../support/temp-dir.js';

/** Several servers are started, one after the other, beside other tests. */
const SLOW = { timeout: 300_000 };

describe('every setting', () => {
  const textOf = (folder: string, skip: RegExp) => {
    const root = new URL(`../../${folder}`, import.meta.url).pathname;
    return readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.m?ts$/.test(path) && !skip.test(path))
      .map((path) => readFileSync(join(root, path), 'utf8'))
      .join('\n');
  };
  // Not where settings are declared, nor where tables of them are compared. Loading decides which directory counts.
  const source = textOf('src', /^config\/(?!load-config)/);
  const tests = textOf('test', /^unit\/config\/|readme|docs-figures|compose-files/);

  it.each(allSettings().map(({ key, name, setting }) => [key, name, setting.env]))(
    '%s is read by the server, and its effect is seen by a test',
    (_key, name, env) => {
      // Taken out of the configuration by its name, or taken apart.
      expect(source).toMatch(new RegExp(`\\.${name}\\b|[{,]\\s*${name}\\s*[,:=}]`));
      expect(tests).toMatch(new RegExp(`\\b${env}\\b|\\b${name}\\b`));
    },
  );
});

let servers: RedisServers & { readonly server: RedisServer };
let dir: TempDir;
beforeAll(async () => {
  servers = await startStandalone();
  dir = await tempDir();
});
afterAll(async () => {
  await servers.stop();
  await dir.remove();
});
const cli = (...args: string[]) => servers.server.cli(...args);

async function withTier(environment: Record<string, string>, use: (tier: SharedTier) => Promise<void>): Promise<void> {
  const config = loadConfig({ environment: { PROOFSHEET_REDIS_URL: servers.url, ...environment } });
  const deps = { clock: realClock, logger: new FakeLogger(), metrics: new FakeMetrics() };
  const tier = await openSharedTier(config, config.shared.redisUrl ?? '', deps);
  try {
    await use(tier);
  } finally {
    await tier.redis.close();
  }
}

let nodes = 0;
async function withServer(
  environment: Record<string, string>,
  use: (node: ServerProcess) => Promise<void>,
): Promise<void> {
  const node = await startServerProcess({ PROOFSHEET_DATA_DIR: join(dir.path, `${nodes++}`), ...environment });
  try {
    await use(node);
  } finally {
    node.kill('SIGKILL');
    await node.gone;
  }
}

const upload = (node: ServerProcess, key: string, source: Buffer, context = '') =>
  fetch(`${node.url}/cacheImage/${key}${context && `?context=${context}`}`, {
    method: 'POST',
    body: sourceForm(source),
  });

/** A picture of one colour, quick to make and to send, that takes a second or more to convert. */
const slowSource = (edgePx: number) =>
  image({ data: Buffer.alloc(3 * edgePx ** 2, 77), widthPx: edgePx, heightPx: edgePx, channels: 3 })
    .png({ compressionLevel: 1 })
    .toBuffer();

describe('the shared tier', () => {
  it('PROOFSHEET_REDIS_KEY_PREFIX begins every key', async () => {
    await cli('FLUSHALL');
    await withTier({ PROOFSHEET_REDIS_KEY_PREFIX: 'mine' }, async ({ blobs }) => {
      const { digest, bytes } = blobOf('prefixed');
      await blobs.put(digest, bytes, 'preview');
      const keys = (await cli('KEYS', '*')).split('\n');
      expect(keys.length).toBeGreaterThanOrEqual(2);
      expect(keys.filter((key) => !key.startsWith('mine:'))).toEqual([]);
    });
  });

  it('PROOFSHEET_REDIS_BLOB_TTL_SECONDS is how long a blob lives', async () => {
    await withTier(
      { PROOFSHEET_REDIS_BLOB_TTL_SECONDS: '77', PROOFSHEET_REDIS_KEY_PREFIX: 'ttl' },
      async ({ blobs }) => {
        const { digest, bytes } = blobOf('short-lived');
        await blobs.put(digest, bytes, 'preview');
        const [key = ''] = (await cli('KEYS', `ttl:b:*${digest}`)).split('\n');
        const ms = Number(await cli('PTTL', key));
        expect(ms).toBeGreaterThan(60_000);
        expect(ms).toBeLessThanOrEqual(77_000);
      },
    );
  });

  it('PROOFSHEET_REDIS_MAX_BLOB_BYTES is the largest blob that is put there', async () => {
    await withTier({ PROOFSHEET_REDIS_MAX_BLOB_BYTES: '2KiB' }, async ({ blobs }) => {
      const [fits, toLarge] = [blobOf('fits', 2_048), blobOf('too large', 2_049)];
      await blobs.put(fits.digest, fits.bytes, 'preview');
      await expect(blobs.put(toLarge.digest, toLarge.bytes, 'preview')).rejects.toMatchObject({ code: 'storage-full' });
      expect([await blobs.has(fits.digest), await blobs.has(toLarge.digest)]).toEqual([true, false]);
    });
  });

  it.each([
    ['PROOFSHEET_REDIS_COMMAND_TIMEOUT_MS', ({ redis }: SharedTier) => redis.catalog.find(groupRef('unknown'))],
    [
      'PROOFSHEET_REDIS_BLOB_TIMEOUT_MS',
      ({ blobs }: SharedTier) => blobs.put(blobOf('x').digest, blobOf('x').bytes, 'preview'),
    ],
  ])('%s is how long is waited for an answer', async (name, call) => {
    const during = async (ms: string, pauseMs: number) => {
      let failed = false;
      await withTier({ [name]: ms }, async (tier) => {
        await cli('CLIENT', 'PAUSE', `${pauseMs}`, 'ALL');
        await call(tier).catch(() => {
          failed = true;
        });
      });
      await cli('CLIENT', 'UNPAUSE');
      return failed;
    };
    // Below the time after which a silent connection is given up.
    const patient = await during('60000', 1_000);
    expect(patient).toBe(false);
    const hasty = await during('50', 1_000);
    expect(hasty).toBe(true);
  });

  it('PROOFSHEET_REDIS_CONNECT_TIMEOUT_MS is how long is waited for a connection', async () => {
    const sockets: Socket[] = [];
    // Takes connections and says nothing, so that no TLS connection ever stands.
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => {})));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const attempts = async (ms: string) => {
      const before = sockets.length;
      const url = `rediss://127.0.0.1:${port}`;
      // Opening waits three seconds.
      await withTier({ PROOFSHEET_REDIS_URL: url, PROOFSHEET_REDIS_CONNECT_TIMEOUT_MS: ms }, async () => {});
      return sockets.length - before;
    };
    // Two connections, one for records and one for blobs.
    expect(await attempts('30000')).toBe(2);
    expect(await attempts('50')).toBeGreaterThan(2);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('PROOFSHEET_LEASE_TTL_MS is how long a conversion is held for a node that died', SLOW, async () => {
    await cli('FLUSHALL');
    const node = { PROOFSHEET_REDIS_URL: servers.url, PROOFSHEET_LEASE_TTL_MS: '700' };
    await withServer(node, async (dying) => {
      const source = await slowSource(11_000);
      const left = async () => {
        const [key = ''] = (await cli('KEYS', 'proofsheet:l:make:*')).split('\n');
        return key === '' ? -2 : Number(await cli('PTTL', key));
      };
      const lost = upload(dying, 'held', source).catch(() => undefined);
      await eventually(async () => (await left()) > 0, 'a lease');
      expect(await left()).toBeLessThanOrEqual(700);
      dying.kill('SIGKILL');
      await lost;
      await eventually(async () => (await left()) === -2, 'a lease that has ended');
    });
  });

  it('PROOFSHEET_LAST_ACCESS_RESOLUTION_SECONDS is how coarse the time of last use is kept', SLOW, async () => {
    const usedAgain = async (resolution: string) => {
      await cli('FLUSHALL');
      const environment = {
        PROOFSHEET_REDIS_URL: servers.url,
        PROOFSHEET_LAST_ACCESS_RESOLUTION_SECONDS: resolution,
        PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1',
      };
      let changed = false;
      await withServer(environment, async (node) => {
        expect((await upload(node, 'used', await encodedPhoto(300, 200))).status).toBe(200);
        const [index = ''] = (await cli('KEYS', 'proofsheet:a:*')).split('\n');
        const at = () => cli('ZRANGE', index, '0', '-1', 'WITHSCORES');
        const before = await at();
        await delay(1_100);
        expect((await fetch(`${node.url}/getImage/used/auto:200x150`)).status).toBe(200);
        await delay(2_500);
        changed = (await at()) !== before;
      });
      return changed;
    };
    expect(await usedAgain('1')).toBe(true);
    expect(await usedAgain('3600')).toBe(false);
  });
});

describe('conversions', () => {
  it('PROOFSHEET_AUTO is the rule of auto, and every answer says the type that came of it', SLOW, async () => {
    const drawing = await image(flat(400, 300, [20, 90, 200]))
      .png()
      .toBuffer();
    for (const [rule, type] of [
      ['adaptive', 'image/png'],
      ['classic', 'image/jpeg'],
    ] as const) {
      await withServer({ PROOFSHEET_AUTO: rule }, async (node) => {
        expect((await upload(node, 'drawing', drawing)).status).toBe(200);
        // The second time from the hot lane.
        for (const format of ['auto:800x800', 'auto:800x800', 'auto:200x150'])
          expect((await fetch(`${node.url}/getImage/drawing/${format}`)).headers.get('content-type')).toBe(
            format === 'auto:800x800' ? type : 'image/jpeg',
          );
      });
    }
  });

  it('PROOFSHEET_CONVERTER_NICENESS is that of the converters', SLOW, async () => {
    await withServer({ PROOFSHEET_CONVERTER_NICENESS: '13' }, async (node) => {
      expect((await upload(node, 'nice', await encodedPhoto(300, 200))).status).toBe(200);
      expect(childrenOf(node.pid).map((pid) => getPriority(pid))).toContain(13);
    });
  });

  it('PROOFSHEET_CONVERTER_RECYCLE_ABOVE_BYTES is the memory above which a converter is replaced', SLOW, async () => {
    const recycled = async (bytes: string) => {
      let count = 0;
      await withServer({ PROOFSHEET_CONVERTER_RECYCLE_ABOVE_BYTES: bytes }, async (node) => {
        for (let n = 0; n < 4; n++)
          expect((await upload(node, `k${n}`, await encodedPhoto(600, 400 + n))).status).toBe(200);
        const recycling = () => scrape(node.origin, 'proofsheet_converter_exits_total', 'reason="recycled"');
        // Where none is replaced, none is after a moment more than replacing takes.
        if (bytes === '64MiB') await until(async () => (await recycling()) > 0, 'one is replaced');
        else await delay(1_000);
        count = await recycling();
      });
      return count;
    };
    expect(await recycled('64MiB')).toBeGreaterThan(0);
    expect(await recycled('64GiB')).toBe(0);
  });

  const ONE = { PROOFSHEET_CONVERTERS: '1' };
  /** Has the first conversion wait in the only converter while `meanwhile` runs, however fast or slow the machine is. */
  async function blocked<T>(node: ServerProcess, meanwhile: () => Promise<T>): Promise<T> {
    await until(
      async () => (await scrape(node.origin, 'proofsheet_converters', 'state="idle"')) === 1,
      'the one converter is warm',
    );
    const converters = childrenOf(node.pid);
    for (const pid of converters) signalIfThere(pid, 'SIGSTOP');
    try {
      const first = upload(node, 'blocker', await encodedPhoto(500, 300));
      await until(
        async () => (await scrape(node.origin, 'proofsheet_converters', 'state="busy"')) > 0,
        'the first conversion runs',
      );
      const result = await meanwhile();
      for (const pid of converters) signalIfThere(pid, 'SIGCONT');
      expect((await first).status).toBe(200);
      return result;
    } finally {
      for (const pid of converters) signalIfThere(pid, 'SIGCONT');
    }
  }

  it('PROOFSHEET_QUEUE_TIMEOUT_MS is how long a conversion may wait', SLOW, async () => {
    await withServer({ ...ONE, PROOFSHEET_QUEUE_TIMEOUT_MS: '150' }, async (node) => {
      const others = await blocked(node, () =>
        Promise.all([1, 2, 3].map(async (n) => upload(node, `short${n}`, await encodedPhoto(300, 200 + n)))),
      );
      expect(others.map(({ status }) => status)).toEqual([503, 503, 503]);
    });
  });

  it('PROOFSHEET_CONTEXT_WEIGHTS is how many turns in a row a context has', SLOW, async () => {
    await withServer({ ...ONE, PROOFSHEET_CONTEXT_WEIGHTS: 'heavy=3' }, async (node) => {
      const ended: string[] = [];
      const contexts = ['light', 'light', 'light', 'heavy', 'heavy', 'heavy'];
      const sources = await Promise.all(contexts.map((_context, n) => encodedPhoto(600, 400 + n)));
      const uploads = await blocked(node, async () => {
        const begun = contexts.map(async (context, n) => {
          const { status } = await upload(node, `k${n}`, sources[n] ?? Buffer.of(), context);
          ended.push(context);
          return status;
        });
        await until(
          async () => (await scrape(node.origin, 'proofsheet_queue_depth')) === contexts.length,
          'all of them wait',
        );
        return begun;
      });
      expect(await Promise.all(uploads)).toEqual(contexts.map(() => 200));
      expect(ended.slice(0, 4).filter((context) => context === 'heavy')).toHaveLength(3);
    });
  });
});

describe('the figures', () => {
  it.each([true, false])('PROOFSHEET_OX_METRICS=%s tells those by the original’s names, or not', SLOW, async (told) => {
    const node = await startServerProcess({
      PROOFSHEET_DATA_DIR: `${dir.path}/ox-${told}`,
      PROOFSHEET_OX_METRICS: String(told),
    });
    try {
      const text = await (await fetch(`${node.origin}/metrics`)).text();
      expect(/^imageconverter_/m.test(text)).toBe(told);
      expect(/^objectcache_/m.test(text)).toBe(told);
      expect(text).toMatch(/^proofsheet_/m);
    } finally {
      node.kill('SIGTERM');
      await node.gone;
    }
  });
});
