// The rules of deploy/monitoring as Prometheus' own tool reads and plays them, and their runbook.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { COUNTERS, GAUGES, HISTOGRAMS } from '../../../src/telemetry/metric-table.js';
import { readDocument } from '../../support/documents.js';
import { runSync } from '../../support/processes.js';
import { withTempDir } from '../../support/temp-dir.js';
import { requireTool } from '../../support/tools.js';

const DIR = fileURLToPath(new URL('../../../deploy/monitoring/', import.meta.url));
const RULES = readDocument('deploy/monitoring/rules.yml');

const promtool = async (...args: readonly string[]) => runSync(await requireTool('promtool'), args, { cwd: DIR });

test('promtool takes the rules, and each alert comes by its outage, and none on a good day', async () => {
  expect(await promtool('check', 'rules', join(DIR, 'rules.yml'))).toMatchObject({ status: 0, stderr: '' });
  const { status, stdout, stderr } = await promtool('test', 'rules', 'rules.test.yml');
  expect({ status, said: stdout + stderr }).toMatchObject({ status: 0 });
});

test('each alert is played, and has an entry in the runbook that it links to, and there are no others', () => {
  const alerts = [...RULES.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
  const played = readDocument('deploy/monitoring/rules.test.yml');
  const entries = [...readDocument('docs/RUNBOOK.md').matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
  expect(alerts.length).toBeGreaterThan(8);
  expect(entries).toEqual(alerts);
  for (const name of alerts) {
    expect(RULES).toContain(`runbook_url: docs/RUNBOOK.md#${name.toLowerCase()}\n`);
    expect(played).toContain(name);
  }
});

test('the rules ask for metrics that there are', () => {
  const asked = [...RULES.matchAll(/(?<![:\w])proofsheet_(\w+)/g)].map(([, name = '']) => name.replace(/_bucket$/, ''));
  expect(asked.length).toBeGreaterThan(10);
  const known = new Set(Object.keys({ ...COUNTERS, ...GAUGES, ...HISTOGRAMS }));
  expect(asked.filter((name) => !known.has(name))).toEqual([]);
});

interface Board {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

test('the board asks in words that Prometheus understands, for metrics and records that there are', async () => {
  const { panels } = JSON.parse(readDocument('deploy/monitoring/grafana-dashboard.json')) as Board;
  const asked = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  expect(asked.length).toBeGreaterThan(10);
  const rules = asked.map((expr, n) => ({
    record: `board:panel:${n}`,
    expr: expr.replaceAll('$__rate_interval', '1m'),
  }));
  await withTempDir(async (dir) => {
    const path = join(dir, 'board.yml');
    await writeFile(path, JSON.stringify({ groups: [{ name: 'board', rules }] }));
    expect(await promtool('check', 'rules', path)).toMatchObject({ status: 0, stderr: '' });
  });
  const records = new Set([...RULES.matchAll(/- record: (\S+)/g)].map(([, name]) => name));
  const known = new Set(Object.keys({ ...COUNTERS, ...GAUGES, ...HISTOGRAMS }));
  for (const expr of asked) {
    const [name = ''] = /job:proofsheet_[\w:]+|proofsheet_\w+/.exec(expr) ?? [];
    const isKnown = records.has(name) || known.has(name.replace(/^proofsheet_/, '').replace(/_bucket$/, ''));
    expect(isKnown, expr).toBe(true);
  }
});
