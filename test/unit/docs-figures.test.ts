// Figures that documents tell are those of the configuration and the code.
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { expect, test } from 'vitest';
import { DEFAULT_DEADLINES } from '../../src/stores/redis/session.js';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const defaults = load(read('config/default.yaml')) as {
  server: { maxUploads: number; maxConnections: number };
  shared: { redisCommandTimeoutMs: number; redisBlobTimeoutMs: number };
};

test('README tells how many uploads and connections there may be', () => {
  const { maxUploads, maxConnections } = defaults.server;
  expect(read('README.md')).toContain(
    `| Uploads at a time, connections | ${maxUploads}, ${maxConnections} per HTTP process |`,
  );
});

test('CLUSTER.md tells the deadlines of Redis', () => {
  const { redisCommandTimeoutMs, redisBlobTimeoutMs } = defaults.shared;
  const text = read('docs/CLUSTER.md');
  expect(text).toContain(`at most ${redisCommandTimeoutMs} ms |`);
  expect(text).toContain(`A read has ${redisCommandTimeoutMs} ms`);
  expect(text).toContain(`a write ${redisBlobTimeoutMs} ms`);
  expect(text).toContain(`a script ${DEFAULT_DEADLINES.scriptMs} ms`);
});

test('the balancer of the documents shows neither figures nor readiness to the outside', () => {
  const [, hidden = ''] = /location ~ (\S+) \{\s*return 404;/.exec(read('docs/nginx.conf')) ?? [];
  for (const probe of ['/metrics', '/healthz', '/readyz'])
    for (const spelling of ['', '/', ';jsessionid=1']) expect(probe + spelling).toMatch(new RegExp(hidden));
  expect('/imageconverter/getImage/metrics/auto:1x1').not.toMatch(new RegExp(hidden));
  expect(hidden).not.toBe('');
});
