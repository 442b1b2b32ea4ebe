// The original's names over our figures: what each is made of, and the two figures that were added for it.
import { describe, expect, it } from 'vitest';
import { JobQueue } from '../../../src/convert/job-queue.js';
import { RECENT_MS, RecentPeak } from '../../../src/convert/recent-peak.js';
import { OPERATION_NAMES } from '../../../src/http/dialects/image-converter/operations.js';
import { dialectsOf } from '../../../src/http/dialects/registry.js';
import { parseFormat } from '../../../src/kernel/format.js';
import type { Context } from '../../../src/kernel/image-key.js';
import { BoxCounts, boxText } from '../../../src/telemetry/box-counts.js';
import {
  ITS_DIALECT,
  imageConverterFamilies,
  REQUEST_OF_OPERATION,
} from '../../../src/telemetry/image-converter-metrics.js';
import { NAMED_BOXES } from '../../../src/telemetry/metric-table.js';
import { ProcessMetrics } from '../../../src/telemetry/metrics.js';

const FACTS = { maxGroups: 250_000, maxBytes: 10, uptimeSeconds: 5 };

async function figures(metrics: ProcessMetrics, facts = FACTS): Promise<Readonly<Record<string, number>>> {
  const samples = imageConverterFamilies(await metrics.snapshot(), facts).flatMap((family) => family.samples);
  return Object.fromEntries(
    samples.map(({ name, labels, value }) => [[name, ...Object.values(labels)].join(' '), value]),
  );
}

describe('the original’s names', () => {
  it('know every operation of the API, and its dialect', () => {
    const [first] = dialectsOf({ basePath: '/a', strictErrors: false, strictFormats: false });
    expect(first.name).toBe(ITS_DIALECT);
    expect(Object.keys(REQUEST_OF_OPERATION).toSorted()).toEqual([...OPERATION_NAMES].toSorted());
  });

  it('are there from the start, each with a value', async () => {
    const metrics = new ProcessMetrics({ [ITS_DIALECT]: OPERATION_NAMES });
    const told = await figures(metrics, { ...FACTS, maxBytes: Number.POSITIVE_INFINITY });
    expect(Object.values(told).every(Number.isFinite)).toBe(true);
    expect(told).toMatchObject({
      imageconverter_cache_hit_ratio: 1,
      'imageconverter_request_median_time_ms get': 0,
      'objectcache_size_maximum_bytes OX_IC': -1,
      'objectcache_items_maximum_count OX_IC': 250_000,
      process_uptime_seconds: 5,
    });
  });

  it('count requests by kind, and those of probes and of other dialects not at all', async () => {
    const metrics = new ProcessMetrics({
      [ITS_DIALECT]: OPERATION_NAMES,
      server: ['healthz'],
      other: ['getImage', 'status'],
    });
    const answered = (operation: string, status: string, seconds: number, times = 1, dialect = ITS_DIALECT) => {
      const labels = { dialect, operation, status };
      metrics.count('http_requests_total', labels, times);
      for (let n = 0; n < times; n++) metrics.observe('http_request_duration_seconds', seconds, labels);
    };
    answered('getImage', '200', 0.0004, 6);
    answered('getMetadata', '304', 0.0004);
    answered('getImage', '404', 0.0004, 3);
    answered('cacheAndGetImage', '200', 0.2, 3);
    answered('cacheAndGetImage', '503', 0.0004);
    answered('healthz', '200', 5, 100, 'server');
    // Nor are the requests of another dialect, whatever it calls them.
    answered('getImage', '404', 5, 100, 'other');
    answered('status', '503', 5, 100, 'other');
    const told = await figures(metrics);
    expect(told).toMatchObject({
      imageconverter_cache_hit_ratio: 0.7,
      imageconverter_request_count_total: 14,
      'imageconverter_request_count get': 10,
      'imageconverter_request_count cache': 0,
      'imageconverter_request_count cacheandget': 4,
      'imageconverter_request_limitreached_count cacheandget': 1,
      'imageconverter_request_limitreached_count get': 0,
    });
    expect(told['imageconverter_request_median_time_ms get']).toBeCloseTo(0.25, 5);
    const median = told['imageconverter_request_median_time_ms cacheandget'] ?? 0;
    expect(median > 100 && median <= 250).toBe(true);
  });

  it('tell gauges of the tier that counts, and queues of the last minutes', async () => {
    const metrics = new ProcessMetrics({ [ITS_DIALECT]: OPERATION_NAMES });
    metrics.gauge('tier_bytes', () => [
      { labels: { tier: 'memory', kind: 'preview' }, value: 1 },
      { labels: { tier: 'disk', kind: 'any' }, value: 20 },
      { labels: { tier: 'shared', kind: 'preview' }, value: 300 },
      { labels: { tier: 'shared', kind: 'source' }, value: 4_000 },
    ]);
    metrics.gauge('queue_recent_peak', () => [{ labels: { priority: 'instant' }, value: 7 }]);
    metrics.gauge('oldest_entry_age_seconds', () => 86_400);
    metrics.gauge('groups', () => 12);
    metrics.observe('queue_wait_seconds', 0.3, { priority: 'medium' });
    const told = await figures(metrics);
    expect(told).toMatchObject({
      imageconverter_cache_size: 4_300,
      'objectcache_size_current_bytes OX_IC': 4_300,
      'objectcache_items_current_count OX_IC': 12,
      'objectcache_oldest_modification_ms OX_IC': 86_400_000,
      'imageconverter_queue_peak_count instant': 7,
      'imageconverter_queue_peak_count background': 0,
      'imageconverter_queue_median_time_ms instant': 0,
    });
    const wait = told['imageconverter_queue_median_time_ms medium'] ?? 0;
    expect(wait > 100 && wait <= 500).toBe(true);
  });

  it('tell which boxes were asked for, and what answered', async () => {
    const metrics = new ProcessMetrics({ [ITS_DIALECT]: OPERATION_NAMES });
    const pair = { asked: '120x120~cover', answered: '200x150~cover', type: 'jpg' } as const;
    metrics.boxes.of(pair).add();
    metrics.boxes.of({ ...pair, asked: '-1x-1' }).add();
    const told = await figures(metrics);
    expect(told['imageconverter_convert_dimensions 120x120 200x150 cover jpg']).toBe(1);
    expect(told['imageconverter_convert_dimensions -1x-1 200x150 contain jpg']).toBe(1);
    expect(told['imageconverter_convert_dimensions other other other other']).toBe(0);
  });
});

describe('counts of boxes', () => {
  const pair = (asked: number) => ({ asked: `${asked}x1`, answered: '200x150', type: 'jpg' }) as const;
  const toldBy = (counts: BoxCounts) =>
    new Map(counts.family().samples.map(({ labels, value }) => [String(labels.asked), value]));
  const sum = (told: ReadonlyMap<string, number>) => [...told.values()].reduce((a, b) => a + b, 0);

  it('are told without type, flags and quality', () => {
    expect(boxText(parseFormat('png:-1x300~coverandcrop~norotate@5'))).toBe('-1x300~coverandcrop');
    expect(boxText(parseFormat('auto:2x3'))).toBe('2x3');
  });

  it('name the most frequent whoever came first, never get less in sum, and are bounded', () => {
    const counts = new BoxCounts();
    let [added, before] = [0, 0];
    const add = (asked: number, times: number) => {
      for (let n = 0; n < times; n++) counts.of(pair(asked)).add();
      added += times;
      const told = toldBy(counts);
      expect([told.size <= NAMED_BOXES + 1, sum(told)]).toEqual([true, added]);
      expect((told.get('other') ?? 0) >= before).toBe(true);
      before = told.get('other') ?? 0;
    };
    for (let asked = 1; asked <= 3_000; asked++) add(asked, 1);
    for (let asked = 10_001; asked <= 10_000 + NAMED_BOXES; asked++) add(asked, 20);
    const told = toldBy(counts);
    for (let asked = 10_001; asked <= 10_000 + NAMED_BOXES; asked++) expect(told.has(`${asked}x1`)).toBe(true);
  });

  it('go on for who keeps one that lost its name', () => {
    const counts = new BoxCounts();
    const kept = counts.of(pair(0));
    kept.add();
    for (let asked = 1; asked <= NAMED_BOXES; asked++) for (let n = 0; n < 9; n++) counts.of(pair(asked)).add();
    expect(toldBy(counts).has('0x1')).toBe(false);
    const others = toldBy(counts).get('other') ?? 0;
    kept.add();
    expect(toldBy(counts).get('other')).toBe(others + 1);
  });
});

describe('a recent peak', () => {
  it('is the most of the last five minutes, and what is there now', () => {
    let now = 1e6;
    const peak = new RecentPeak(() => now);
    peak.note(9);
    now += RECENT_MS - 30_000;
    peak.note(3);
    expect(peak.value(1)).toBe(9);
    now += 90_000;
    expect(peak.value(1)).toBe(3);
    now += RECENT_MS;
    expect([peak.value(0), peak.value(4)]).toEqual([0, 4]);
  });

  it('of a queue is that of each priority', () => {
    let now = 0;
    const queue = new JobQueue(10, undefined, () => now);
    const context = '' as Context;
    for (let n = 0; n < 3; n++) queue.push({ priority: 'instant', context });
    for (let n = 0; n < 3; n++) queue.shift();
    expect(queue.recentPeak('instant')).toBe(3);
    now += 2 * RECENT_MS;
    expect([queue.recentPeak('instant'), queue.recentPeak('medium'), queue.peak('instant')]).toEqual([0, 0, 3]);
  });
});
