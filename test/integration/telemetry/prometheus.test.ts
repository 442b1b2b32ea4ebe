// A real Prometheus that scrapes a real server through an outage: it asks for OpenMetrics and reads every sample, sees the server go and come
// back, our rules work on what it has read, and counters that begin anew are no rise.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startDaemons } from '../../support/daemons.js';
import { eventually } from '../../support/gate.js';
import { sourceForm } from '../../support/multipart.js';
import { freePort } from '../../support/ports.js';
import { type ServerProcess, startServerProcess } from '../../support/server-process.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { jpegOf } from '../../support/test-images.js';
import { requireTool } from '../../support/tools.js';

const RULES = fileURLToPath(new URL('../../../deploy/monitoring/rules.yml', import.meta.url));

let dir: TempDir;
let server: ServerProcess;
let [serverPort, prometheusPort] = [0, 0];

const startServer = () =>
  startServerProcess({ PROOFSHEET_DATA_DIR: join(dir.path, 'data'), PROOFSHEET_PORT: String(serverPort) });

interface Result {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

/** What Prometheus answers to `expression` now. */
async function query(expression: string): Promise<readonly Result[]> {
  const answer = await fetch(
    `http://127.0.0.1:${prometheusPort}/api/v1/query?${new URLSearchParams({ query: expression })}`,
  );
  const { data } = (await answer.json()) as { readonly data?: { readonly result: readonly Result[] } };
  return data?.result ?? [];
}

/** The one value of `expression`; `undefined` where there is none. */
const figureOf = async (expression: string): Promise<number | undefined> => {
  const [result] = await query(expression);
  return result === undefined ? undefined : Number(result.value[1]);
};

const becomes = (expression: string, value: number) =>
  eventually(async () => (await figureOf(expression)) === value, `${expression} is ${value}`);

beforeAll(async () => {
  dir = await tempDir();
  [serverPort, prometheusPort] = [await freePort(), await freePort()];
  server = await startServer();
  const config = join(dir.path, 'prometheus.yml');
  // Only what is no OpenMetrics is asked for last: a text that breaks that format is a scrape that failed.
  await writeFile(
    config,
    `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: ['${RULES}']
scrape_configs:
  - job_name: proofsheet
    static_configs: [{ targets: ['127.0.0.1:${serverPort}'] }]
`,
  );
  const prometheus = await requireTool('prometheus');
  const data = `--storage.tsdb.path=${join(dir.path, 'tsdb')}`;
  await startDaemons(
    'Prometheus is ready',
    [[prometheus, `--config.file=${config}`, data, `--web.listen-address=127.0.0.1:${prometheusPort}`]],
    async () => (await fetch(`http://127.0.0.1:${prometheusPort}/-/ready`)).ok,
  );
}, 300_000);

afterAll(async () => {
  server?.kill('SIGKILL');
  await dir?.remove();
});

it('tells Prometheus everything, by the format that it asks for first', { timeout: 180_000 }, async () => {
  const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4';
  const answer = await fetch(`${server.origin}/metrics`, { headers: { Accept: accept } });
  expect(answer.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  expect(answer.headers.get('vary')).toBe('Accept');
  const plain = await fetch(`${server.origin}/metrics`, { headers: { Accept: '*/*' } });
  expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');

  const made = await fetch(`${server.url}/cacheAndGetImage/photo/auto:80x80`, {
    method: 'POST',
    body: sourceForm(await jpegOf(320, 240)),
  });
  expect(made.status).toBe(200);
  await becomes('up', 1);
  await becomes('proofsheet_http_requests_total{operation="cacheAndGetImage",status="200"}', 1);
  await becomes('proofsheet_keys', 1);
  const told = (await answer.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  expect(await figureOf('scrape_samples_scraped')).toBeGreaterThanOrEqual(told);
  const [target] = (
    (await (await fetch(`http://127.0.0.1:${prometheusPort}/api/v1/targets`)).json()) as {
      readonly data: { readonly activeTargets: readonly { readonly lastError: string; readonly health: string }[] };
    }
  ).data.activeTargets;
  expect(target).toMatchObject({ lastError: '', health: 'up' });
});

it('sees an outage and its end, and no rise where counters begin anew', { timeout: 240_000 }, async () => {
  for (let index = 0; index < 20; index++) await (await fetch(`${server.url}/getImage/photo/auto:80x80`)).arrayBuffer();
  const hits = 'sum(proofsheet_cache_hits_total)';
  await eventually(async () => ((await figureOf(hits)) ?? 0) >= 20, 'the hits were scraped');
  server.kill('SIGKILL');
  await server.gone;
  await becomes('up', 0);
  // Whoever is on call is told after two minutes: until then it is pending.
  await eventually(
    async () => (await query('ALERTS{alertname="ProofsheetDown",alertstate="pending"}')).length === 1,
    'the outage is seen by the alert',
  );
  server = await startServer();
  await becomes('up', 1);
  await eventually(async () => (await query('ALERTS{alertname="ProofsheetDown"}')).length === 0, 'the alert is over');
  // What was stored is there, and what was counted begins at 0: the increase over all of it is that of before, and no more.
  await becomes('proofsheet_keys', 1);
  expect(await figureOf(hits)).toBeLessThan(20);
  const [raised, resets] = [
    await figureOf('sum(increase(proofsheet_cache_hits_total[10m]))'),
    await figureOf('sum(resets(proofsheet_cache_hits_total[10m]))'),
  ];
  expect(resets).toBeGreaterThanOrEqual(1);
  expect(raised).toBeLessThan(60);
});
