// Rows 23 and 24: what a server takes that has nothing to do: memory of its own process and of its converters, and with a million groups;
// and how long it takes to be ready with them, also after it was killed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Comparison, compare, measured } from '../comparison.js';
import { fill } from '../fill.js';
import { type Ours, startOurs } from '../ours.js';
import { ownMemory, processTree } from '../process-tree.js';
import { withServers } from '../processes.js';
import type { RowGroup, RunOptions } from '../row-group.js';

const MIB = 1024 ** 2;
/** What the start has left is collected, and what is loaded late is there. */
const REST_MS = 5_000;
const SOURCES = 1_000;
const PREVIEW_BYTES = 5_500;
/** What is written while it is killed. */
const KILLED_AFTER_MS = 300;

export const rest: RowGroup = {
  rows: [23, 24],
  needs: [],
  async run(rows, options) {
    const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-rest-'));
    try {
      const dataDir = join(dir, 'data');
      await fill({
        dataDir,
        groups: options.groups,
        sources: SOURCES,
        previewBytes: PREVIEW_BYTES,
        groupsPerContext: 10_000,
      });
      const found: Comparison[] = [];
      if (rows.includes(23)) found.push(...(await atRest(dataDir, options)));
      if (rows.includes(24)) found.push(...(await starts(dataDir, options)));
      return found;
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

async function atRest(dataDir: string, { rounds, groups }: RunOptions): Promise<Comparison[]> {
  const taken = { own: [] as number[], converter: [] as number[], large: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    await withServers([startOurs()], async (ours) => {
      await sleep(REST_MS);
      taken.own.push((await ownMemory(ours.pid)) / MIB);
      const children = (await processTree(ours.pid)).filter((pid) => pid !== ours.pid);
      const memory = await Promise.all(children.map(ownMemory));
      taken.converter.push(Math.max(...memory) / MIB);
    });
    await withServers([startOurs({ dataDir })], async (ours) => {
      await sleep(REST_MS);
      taken.large.push((await ownMemory(ours.pid)) / MIB);
    });
  }
  const of = (name: string, values: readonly number[]) => ({ name, values });
  const atMost = (value: number) => ({ rule: 'at most', value }) as const;
  return [
    measured(23, "memory at rest: the server's own process", 'MiB', of('Proofsheet', taken.own), atMost(90)),
    measured(23, 'memory at rest: a converter', 'MiB', of('Proofsheet', taken.converter), atMost(60)),
    compare(
      23,
      `memory at rest with ${groups} groups`,
      'MiB',
      of('Proofsheet', taken.large),
      of('with none', taken.own),
      atMost(1.25),
    ),
  ];
}

async function starts(dataDir: string, { rounds, groups }: RunOptions): Promise<Comparison[]> {
  const [orderly, killed]: [number[], number[]] = [[], []];
  await (await startOurs({ dataDir })).stop();
  for (let round = 0; round < rounds; round++) {
    const first = await startOurs({ dataDir });
    orderly.push(first.readyMs / 1_000);
    await endAtOnce(first);
    const second = await startOurs({ dataDir });
    killed.push(second.readyMs / 1_000);
    await second.stop();
  }
  const of = (values: readonly number[]) => ({ name: 'Proofsheet', values });
  const atMost = (value: number) => ({ rule: 'at most', value }) as const;
  return [
    measured(24, `start to ready with ${groups} groups`, 's', of(orderly), atMost(0.6)),
    measured(24, 'the same after kill -9', 's', of(killed), atMost(1)),
  ];
}

/** Everything of it at once, as when the machine takes the processes; `stop` waits until they are gone. */
async function endAtOnce(ours: Ours): Promise<void> {
  await sleep(KILLED_AFTER_MS);
  process.kill(ours.pid, 'SIGKILL');
  await ours.stop();
}
