// The original's Grafana board over a real Prometheus that scrapes a real server: every expression that the board asks for finds a value.

import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../support/gate.js';
import { cacheAndGet, get, newSource } from '../../support/nodes.js';
import { start } from '../../support/processes.js';
import { type ServerProcess, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { requireTool } from '../../support/tools.js';

const SLOW = { timeout: 180_000 };

/**
 * What the panels and variables of "App Suite / Core-Imageconverter" (chart 8.49) ask for, in short: the same names, selectors and
 * functions, with the ranges of this test. Its panel of the object cache's median asks for the group "oc_group", a slip that no
 * server can answer: here it is the group.
 */
const POD = '{pod=~"pod-1"}';
const EXPRESSIONS = [
  'up{namespace=~"suite",service=~"core-imageconverter"}',
  'process_uptime_seconds{service=~".*imageconverter.*",pod=~"pod-1"}',
  `imageconverter_cache_hit_ratio${POD}`,
  `imageconverter_cache_key_count${POD}`,
  `imageconverter_cache_size${POD}`,
  'objectcache_oldest_modification_ms{group="OX_IC",pod=~"pod-1"}',
  `max(imageconverter_request_median_time_ms${POD})`,
  `imageconverter_request_median_time_ms${POD}`,
  ...['get', 'cacheandget'].map((request) => `imageconverter_request_median_time_ms{request="${request}"} > 0`),
  `rate(imageconverter_request_count_total${POD}[1m])`,
  `rate(imageconverter_request_count${POD}[1m])`,
  `rate(imageconverter_keys_processed_count${POD}[1m])`,
  `rate(imageconverter_request_limitreached_count${POD}[1m])`,
  ...['instant', 'medium', 'background'].map(
    (queue) => `imageconverter_queue_median_time_ms{pod="pod-1",queue="${queue}"}`,
  ),
  `imageconverter_queue_peak_count${POD}`,
  `imageconverter_keys_processed_median_time_ms${POD} > 0`,
  `sum(max_over_time(imageconverter_convert_dimensions${POD}[60s])) by (request)`,
  `topk(4, max by(request) (sum by(request) (imageconverter_convert_dimensions${POD})))`,
  'imageconverter_convert_dimensions{request="120x120",target="200x150",scaleType="cover",format="jpg"} > 0',
  ...['items_current_count', 'items_maximum_count', 'size_current_bytes', 'size_maximum_bytes'].map(
    (name) => `objectcache_${name}{pod=~"pod-1",group=~"OX_IC"} > 0`,
  ),
  'rate(objectcache_request_count[1m])',
  'rate(objectcache_request_count_total[1m])',
  'objectcache_request_medianduration_ms{pod=~"pod-1",group=~"OX_IC"}',
];

async function freePort(): Promise<number> {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  await new Promise((resolve) => taken.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

let dir: TempDir;
let server: ServerProcess;
let prometheus: string;
let ended: Promise<unknown>;
let end = (): unknown => undefined;

beforeAll(async () => {
  dir = await tempDir();
  const healthPort = await freePort();
  server = await startServerProcess({
    PROOFSHEET_PROFILE: 'app-suite',
    PROOFSHEET_HEALTH_PORT: String(healthPort),
    PROOFSHEET_DATA_DIR: join(dir.path, 'data'),
  });
  const port = await freePort();
  const config = {
    scrape_configs: [
      {
        job_name: 'proofsheet',
        scrape_interval: '1s',
        static_configs: [
          {
            targets: [`127.0.0.1:${healthPort}`],
            labels: { namespace: 'suite', service: 'core-imageconverter', pod: 'pod-1' },
          },
        ],
      },
    ],
  };
  // JSON is YAML.
  await writeFile(join(dir.path, 'prometheus.yml'), JSON.stringify(config));
  const child = start(await requireTool('prometheus'), [
    `--config.file=${join(dir.path, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(dir.path, 'series')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ]);
  child.stderr.resume();
  child.stdout.resume();
  ended = new Promise((resolve) => child.once('close', resolve));
  end = () => child.kill('SIGKILL');
  prometheus = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${prometheus}/-/ready`).catch(() => undefined))?.ok === true, 'it is ready');
}, 900_000);

afterAll(async () => {
  end();
  await ended;
  server?.kill('SIGKILL');
  await server?.gone;
  await dir.remove();
});

async function valuesOf(expression: string): Promise<readonly number[]> {
  const answer = await fetch(`${prometheus}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const { status, data, error } = await answer.json();
  if (status !== 'success') throw new Error(`${expression}: ${error}`);
  return data.result.map(({ value }: { value: readonly [number, string] }) => Number(value[1]));
}

describe('the board', () => {
  it('finds a value for everything it asks', SLOW, async () => {
    const source = await newSource('board');
    const request = 'auto:120x120~cover~autorotate@75';
    expect((await get(server, 'a', request)).status).toBe(404);
    expect((await cacheAndGet(server, 'a', source, request)).status).toBe(200);
    for (let hit = 0; hit < 5; hit++) expect((await get(server, 'a', request)).status).toBe(200);
    const missing = async () => {
      const found = await Promise.all(EXPRESSIONS.map(async (text) => ({ text, values: await valuesOf(text) })));
      return found.filter(({ values }) => values.length === 0 || values.some(Number.isNaN)).map(({ text }) => text);
    };
    // A rate needs two scrapes.
    await until(async () => (await missing()).length === 0, 'every expression has a value').catch(async () => {
      expect(await missing()).toEqual([]);
    });
    expect(await valuesOf('imageconverter_cache_hit_ratio')).toEqual([5 / 6]);
    expect(await valuesOf('imageconverter_keys_processed_count')).toEqual([1]);
    expect(await valuesOf('sum(imageconverter_convert_dimensions)')).toEqual([6]);
  });

  it('our own two figures are there without the original’s names', SLOW, async () => {
    expect((await valuesOf('proofsheet_oldest_entry_age_seconds')).length).toBe(1);
    expect(await valuesOf('proofsheet_boxes_total{asked="120x120~cover",answered="200x150~cover",type="jpg"}')).toEqual(
      [6],
    );
    const plain = await startServerProcess({ PROOFSHEET_DATA_DIR: join(dir.path, 'plain') });
    try {
      const text = await (await fetch(`${plain.origin}/metrics`)).text();
      expect(text).toMatch(/^proofsheet_boxes_total\{asked="other"/m);
      expect(text).not.toMatch(/^(imageconverter|objectcache|process)_/m);
    } finally {
      plain.kill('SIGKILL');
      await plain.gone;
    }
  });
});
