// Limits at the edge: per client and per context, before a body is read, by a clock that tests move.
import { afterEach, describe, expect, it } from 'vitest';
import { clientOf } from '../../../../src/http/access/client-address.js';
import { createDrawingQuota, RefusalPace } from '../../../../src/http/access/fair-use.js';
import { strainOf } from '../../../../src/http/access/strain.js';
import { TokenBuckets } from '../../../../src/http/access/token-buckets.js';
import type { Context } from '../../../../src/kernel/image-key.js';
import { type EdgeServer, startEdgeServer } from '../../../support/edge-server.js';
import { FakeClock } from '../../../support/fake-clock.js';
import { until } from '../../../support/gate.js';
import { sourceForm } from '../../../support/multipart.js';
import { jpegOf } from '../../../support/test-images.js';

let server: EdgeServer | undefined;
afterEach(async () => {
  server?.previews.making.open();
  await server?.close();
  server = undefined;
});

const photo = await jpegOf(64, 48);
const upload = ({ url }: EdgeServer, path: string, headers: Record<string, string> = {}) =>
  fetch(`${url}${path}`, { method: 'POST', headers, body: sourceForm(photo) });

async function expect429(answer: Response, seconds: number): Promise<void> {
  expect(answer.status).toBe(429);
  expect(answer.headers.get('retry-after')).toBe(String(seconds));
  expect(await answer.json()).toMatchObject({ code: 4290 });
}

describe('a client by its address', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:203.0.113.7', '203.0.113.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::1', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002:0000::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['203.0.113.7:50123', '203.0.113.7'],
    [' 203.0.113.7 ', '203.0.113.7'],
    ['"203.0.113.7:80"', '203.0.113.7'],
    ['[2001:db8:1:2::1]:50123', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::1]', '2001:db8:1:2::/64'],
    ['"[2001:db8:1:2::1]:443"', '2001:db8:1:2::/64'],
    ['[::ffff:203.0.113.7]:443', '203.0.113.7'],
    ['::ffff:203.0.113.7:443', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['203.0.113.7:_hidden', '203.0.113.7'],
    ['unknown', 'unknown'],
    ['unknown:4711', 'unknown'],
    ['_obfuscated:4711', '_obfuscated'],
  ])('%s is %s', (address, client) => expect(clientOf(address)).toBe(client));

  it('of the same /64 is one, of the next another', () => {
    expect(clientOf('2001:db8:1:2::1')).toBe(clientOf('2001:db8:1:2:ffff::9'));
    expect(clientOf('2001:db8:1:3::1')).not.toBe(clientOf('2001:db8:1:2::1'));
  });
});

describe('token buckets', () => {
  it('give a burst, then one per interval, and fill up to the burst', () => {
    const clock = new FakeClock();
    const buckets = new TokenBuckets(2, 3, clock);
    expect([1, 2, 3].map(() => buckets.take('a'))).toEqual([0, 0, 0]);
    expect(buckets.take('a')).toBe(0.5);
    clock.advance(499);
    expect(buckets.take('a')).toBeCloseTo(0.001, 6);
    clock.advance(1);
    expect(buckets.take('a')).toBe(0);
    expect(buckets.take('b')).toBe(0);
    clock.advance(3_600_000);
    expect([1, 2, 3, 4].map(() => buckets.take('a'))).toEqual([0, 0, 0, 0.5]);
  });
});

describe('uploads per second', () => {
  it('of a client: twice the rate in a burst, then 429 with the time to wait; reads go on', async () => {
    server = await startEdgeServer({ clientUploadsPerSecond: 1 });
    for (let n = 0; n < 2; n++) expect((await upload(server, `/cacheImage/k${n}`)).status).toBe(200);
    await expect429(await upload(server, '/cacheImage/k3'), 1);
    expect((await fetch(`${server.url}/getMetadata/k0`)).status).toBe(200);
    server.clock.advance(1_000);
    expect((await upload(server, '/cacheImage/k3')).status).toBe(200);
    expect(await server.uploadFiles()).toEqual([]);
  });

  it('of a context: the others are not held up', async () => {
    server = await startEdgeServer({ contextUploadsPerSecond: 1 });
    for (let n = 0; n < 2; n++) expect((await upload(server, `/cacheImage/k${n}?context=a`)).status).toBe(200);
    await expect429(await upload(server, '/cacheImage/k3?context=a'), 1);
    expect((await upload(server, '/cacheImage/k3?context=b')).status).toBe(200);
    expect((await upload(server, '/cacheImage/k3')).status).toBe(200);
  });

  it('believes X-Forwarded-For as far as it is configured to, and no further', async () => {
    const from = (address: string) => ({ 'X-Forwarded-For': address });
    server = await startEdgeServer({ clientUploadsPerSecond: 1, trustProxyHops: 1 });
    for (const host of ['2001:db8::1', '2001:db8::2'])
      expect((await upload(server, '/cacheImage/k', from(host))).status).toBe(200);
    await expect429(await upload(server, '/cacheImage/k', from('2001:db8::3')), 1);
    // One hop is believed: what the client itself claims before it is not.
    await expect429(await upload(server, '/cacheImage/k', from('198.51.100.1, 2001:db8::4')), 1);
    expect((await upload(server, '/cacheImage/k', from('198.51.100.1'))).status).toBe(200);
    // Some proxies write the port of the connection beside it, which makes nobody another client.
    expect((await upload(server, '/cacheImage/k', from('203.0.113.9:40001'))).status).toBe(200);
    expect((await upload(server, '/cacheImage/k', from('203.0.113.9:40002'))).status).toBe(200);
    await expect429(await upload(server, '/cacheImage/k', from('203.0.113.9:40003')), 1);
    await server.close();
    server = await startEdgeServer({ clientUploadsPerSecond: 1 });
    for (const host of ['198.51.100.1', '198.51.100.2'])
      expect((await upload(server, '/cacheImage/k', from(host))).status).toBe(200);
    await expect429(await upload(server, '/cacheImage/k', from('198.51.100.3')), 1);
  });
});

describe('uploads at once', () => {
  it('are counted until they are answered, in their context alone', async () => {
    server = await startEdgeServer({ contextUploads: 2 });
    server.previews.making.shut();
    const held = ['a', 'a'].map((context, n) => upload(server as EdgeServer, `/cacheImage/k${n}?context=${context}`));
    await until(() => server?.previews.making.held === 2, 'two uploads are being converted');
    await expect429(await upload(server, '/cacheImage/k2?context=a'), 1);
    const other = upload(server, '/cacheImage/k2?context=b');
    await until(() => server?.previews.making.held === 3, 'the other context is served');
    server.previews.making.open();
    for (const answer of await Promise.all([...held, other])) expect(answer.status).toBe(200);
    expect((await upload(server, '/cacheImage/k2?context=a')).status).toBe(200);
  });

  it('of a client that leaves are given back', async () => {
    server = await startEdgeServer({ clientUploads: 1 });
    server.previews.making.shut();
    const leaving = new AbortController();
    const left = fetch(`${server.url}/cacheImage/k`, {
      method: 'POST',
      body: sourceForm(photo),
      signal: leaving.signal,
    }).catch(() => 'left');
    await until(() => server?.previews.making.held === 1, 'an upload is being converted');
    await expect429(await upload(server, '/cacheImage/k'), 1);
    leaving.abort();
    expect(await left).toBe('left');
    server.previews.making.open();
    await until(async () => (await upload(server as EdgeServer, '/cacheImage/k')).status === 200, 'the place is free');
  });
});

describe('strain', () => {
  const LIMITS = { shedQueueAgeMs: 5_000, shedEventLoopLagMs: 1_000 };

  it.each([
    [{ queueAgeMs: 5_000, eventLoopLagMs: 1_000 }, undefined],
    [{ queueAgeMs: 5_001, eventLoopLagMs: 0 }, 6],
    [{ queueAgeMs: 3_600_000, eventLoopLagMs: 0 }, 60],
    [{ queueAgeMs: 0, eventLoopLagMs: 1_001 }, 1],
  ])('%j asks to come back after %s s', (now, seconds) => {
    expect(strainOf(LIMITS, now)?.retryAfterSeconds).toBe(seconds);
    expect(strainOf({ shedQueueAgeMs: 0, shedEventLoopLagMs: 0 }, now)).toBeUndefined();
  });

  it('refuses what needs a conversion, and answers what is cached', async () => {
    let queueAgeMs = 0;
    server = await startEdgeServer({}, { strain: () => strainOf(LIMITS, { queueAgeMs, eventLoopLagMs: 0 }) });
    expect((await upload(server, '/cacheImage/known')).status).toBe(200);
    queueAgeMs = 9_000;
    for (const path of ['/cacheImage/known', '/cacheImage/new', '/cacheAndGetImage/new/80x80']) {
      const answer = await upload(server, path);
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('9');
      expect(await answer.json()).toMatchObject({ code: 5030 });
    }
    for (const path of ['/cacheAndGetImage/known/80x80', '/cacheAndGetImageAndMetadata/known/80x80'])
      expect((await upload(server, path)).status).toBe(200);
    expect((await fetch(`${server.url}/getImage/known/80x80`)).status).toBe(200);
    expect(server.previews.conversions).toBe(1);
    queueAgeMs = 0;
    expect((await upload(server, '/cacheAndGetImage/new/80x80')).status).toBe(200);
  });
});

describe('refusals of new pictures', () => {
  it('are told at once, as many as a page asks for, then 250 a second, none later than a second', () => {
    const clock = new FakeClock();
    const pace = new RefusalPace(clock);
    const burst = Array.from({ length: 100 }, () => pace.laterMs('a'));
    expect(burst).toEqual(burst.map(() => 0));
    expect(Array.from({ length: 3 }, () => pace.laterMs('a'))).toEqual([4, 8, 12]);
    expect(pace.laterMs('b')).toBe(0);
    const flood = Array.from({ length: 2_000 }, () => pace.laterMs('a'));
    expect(Math.max(...flood)).toBe(1_000);
    clock.advance(1_000);
    expect(pace.laterMs('a')).toBe(4);
    clock.advance(10_000);
    expect(pace.laterMs('a')).toBe(0);
  });

  it('reject with what is said at once, and nothing that may be drawn waits', async () => {
    const clock = new FakeClock();
    const admit = createDrawingQuota(() => 1, clock);
    const context = 'a' as Context;
    const [other, small] = ['b' as Context, 300];
    expect(admit(context, small)).toBeUndefined();
    for (let refused = 0; refused < 100; refused++)
      expect(() => admit(context, small)).toThrow('too many new pictures');
    await expect(admit(context, small)).rejects.toMatchObject({ code: 'over-quota', retryAfterSeconds: 60 });
    expect(admit(other, small)).toBeUndefined();
    clock.advance(60_000);
    expect(admit(context, small)).toBeUndefined();
  });

  it('count a picture of many pixels as several, at most as all that there may be at once', () => {
    const clock = new FakeClock();
    const admit = createDrawingQuota(() => 10, clock);
    const context = 'a' as Context;
    expect(admit(context, 32_000_000)).toBeUndefined();
    expect(() => admit(context, 12_000_000)).toThrow('try again in 6 s');
    // What is left is for smaller ones.
    for (let drawn = 0; drawn < 2; drawn++) expect(admit(context, 7_900_000)).toBeUndefined();
    expect(() => admit(context, 1)).toThrow('try again in 6 s');
    clock.advance(60_000);
    expect(admit(context, 1e12)).toBeUndefined();
    expect(() => admit(context, 1)).toThrow('try again in 6 s');
  });
});
