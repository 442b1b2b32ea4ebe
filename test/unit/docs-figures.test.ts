// Figures that documents tell are those of the configuration and the code.
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load-config.js';
import { allSettings } from '../../src/config/schema.js';
import { HEARD_WITHIN_MS, PING_EVERY_MS, WAIT_MS } from '../../src/stores/redis/hearing.js';
import { DEFAULT_DEADLINES } from '../../src/stores/redis/session.js';
import { BOXES, COUNTERS, GAUGES } from '../../src/telemetry/metric-table.js';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const defaults = load(read('config/default.yaml')) as {
  server: { maxUploads: number; maxConnections: number };
  shared: { redisCommandTimeoutMs: number; redisBlobTimeoutMs: number };
};

test('OPERATIONS.md tells how many uploads and connections there may be', () => {
  const { maxUploads, maxConnections } = defaults.server;
  expect(read('docs/OPERATIONS.md')).toContain(
    `| Uploads at a time, connections | ${maxUploads}, ${maxConnections} per HTTP process |`,
  );
});

test('OPERATIONS.md sizes Helm as the chart does', () => {
  const { resources, persistence } = load(read('deploy/helm/proofsheet/values.yaml')) as {
    readonly resources: { readonly requests: Record<string, string>; readonly limits: Record<string, string> };
    readonly persistence: { readonly size: string };
  };
  const row = read('docs/OPERATIONS.md')
    .split('\n')
    .find((line) => line.startsWith('| Helm, one replica'));
  const { cpu, memory } = resources.requests;
  expect(row).toContain(`| ${cpu} asked for | ${memory} asked for, ${resources.limits.memory} at most |`);
  expect(row).toContain(`\`persistence.size\`, ${persistence.size} by default`);
});

test('CLUSTER.md tells the deadlines of Redis', () => {
  const { redisCommandTimeoutMs, redisBlobTimeoutMs } = defaults.shared;
  const text = read('docs/CLUSTER.md');
  expect(text).toContain(`at most ${redisCommandTimeoutMs} ms |`);
  expect(text).toContain(`A read has ${redisCommandTimeoutMs} ms`);
  expect(text).toContain(`a write ${redisBlobTimeoutMs} ms`);
  expect(text).toContain(`a script ${DEFAULT_DEADLINES.scriptMs} ms`);
});

test('CLUSTER.md tells how lately a node has heard what it answers alone', () => {
  const text = read('docs/CLUSTER.md');
  expect(text).toContain(
    `(one every ${PING_EVERY_MS} ms to every master) was sent more than ${HEARD_WITHIN_MS} ms ago | waits for a ping, ${WAIT_MS} ms at most`,
  );
  expect(text).toContain(`So ${HEARD_WITHIN_MS} ms after a clear was acknowledged no request`);
});

test('APP-SUITE.md names settings and metrics that exist, and the profile as it is', () => {
  const text = read('docs/APP-SUITE.md');
  const known = new Set(allSettings().map(({ setting }) => setting.env));
  const named = [...text.matchAll(/PROOFSHEET_[A-Z0-9_]+/g)].map(([name]) => name);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
  const metrics = Object.keys({ ...COUNTERS, ...GAUGES, ...BOXES });
  for (const [, name = ''] of text.matchAll(/\bproofsheet_(\w+)/g)) expect(metrics).toContain(name);
  const config = loadConfig({ environment: { PROOFSHEET_PROFILE: 'app-suite' } });
  const row = (start: string) => text.split('\n').find((line) => line.startsWith(`| ${start}`)) ?? '';
  for (const format of config.sequence.targetFormats)
    expect(row('`targetFormats`')).toContain(format.replace('auto:', ''));
  expect(row('`processingTimeoutSeconds`')).toContain(`| ${config.conversion.timeoutMs} each |`);
  expect(row('`maxQueueLength`')).toContain(`| ${config.conversion.queueLength} |`);
  expect(row('`cache.maxEntries`')).toContain(`| ${config.storage.maxGroups} |`);
  expect(row('probes')).toContain(`| ${config.server.healthPort} |`);
});

test('the balancer of the documents shows neither figures nor readiness to the outside', () => {
  const [, hidden = ''] = /location ~ "?([^\s"]+)"? \{\s*return 404;/.exec(read('docs/nginx.conf')) ?? [];
  for (const probe of ['/metrics', '/healthz', '/readyz'])
    for (const spelling of ['', '/', ';jsessionid=1']) expect(probe + spelling).toMatch(new RegExp(hidden));
  expect('/imageconverter/getImage/metrics/auto:1x1').not.toMatch(new RegExp(hidden));
  expect(hidden).not.toBe('');
});
