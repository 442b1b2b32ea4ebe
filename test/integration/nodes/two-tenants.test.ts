// Two tenants on two nodes over one Redis: whatever one floods them with, through whichever node, the other keeps its cache.
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../support/gate.js';
import { image, photo } from '../../support/images.js';
import { sourceForm } from '../../support/multipart.js';
import { Nodes } from '../../support/nodes.js';
import { type RedisServer, type RedisServers, startStandalone } from '../../support/redis-servers.js';
import { scrape } from '../../support/server-process.js';
import { jpegOf } from '../../support/test-images.js';

const names = (count: number) => Array.from({ length: count }, (_, n) => `k${n}`);

/** A photo whose previews are its own: equal ones would be stored once for both tenants. */
let base: ReturnType<typeof photo> | undefined;
async function picture(n: number): Promise<Buffer> {
  base ??= photo(640, 480);
  const { data, ...raw } = await base;
  return image({ ...raw, data: Buffer.from(data).fill(n * 5 + 1, 0, 30_000 + n) })
    .jpeg()
    .toBuffer();
}
const [quiet, loud] = [(n: number) => picture(n), (n: number) => picture(n + 20)];

describe('two nodes over one Redis', () => {
  let servers: RedisServers & { readonly server: RedisServer };
  let nodes: Nodes;
  beforeAll(async () => {
    servers = await startStandalone();
    return () => servers.stop();
  });
  beforeEach(() => servers.flush());
  afterEach(() => nodes?.stop());

  const start = async (environment: Readonly<Record<string, string>>) => {
    nodes = await Nodes.start(servers.url, 2, { PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1', ...environment });
  };

  /** Each key of the context by another node than the one before. */
  async function fill(
    context: string,
    keys: readonly string[],
    sourceOf: (n: number) => Promise<Buffer>,
  ): Promise<void> {
    for (const [n, key] of keys.entries()) {
      const url = `${nodes.at(n).url}/cacheImage/${key}?context=${context}`;
      expect((await fetch(url, { method: 'POST', body: sourceForm(await sourceOf(n)) })).status).toBe(200);
    }
  }

  /** What both nodes answer; they have to agree. */
  async function cached(context: string, keys: readonly string[]): Promise<string[]> {
    const [one, other] = await Promise.all(
      nodes.all.map(async ({ url }) => {
        const answers = await Promise.all(keys.map((key) => fetch(`${url}/getMetadata/${key}?context=${context}`)));
        return keys.filter((_, n) => answers[n]?.status === 200);
      }),
    );
    expect(one).toEqual(other);
    return one ?? [];
  }

  const countOf = async (context: string): Promise<number> =>
    ((await (await fetch(`${nodes.at(0).url}/getKeyCount?context=${context}`)).json()) as { count: number }).count;

  const sharedBytes = async () => {
    const { origin } = nodes.at(1);
    const kinds = ['preview', 'source'].map((kind) =>
      scrape(origin, 'proofsheet_tier_bytes', `tier="shared",kind="${kind}"`),
    );
    return (await Promise.all(kinds)).reduce((sum, bytes) => sum + bytes, 0);
  };

  it('a context that is over its groups loses its own, as many as are over and no more', async () => {
    await start({ PROOFSHEET_CONTEXT_MAX_GROUPS: '8' });
    const small = await jpegOf(48, 48);
    await fill('b', names(8), async () => small);
    await fill('a', names(24), async () => small);
    await until(async () => (await countOf('a')) <= 8, 'the limit is kept');
    await until(
      async () => (await nodes.sum('proofsheet_evictions_total', 'reason="context-groups",kind="group"')) >= 16,
      'evictions are counted',
    );
    expect(await nodes.sum('proofsheet_evictions_total')).toBe(16);
    expect(await cached('a', names(24))).toHaveLength(8);
    expect(await cached('b', names(8))).toEqual(names(8));
  });

  it('a context that is over its bytes loses its own sources, then its own groups', async () => {
    await start({ PROOFSHEET_CONTEXT_MAX_BYTES: '128KiB' });
    const small = await jpegOf(48, 48);
    await fill('b', names(6), async () => small);
    await fill('a', names(10), loud);
    const evicted = (kind: string) => nodes.sum('proofsheet_evictions_total', `reason="context-bytes",kind="${kind}"`);
    await until(async () => (await sharedBytes()) <= 128 * 1024 + 6 * 4_096, 'the limit is kept');
    expect(await evicted('source')).toBeGreaterThan(0);
    expect(await evicted('group')).toBeGreaterThan(0);
    expect(await cached('b', names(6))).toEqual(names(6));
  });

  it('what all of them have too much of is taken from the one that has most', async () => {
    // Without kept sources, so that it is groups that have to go.
    await start({
      PROOFSHEET_SHARED_MAX_BYTES: '512KiB',
      PROOFSHEET_MAX_GROUPS: '40',
      PROOFSHEET_KEEP_SOURCE: 'false',
    });
    await fill('b', names(3), quiet);
    const before = await sharedBytes();
    expect(before).toBeLessThan(2 ** 18);
    await fill('a', names(16), loud);
    await until(async () => (await sharedBytes()) <= 2 ** 19, 'the limit of bytes is kept');
    expect(await nodes.sum('proofsheet_evictions_total', 'reason="bytes",kind="group"')).toBeGreaterThan(0);
    expect(await cached('b', names(3))).toEqual(names(3));
    const small = await jpegOf(48, 48);
    await fill('c', names(45), async () => small);
    const groups = async () => (await Promise.all(['a', 'b', 'c'].map(countOf))).reduce((sum, of) => sum + of, 0);
    await until(async () => (await groups()) <= 40, 'the limit of groups is kept');
    expect(await cached('b', names(3))).toEqual(names(3));
    expect(await countOf('c')).toBeGreaterThanOrEqual(15);
  });

  it('limits that are new hold, even after the server has evicted all that contexts are counted by', async () => {
    await start({});
    await fill('b', names(3), quiet);
    await fill('a', names(12), loud);
    await nodes.stop();
    const books = (await servers.server.cli('KEYS', 'proofsheet:[nhcky]:*')).split('\n');
    expect(books.length).toBeGreaterThan(10);
    await servers.server.cli('DEL', ...books);
    await start({ PROOFSHEET_CONTEXT_MAX_GROUPS: '8', PROOFSHEET_CONTEXT_MAX_BYTES: '256KiB' });
    await until(async () => (await countOf('a')) <= 8, 'the limit of groups is kept');
    await until(async () => (await sharedBytes()) <= 512 * 1024, 'the limits of bytes are kept');
    expect(await nodes.sum('proofsheet_evictions_total', 'reason="context-bytes"')).toBeGreaterThan(0);
    expect(await cached('b', names(3))).toEqual(names(3));
  });
});
