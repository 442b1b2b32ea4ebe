// Counting: what is counted is told, label sets stay bounded, and several processes add up to one.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { OPERATION_NAMES } from '../../../src/http/dialects/image-converter/operations.js';
import { dialectsOf } from '../../../src/http/dialects/registry.js';
import { operationsByDialect } from '../../../src/http/edge.js';
import { ERROR_CODES, PROTOCOL_ERRORS } from '../../../src/http/replies/error-map.js';
import { watchEventLoop } from '../../../src/telemetry/event-loop-lag.js';
import { BOXES, COUNTERS, GAUGES, HISTOGRAMS } from '../../../src/telemetry/metric-table.js';
import { ProcessMetrics } from '../../../src/telemetry/metrics.js';
import {
  formFor,
  gaugeOf,
  mergeSnapshots,
  quantileOf,
  renderSnapshot,
  totalOf,
} from '../../../src/telemetry/snapshot.js';

let metrics: ProcessMetrics;
beforeEach(() => {
  metrics = new ProcessMetrics({ 'image-converter': ['getImage'], another: ['find'] });
});

/** The samples of a text in Prometheus' format, by name and labels as written. */
async function samples(): Promise<Map<string, number>> {
  const lines = (await renderSnapshot(await metrics.snapshot()))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

describe('counters', () => {
  test('exist at 0 with every known label value before anything happened', async () => {
    const told = await samples();
    expect(told.get('proofsheet_cache_hits_total{tier="memory"}')).toBe(0);
    expect(told.get('proofsheet_cache_misses_total{tier="shared"}')).toBe(0);
    expect(told.get('proofsheet_conversions_total{source_type="jpeg",result="ok"}')).toBe(0);
    const requests = [...told].filter(([name]) => name.startsWith('proofsheet_http_requests_total'));
    expect(requests).toEqual([
      ['proofsheet_http_requests_total{dialect="image-converter",operation="getImage",status="200"}', 0],
      ['proofsheet_http_requests_total{dialect="another",operation="find",status="200"}', 0],
    ]);
    expect(told.get('proofsheet_healed_previews_total')).toBe(0);
  });

  test('add up, by count and by a slot alike', async () => {
    const slot = metrics.counterSlot('cache_hits_total', { tier: 'memory' });
    for (let i = 0; i < 1000; i++) slot.add();
    slot.add(5);
    metrics.count('cache_hits_total', { tier: 'memory' });
    metrics.count('cache_hits_total', { tier: 'disk' }, 7);
    metrics.count('sent_bytes_total', {}, 2 ** 40);
    const told = await samples();
    expect(told.get('proofsheet_cache_hits_total{tier="memory"}')).toBe(1006);
    expect(told.get('proofsheet_cache_hits_total{tier="disk"}')).toBe(7);
    expect(told.get('proofsheet_sent_bytes_total')).toBe(2 ** 40);
  });

  test('take no label value that is not known: a million of them are one label set', async () => {
    for (let i = 0; i < 1000; i++) metrics.count('cache_hits_total', { tier: `tier-${i}`, user: `user-${i}` });
    const told = [...(await samples())].filter(([name]) => name.startsWith('proofsheet_cache_hits_total'));
    expect(told).toHaveLength(4);
    expect(told).toContainEqual(['proofsheet_cache_hits_total{tier="other"}', 1000]);
  });
});

describe('histograms', () => {
  test('cumulate their buckets, and a value on a bound belongs below it', async () => {
    for (const seconds of [0.001, 0.0011, 0.2, 1000])
      metrics.observe('queue_wait_seconds', seconds, { priority: 'instant' });
    const told = await samples();
    const bucket = (bound: string) =>
      told.get(`proofsheet_queue_wait_seconds_bucket{priority="instant",le="${bound}"}`);
    expect([bucket('0.001'), bucket('0.005'), bucket('0.1'), bucket('0.5'), bucket('30'), bucket('+Inf')]).toEqual([
      1, 2, 2, 3, 3, 4,
    ]);
    expect(told.get('proofsheet_queue_wait_seconds_count{priority="instant"}')).toBe(4);
    expect(told.get('proofsheet_queue_wait_seconds_sum{priority="instant"}')).toBeCloseTo(1000.2021, 6);
  });

  test('of operations are told from the first request on: those of all dialects at 0 were half of the text', async () => {
    const name = 'proofsheet_http_request_duration_seconds';
    const told = async () => [...(await samples()).keys()].filter((sample) => sample.startsWith(name));
    expect(await told()).toEqual([]);
    metrics.observe('http_request_duration_seconds', 0.1, { dialect: 'another', operation: 'find', status: '200' });
    const labels = 'dialect="another",operation="find",status="200"';
    expect(await told()).toHaveLength(18);
    expect((await samples()).get(`${name}_bucket{${labels},le="0.1"}`)).toBe(1);
    expect((await samples()).get(`${name}_count{${labels}}`)).toBe(1);
  });

  test('tell quantiles by interpolation within a bucket', async () => {
    expect(quantileOf(await metrics.snapshot(), 'queue_wait_seconds', 0.5)).toBeUndefined();
    // 10 observations between 0.1 and 0.5: the 5th of 10 stands in the middle of the bucket.
    for (let i = 0; i < 10; i++) metrics.observe('queue_wait_seconds', 0.3, { priority: 'medium' });
    expect(quantileOf(await metrics.snapshot(), 'queue_wait_seconds', 0.5)).toBeCloseTo(0.3, 9);
    expect(quantileOf(await metrics.snapshot(), 'queue_wait_seconds', 0.5, { priority: 'instant' })).toBeUndefined();
    for (let i = 0; i < 90; i++) metrics.observe('queue_wait_seconds', 99, { priority: 'medium' });
    expect(quantileOf(await metrics.snapshot(), 'queue_wait_seconds', 0.99)).toBe(30);
  });
});

describe('gauges', () => {
  test('are read when they are asked for, with labels', async () => {
    let depth = 3;
    metrics.gauge('queue_depth', () => [{ labels: { priority: 'instant' }, value: depth }]);
    metrics.gauge('keys', async () => 17);
    expect((await samples()).get('proofsheet_queue_depth{priority="instant"}')).toBe(3);
    depth = 0;
    expect((await samples()).get('proofsheet_queue_depth{priority="instant"}')).toBe(0);
    expect(gaugeOf(await metrics.snapshot(), 'keys')).toBe(17);
  });

  test('that fail or never answer are left out and counted; the others are told', async () => {
    metrics.gauge('keys', () => Promise.reject(new Error('no catalog')));
    metrics.gauge('groups', () => new Promise<number>(() => undefined));
    metrics.gauge('background_jobs', () => 2);
    const first = await metrics.snapshot();
    expect(gaugeOf(first, 'keys')).toBeUndefined();
    expect(gaugeOf(first, 'groups')).toBeUndefined();
    expect(gaugeOf(first, 'background_jobs')).toBe(2);
    expect(totalOf(first, 'errors_total', { error: 'internal' })).toBe(2);
  });

  test('event-loop lag is told in seconds by quantile, after a blocked loop at least the time it was blocked', async () => {
    const watch = watchEventLoop(metrics);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const until = performance.now() + 100;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(gaugeOf(await metrics.snapshot(), 'event_loop_lag_seconds', { quantile: '1' })).toBeGreaterThan(0.05);
    watch.close();
  });
});

describe('several processes', () => {
  test('add up to one after a trip through JSON', async () => {
    const other = new ProcessMetrics();
    for (const [process, memory] of [
      [metrics, 100],
      [other, 200],
    ] as const) {
      process.count('conversions_total', { source_type: 'png', result: 'ok' }, 2);
      process.observe('queue_wait_seconds', 0.3, { priority: 'instant' });
      process.gauge('keys', () => 40);
      process.gauge('tier_bytes', () => [
        { labels: { tier: 'memory' }, value: memory },
        { labels: { tier: 'disk' }, value: 5000 },
      ]);
    }
    const sent = JSON.parse(JSON.stringify([await metrics.snapshot(), await other.snapshot()]));
    const merged = mergeSnapshots(sent);
    expect(totalOf(merged, 'conversions_total')).toBe(4);
    expect(gaugeOf(merged, 'keys')).toBe(40);
    expect(gaugeOf(merged, 'tier_bytes', { tier: 'memory' })).toBe(300);
    expect(gaugeOf(merged, 'tier_bytes', { tier: 'disk' })).toBe(5000);
    const text = await renderSnapshot(merged);
    expect(text).toContain('proofsheet_conversions_total{source_type="png",result="ok"} 4');
    expect(text).toContain('proofsheet_queue_wait_seconds_bucket{priority="instant",le="+Inf"} 2');
    expect(text).toMatch(/^proofsheet_process_resident_memory_bytes \d+$/m);
    expect(text).not.toMatch(/ (NaN|null|undefined)$/m);
    expect(text.match(/^# TYPE proofsheet_tier_bytes gauge$/gm)).toHaveLength(1);
  });

  test('are told as OpenMetrics too: the same samples, counters without their suffix in the family, and an end', async () => {
    metrics.count('conversions_total', { source_type: 'png', result: 'ok' }, 3);
    metrics.observe('queue_wait_seconds', 0.3, { priority: 'instant' });
    metrics.gauge('keys', () => 40);
    const snapshot = await metrics.snapshot();
    const [plain, open] = [await renderSnapshot(snapshot), await renderSnapshot(snapshot, 'openmetrics')];
    const samplesIn = (text: string) =>
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .toSorted();
    expect(samplesIn(open)).toEqual(samplesIn(plain));
    expect(open).toContain('# TYPE proofsheet_conversions counter\n');
    expect(open).toContain('proofsheet_conversions_total{source_type="png",result="ok"} 3\n');
    expect(open).not.toContain('# TYPE proofsheet_conversions_total');
    expect(open.endsWith('\n# EOF\n')).toBe(true);
    expect(plain).not.toContain('# EOF');
  });

  test('are told in the older format where OpenMetrics has no way to say their names', async () => {
    metrics.count('conversions_total', { source_type: 'png', result: 'ok' });
    const snapshot = await metrics.snapshot();
    const family = (name: string, type: 'counter' | 'gauge') =>
      ({ name, help: 'A.', type, merge: 'sum', samples: [{ name, labels: {}, value: 1 }] }) as const;
    expect(formFor(snapshot, 'openmetrics')).toBe('openmetrics');
    expect(formFor(snapshot, 'prometheus')).toBe('prometheus');
    expect(formFor([...snapshot, family('old_count', 'gauge')], 'openmetrics')).toBe('openmetrics');
    expect(formFor([...snapshot, family('old_count', 'counter')], 'openmetrics')).toBe('prometheus');
    const both = [...snapshot, family('old_count', 'gauge'), family('old_count_total', 'counter')];
    expect(formFor(both, 'openmetrics')).toBe('prometheus');
  });

  test('without any process there is nothing to tell', async () => {
    expect(mergeSnapshots([])).toEqual([]);
  });
});

describe('the table', () => {
  const rules = { ...COUNTERS, ...HISTOGRAMS };

  test('has ascending buckets, help texts, and no label that could grow without bound', () => {
    for (const rule of Object.values(HISTOGRAMS))
      expect([...rule.bucketsSeconds]).toEqual([...new Set(rule.bucketsSeconds)].sort((a, b) => a - b));
    for (const rule of Object.values({ ...rules, ...GAUGES })) expect(rule.help).toMatch(/^[A-Z].*\.$/);
    for (const rule of Object.values(rules))
      for (const label of Object.values(rule.labels)) expect(label.values.length).toBeLessThan(32);
  });

  test('has no two names that are one where OpenMetrics cuts a counter’s suffix', () => {
    const counters = Object.keys({ ...COUNTERS, ...BOXES });
    for (const name of counters) expect(name).toMatch(/_total$/);
    const told = [...counters.map((name) => name.replace(/_total$/, '')), ...Object.keys({ ...GAUGES, ...HISTOGRAMS })];
    expect(told.filter((name, at) => told.indexOf(name) !== at)).toEqual([]);
  });

  test('knows every label that the source counts with', () => {
    expect(unknownLabels("metrics.count('cache_hits_total', { tier: a ? b : c, user })")).toEqual([
      'cache_hits_total has no label user',
    ]);
    expect(sourceFiles().flatMap((path) => unknownLabels(readFileSync(path, 'utf8')))).toEqual([]);
  });
});

test('the table knows every status the edge answers with', () => {
  const { status } = COUNTERS.http_requests_total.labels;
  const failures = [...Object.values(ERROR_CODES), ...Object.values(PROTOCOL_ERRORS)].map((failure) => failure.status);
  expect(failures.length).toBeGreaterThan(20);
  const answered = [200, 201, 202, 204, 206, 302, 303, 304, 307, 308, ...failures];
  expect(answered.filter((code) => !status.values.includes(String(code)))).toEqual([]);
});

test('operations are those that are handed in with their dialects, and every route and probe of the edge is one', async () => {
  const dialects = dialectsOf({ basePath: '/a', strictErrors: false, strictFormats: false });
  metrics = new ProcessMetrics(operationsByDialect(dialects));
  const asked = [
    ...OPERATION_NAMES.map((operation) => ['image-converter', operation]),
    ...['healthz', 'readyz', 'metrics', 'connected', 'openapi'].map((operation) => ['server', operation]),
  ];
  for (const [dialect = '', operation = ''] of [...asked, ['image-converter', 'a'.repeat(9)], ['image-converter', 'b']])
    metrics.count('http_requests_total', { dialect, operation, status: '200' });
  const told = [...(await samples())].filter(([name]) => name.startsWith('proofsheet_http_requests_total'));
  const line = (dialect = '', operation = '') =>
    `proofsheet_http_requests_total{dialect="${dialect}",operation="${operation}",status="200"}`;
  expect(told.toSorted()).toEqual(
    [
      ...asked.map(([dialect, operation]): [string, number] => [line(dialect, operation), 1]),
      [line('image-converter', 'other'), 2] satisfies [string, number],
    ].toSorted(),
  );
});

/** What the calls in `source` give as labels and the table does not know. */
function unknownLabels(source: string): string[] {
  const calls = source.matchAll(/\.(?:count|counterSlot|observe|histogramSlot)\(\s*'(\w+)'[^{;)]*\{([^{}]*)\}/g);
  return [...calls].flatMap(([, name = '', labels = '']) => {
    const rule = Object.entries({ ...COUNTERS, ...HISTOGRAMS }).find(([metric]) => metric === name)?.[1];
    const names = labels.split(',').map((part) => part.split(':')[0]?.trim() ?? '');
    return names
      .filter((label) => label !== '' && rule !== undefined && !Object.hasOwn(rule.labels, label))
      .map((label) => `${name} has no label ${label}`);
  });
}

function sourceFiles(): string[] {
  const root = new URL('../../../src', import.meta.url).pathname;
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(root, name));
}
