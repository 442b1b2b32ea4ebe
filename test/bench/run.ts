// `npm run bench`: every row of the table in one go, printed, and written as JSON.
//   --rows 1,5,7   only these          --rounds 5      rounds per comparison     --seconds 5   load per round
//   --json FILE    where JSON goes     --docs          also into docs/PERFORMANCE.md
//   --conversions 10000 (row 14)       --groups 1000000 (rows 11 to 13, 23, 24)       --assets 1000000 (row 41)
// Exits with 1 when a row is not reached or could not be measured.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import type { Comparison } from './comparison.js';
import { describeMachine } from './machine.js';
import { ROW_GROUPS } from './registry.js';
import { asText, intoDocument, type Report } from './report.js';
import { installPeers } from './tools.js';

const { values } = parseArgs({
  options: {
    rows: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    conversions: { type: 'string', default: '10000' },
    groups: { type: 'string', default: '1000000' },
    assets: { type: 'string', default: '1000000' },
    json: { type: 'string', default: new URL('results/latest.json', import.meta.url).pathname },
    docs: { type: 'boolean', default: false },
  },
});

const log = (text: string): void => {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
};
const options = {
  rounds: positive('rounds', values.rounds),
  seconds: positive('seconds', values.seconds),
  conversions: positive('conversions', values.conversions),
  groups: positive('groups', values.groups),
  assets: positive('assets', values.assets),
  log,
};
const wanted = values.rows?.split(',').map((row) => positive('rows', row));
const chosen = ROW_GROUPS.map((group) => ({
  group,
  rows: group.rows.filter((row) => wanted === undefined || wanted.includes(row)),
})).filter(({ rows }) => rows.length > 0);
const tools = chosen.flatMap(({ group }) => group.needs);

// What was started is ended in the process's own end.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
await installPeers(tools, log);
const machine = await describeMachine(tools);
const comparisons: Comparison[] = [];
const failures: string[] = [];
for (const { group, rows } of chosen) {
  log(`rows ${rows.join(', ')}`);
  try {
    comparisons.push(...(await group.run(rows, options)));
  } catch (error) {
    // The other rows are still worth their time.
    log(String(error instanceof Error ? error.stack : error));
    failures.push(`rows ${rows.join(', ')}: not measured: ${String(error).split('\n')[0]}`);
  }
}
comparisons.sort((a, b) => a.row - b.row);
const report: Report = {
  date: new Date().toISOString(),
  machine,
  rounds: options.rounds,
  secondsPerRound: options.seconds,
  comparisons,
  failures,
};
process.stdout.write(`${asText(report)}\n`);
await mkdir(dirname(values.json), { recursive: true });
await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
if (values.docs) await intoDocument(new URL('../../docs/PERFORMANCE.md', import.meta.url).pathname, report);
process.exitCode = failures.length === 0 && comparisons.every(({ ok }) => ok) ? 0 : 1;

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new RangeError(`expected --${name} of whole numbers from 1, got ${text}`);
  return value;
}
