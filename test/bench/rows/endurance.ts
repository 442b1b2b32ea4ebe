// Row 14: memory over thousands of conversions. The own memory of server and converters together is what is compared.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Comparison, compare, measured } from '../comparison.js';
import { Conversions, mixedJpegs } from '../converting.js';
import { startOurs } from '../ours.js';
import { treeMemory } from '../process-tree.js';
import { withServers } from '../processes.js';
import type { RowGroup } from '../row-group.js';

const AT_ONCE = 4;
/** After this share of the conversions everything is loaded, and memory should not grow any more. */
const WARM_SHARE = 0.1;
const BUDGET_MIB = 256;
const MARGIN_MIB = 150;
const SAMPLE_MS = 100;
/** Samples that a level is the median of: single ones depend on when the last collection was. */
const LEVEL_SAMPLES = 50;

export const endurance: RowGroup = {
  rows: [14],
  needs: [],
  async run(_rows, { conversions, log }) {
    const env = { PROOFSHEET_CONVERSION_MEMORY_BYTES: `${BUDGET_MIB}MiB`, PROOFSHEET_MEMORY_MAX_BYTES: '16MiB' };
    const jpegs = await mixedJpegs();
    return withServers([startOurs({ env })], async (ours): Promise<Comparison[]> => {
      const samples: { readonly ended: number; readonly bytes: number }[] = [];
      const progress = { ended: 0, running: true };
      const watching = (async () => {
        for (; progress.running; await sleep(SAMPLE_MS)) {
          samples.push({ ended: progress.ended, bytes: await treeMemory(ours.pid) });
        }
      })();
      await new Conversions(ours, jpegs).run(AT_ONCE, (ended) => {
        progress.ended = ended;
        return ended >= conversions;
      });
      progress.running = false;
      await watching;
      const inMiB = (of: typeof samples): number[] => of.map(({ bytes }) => bytes / 1024 ** 2);
      const early = inMiB(samples.filter(({ ended }) => ended >= conversions * WARM_SHARE)).slice(0, LEVEL_SAMPLES);
      const late = inMiB(samples).slice(-LEVEL_SAMPLES);
      const peak = Math.max(...inMiB(samples));
      log(`  ${samples.length} samples, peak ${peak.toFixed(0)} MiB`);
      const what = `${conversions} conversions of mixed sizes, four at a time: memory at the end`;
      const after = { name: `after ${conversions * WARM_SHARE}`, values: early };
      const mine = { name: 'Proofsheet', values: late };
      const limit = { rule: 'at most', value: BUDGET_MIB + MARGIN_MIB } as const;
      return [
        compare(14, what, 'MiB', mine, after, { rule: 'at most', value: 1.25 }),
        measured(
          14,
          `the same: peak, ${BUDGET_MIB} MiB admitted`,
          'MiB',
          { name: 'Proofsheet', values: [peak] },
          limit,
        ),
      ];
    });
  },
};
