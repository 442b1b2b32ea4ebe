// Two tenants on one server: whatever one floods it with, the other keeps its cache and its turn.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { clientOf } from '../support/client-of.js';
import { encodedPhoto } from '../support/encoded-photo.js';
import { until } from '../support/gate.js';
import { image, photo } from '../support/images.js';
import { sourceForm } from '../support/multipart.js';
import { argumentsOf, childrenOf, signalIfThere } from '../support/processes.js';
import { scrape } from '../support/server-process.js';
import { jpegOf } from '../support/test-images.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
afterEach(() => server.close());

const start = async (environment: Record<string, string>) => {
  server = await startTestServer({ environment: { PROOFSHEET_EVICTION_INTERVAL_SECONDS: '1', ...environment } });
};
const upload = (path: string, source: Buffer) =>
  fetch(`${server.url}${path}`, { method: 'POST', body: sourceForm(source) });
const cached = async (context: string, keys: readonly string[]): Promise<string[]> => {
  const there = await Promise.all(keys.map((key) => clientOf(server).has(key, { context })));
  return keys.filter((_, n) => there[n]);
};
const countOf = (context: string): Promise<number> => clientOf(server).keyCount({ context });
const names = (count: number) => Array.from({ length: count }, (_, n) => `k${n}`);
const colour = (n: number) => `#${(0x100000 + n * 4_099).toString(16)}`;

/** `count` groups of one small source, or each of a source of its own. */
async function fill(context: string, count: number, ownSources = false): Promise<void> {
  const shared = await jpegOf(48, 48);
  for (const [n, key] of names(count).entries()) {
    const source = ownSources ? await jpegOf(300, 300, colour(n + (context === 'b' ? 1_000 : 0))) : shared;
    expect((await upload(`/cacheImage/${key}?context=${context}`, source)).status).toBe(200);
  }
}

describe('the cache of a quiet tenant', () => {
  it('outlives a flood of groups by another: the global limit takes from who has most', async () => {
    await start({ PROOFSHEET_MAX_GROUPS: '30' });
    await fill('b', 10);
    await fill('a', 60);
    await until(async () => (await scrape(server.origin, 'proofsheet_groups')) <= 30, 'the limit is kept');
    expect(await cached('b', names(10))).toEqual(names(10));
    expect(await cached('a', names(60))).toHaveLength(20);
  });

  it('outlives a flood of bytes by another', async () => {
    await start({ PROOFSHEET_DISK_MAX_BYTES: '1MiB', PROOFSHEET_MAX_SOURCE_BYTES: '1000000' });
    await fill('b', 5, true);
    const big = await photo(800, 600);
    for (const [n, key] of names(12).entries()) {
      const source = await image({ ...big, data: Buffer.from(big.data).fill(n * 20, 0, 30_000) })
        .jpeg()
        .toBuffer();
      expect((await upload(`/cacheImage/${key}?context=a`, source)).status).toBe(200);
    }
    await until(
      async () => (await scrape(server.origin, 'proofsheet_tier_bytes', 'tier="disk"')) <= 2 ** 20,
      'the limit is kept',
    );
    expect(await cached('b', names(5))).toEqual(names(5));
    expect(await scrape(server.origin, 'proofsheet_evictions_total', 'reason="bytes"')).toBeGreaterThan(0);
  });

  it('is no business of a context that is over its own limits', async () => {
    await start({ PROOFSHEET_CONTEXT_MAX_GROUPS: '8', PROOFSHEET_CONTEXT_MAX_BYTES: '64KiB' });
    await fill('b', 8);
    await fill('a', 20);
    await until(async () => (await countOf('a')) === 8, 'the limit is kept');
    expect(await cached('a', names(20))).toHaveLength(8);
    expect(await cached('b', names(8))).toEqual(names(8));
    expect(await scrape(server.origin, 'proofsheet_evictions_total', 'reason="context-groups"')).toBe(12);
    const big = await image(await photo(800, 600))
      .jpeg({ quality: 95 })
      .toBuffer();
    expect(big.length).toBeGreaterThan(64 * 1024);
    expect((await upload('/cacheImage/big?context=a', big)).status).toBe(200);
    await until(
      async () => (await scrape(server.origin, 'proofsheet_evictions_total', 'reason="context-bytes"')) > 0,
      'bytes are evicted',
    );
    expect(await cached('b', names(8))).toEqual(names(8));
  });
});

describe('the turn of a quiet tenant', () => {
  /** Sources of 4 MP each, a few hundred ms of work. */
  async function heavy(count: number): Promise<Buffer[]> {
    const photo = await encodedPhoto(2400, 1700);
    // Bytes behind the end of a JPEG make it another source.
    return Array.from({ length: count }, (_, n) => Buffer.concat([photo, Buffer.of(n)]));
  }

  it('comes next but one, however many conversions of another wait', async () => {
    await start({ PROOFSHEET_CONVERTERS: '1' });
    const sources = await heavy(13);
    const mine = sources.pop() ?? Buffer.alloc(0);
    await until(
      async () => (await scrape(server.origin, 'proofsheet_converters', 'state="idle"')) === 1,
      'the converter is warm',
    );
    const converters = childrenOf(process.pid).filter((pid) =>
      argumentsOf(pid).some((word) => /\/convert\/child\.[jt]s$/.test(word)),
    );
    expect(converters).toHaveLength(1);
    // Held until all wait: how long an upload takes to be received is not what this is about.
    for (const pid of converters) signalIfThere(pid, 'SIGSTOP');
    let answered = 0;
    const flood = sources.map(async (source, n) => {
      // A large preview: a small one has a quick decode of its own, and several would pass while one upload is received.
      const { status } = await upload(`/cacheAndGetImage/k${n}/1920x1080?context=a`, source);
      answered++;
      return status;
    });
    const waits = (jobs: number) => async () => (await scrape(server.origin, 'proofsheet_queue_depth')) === jobs;
    await until(waits(sources.length - 1), 'the other tenant queues');
    const answer = upload('/cacheAndGetImage/mine/200x150?context=b', mine);
    await until(waits(sources.length), 'this one waits behind it');
    for (const pid of converters) signalIfThere(pid, 'SIGCONT');
    expect((await answer).status).toBe(200);
    // One under way, one whose turn it was, and one more whose answer may have overtaken.
    expect(answered).toBeLessThanOrEqual(3);
    expect(await Promise.all(flood)).toEqual(sources.map(() => 200));
  });

  it('has a place in a queue that another has filled', async () => {
    await start({ PROOFSHEET_CONVERTERS: '1', PROOFSHEET_QUEUE_LENGTH: '3' });
    const sources = await heavy(9);
    const mine = sources.pop() ?? Buffer.alloc(0);
    const flood = sources.map((source, n) => upload(`/cacheAndGetImage/k${n}/200x150?context=a`, source));
    await until(async () => (await scrape(server.origin, 'proofsheet_queue_depth')) === 3, 'the queue is full');
    expect((await upload('/cacheAndGetImage/mine/200x150?context=b', mine)).status).toBe(200);
    const answers = await Promise.all(flood);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
  });

  it('is not what a limit of conversions per context is about: 429 for who is over it, and nobody else', async () => {
    await start({ PROOFSHEET_CONVERTERS: '1', PROOFSHEET_CONTEXT_MAX_CONVERSIONS: '2' });
    const sources = await heavy(7);
    const mine = sources.pop() ?? Buffer.alloc(0);
    const flood = Promise.all(sources.map((source, n) => upload(`/cacheImage/k${n}?context=a`, source)));
    const own = upload('/cacheImage/mine?context=b', mine);
    const answers = await flood;
    const refused = answers.filter(({ status }) => status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(2);
    for (const answer of refused) {
      expect(answer.status).toBe(429);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(await answer.json()).toMatchObject({ code: 4290 });
    }
    expect((await own).status).toBe(200);
    // What was refused can come again.
    expect((await upload('/cacheImage/again?context=a', sources.at(-1) ?? mine)).status).toBe(200);
  });

  it('is given by sending away what would wait too long anyway, while what is cached is answered', async () => {
    await start({ PROOFSHEET_CONVERTERS: '1', PROOFSHEET_SHED_QUEUE_AGE_MS: '20' });
    const small = await jpegOf(64, 48);
    expect((await upload('/cacheImage/known?context=b', small)).status).toBe(200);
    const sources = await heavy(20);
    const flood = sources.map((source, n) => upload(`/cacheImage/k${n}?context=a`, source));
    let refused: Response | undefined;
    // Not one after the other: an upload that is still taken is answered when the flood is over.
    const probes: Promise<void>[] = [];
    await until(async () => {
      const probe = upload(
        `/cacheImage/new-${probes.length}?context=b`,
        Buffer.concat([small, Buffer.of(probes.length)]),
      );
      probes.push(
        probe.then((answer) => {
          if (answer.status === 503) refused ??= answer;
        }),
      );
      await Promise.race([probe, delay(10)]);
      return refused !== undefined;
    }, 'new work is sent away');
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await refused?.json()).toMatchObject({ code: 5030, message: expect.stringContaining('wait too long') });
    expect((await upload('/cacheAndGetImage/known/80x80?context=b', small)).status).toBe(200);
    expect((await fetch(`${server.url}/getImage/known/80x80?context=b`)).status).toBe(200);
    expect((await Promise.all(flood)).every(({ status }) => status === 200 || status === 503)).toBe(true);
    await Promise.all(probes);
    expect((await upload('/cacheImage/later?context=b', await jpegOf(65, 48))).status).toBe(200);
  });
});
