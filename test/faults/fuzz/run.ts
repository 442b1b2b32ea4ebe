// `npm run fuzz -- [--count 100000] [--seed N] [--from 0] [--connections 8]`: the long run. Prints the seed first, a line
// each few seconds, and each finding with the numbers that replay it: `--seed N --from INDEX --count 1`.
import { parseArgs } from 'node:util';
import {
  type FuzzBooks,
  fuzz,
  fuzzEnvironment,
  settledBytes,
  settledChildrenBytes,
} from '../../support/hostile/fuzzing.js';
import { HostileServer } from '../../support/hostile/hostile-server.js';
import { fuzzSeeds } from '../../support/hostile/seeds.js';
import { freePort } from '../../support/ports.js';

const PROGRESS_MS = 5_000;
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    from: { type: 'string', default: '0' },
    connections: { type: 'string', default: '8' },
  },
});
const [count, seed, from, connections] = [values.count, values.seed, values.from, values.connections].map(Number);
if (count === undefined || seed === undefined || from === undefined || connections === undefined) {
  throw new Error('expected numbers');
}

console.log(`seed ${seed}, requests ${from} to ${from + count - 1}, ${connections} connections`);
const inspectorPort = await freePort();
const hostile = await HostileServer.start(fuzzEnvironment(inspectorPort));
const { origin, pid } = hostile.server;
const seeds = await fuzzSeeds();
let findings = 0;
/** One part of the run; its memory is measured when it is over and the server has come to rest. */
async function part(first: number, end: number): Promise<void> {
  let printedAt = 0;
  let printed = 0;
  const books = await fuzz({
    origin,
    seeds,
    seed: seed ?? 0,
    from: first,
    to: end,
    connections: connections ?? 1,
    onProgress(soFar) {
      for (const finding of soFar.findings.slice(printed)) console.log('FINDING', JSON.stringify(finding));
      printed = soFar.findings.length;
      if (soFar.ms - printedAt < PROGRESS_MS) return;
      printedAt = soFar.ms;
      console.log(progressLine(soFar));
    },
  });
  findings += books.findings.length;
  console.log(progressLine(books));
  for (const [label, times] of [...books.answers].sort()) console.log(`${label}: ${times}`);
  const [own, children] = [await settledBytes(pid, inspectorPort), await settledChildrenBytes(pid)];
  console.log(`memory at rest: server ${mib(own)}, converters ${mib(children)}`);
}
const warm = from + Math.floor(count / 10);
await part(from, warm);
await part(warm, from + count);
for (const reason of ['crash', 'nonsense', 'timeout', 'memory', 'recycled']) {
  const exits = await hostile.metric('proofsheet_converter_exits_total', `reason="${reason}"`);
  console.log(`converters ended (${reason}): ${exits}`);
}
await hostile.expectUnharmed();
await hostile.close();
console.log(`${findings} findings`);
process.exitCode = findings === 0 ? 0 : 1;

function progressLine({ done, ms, findings }: FuzzBooks): string {
  return `${done} done, ${((done * 1_000) / ms).toFixed(0)} a second, ${findings.length} findings`;
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
