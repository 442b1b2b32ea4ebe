// Row 16: what it costs that conversions run in child processes: processor time of the server's process and its converter
// together, against the same conversions called in one process.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALLOCATOR_ENVIRONMENT } from '../../../src/convert/converter-child.js';
import { type ConverterPool, createConverter } from '../../../src/convert/converter-pool.js';
import { parseContext } from '../../../src/kernel/image-key.js';
import { sequenceOf } from '../../../src/kernel/sequence.js';
import { systemClock } from '../../../src/telemetry/clock.js';
import { createLogger } from '../../../src/telemetry/logger.js';
import { ProcessMetrics } from '../../../src/telemetry/metrics.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { image, photo, screenshot } from '../../support/images.js';
import { startModule } from '../../support/processes.js';
import { alternate, type Comparison, compare, measured, median } from '../comparison.js';
import { largeJpeg } from '../corpus.js';
import { cpuMs } from '../process-tree.js';
import type { RowGroup } from '../row-group.js';

const { formats } = sequenceOf(DEFAULT_TARGET_FORMATS);
/** /proc tells a child's processor time to 10 ms only: one measurement is at least about so long. */
const MEASURED_MS = 1_000;
/** Of the processor time in process. */
const AT_MOST = { rule: 'at most', value: 1.1 } as const;
const SMALL_AT_MOST = { rule: 'at most', value: 5 } as const;
/** Conversions after which the product replaces a child: so many share what its start took. */
const JOBS_OF_A_CHILD = 500;
const settings = {
  sourceTypes: ['jpeg', 'png'],
  maxSourcePixels: 268_435_456,
  maxPages: 100,
  auto: 'adaptive',
  flush: false,
} as const;

interface Picture {
  readonly name: string;
  readonly bytes: Buffer;
  /** Isolation costs the same few milliseconds whatever the picture, so what is bounded for small ones is those. */
  readonly small?: true;
}

/** One of the two ways; resolves with processor time of one conversion, ms. */
type Way = (sourcePath: string, bytes: number, repeats: number) => Promise<number>;

export const isolation: RowGroup = {
  rows: [16],
  needs: [],
  async run(_rows, { rounds, log }) {
    const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-isolation-'));
    const pool = createConverter({
      ...settings,
      children: 1,
      // Their starts are reckoned in instead.
      recycleAfterJobs: Number.MAX_SAFE_INTEGER,
      timeoutMs: 60_000,
      memoryBudgetBytes: 2 * 1024 ** 3,
      maxQueue: 8,
      logger: createLogger({ level: 'warn' }),
      metrics: new ProcessMetrics(),
      clock: systemClock,
    });
    const peer = startModule(new URL('../peers/in-process.mjs', import.meta.url).pathname, [], {
      execArgv: [],
      env: { ...process.env, ...ALLOCATOR_ENVIRONMENT },
      serialization: 'advanced',
    });
    const inProcess: Way = async (sourcePath, _bytes, repeats) => {
      const answered = once(peer, 'message') as Promise<[{ readonly cpuMs: number }]>;
      peer.send({ sourcePath, formats, dir, settings, repeats });
      return (await answered)[0].cpuMs;
    };
    try {
      await Promise.all([once(peer, 'message'), pool.whenReady(60_000)]);
      const startMs = (await Promise.all(pool.pids.map(cpuMs))).reduce((sum, ms) => sum + ms, 0);
      log(`  starting a converter takes ${startMs} ms`);
      const ours = isolated(pool, dir, startMs / JOBS_OF_A_CHILD);
      const comparisons: Comparison[] = [];
      for (const picture of await pictures()) {
        comparisons.push(await compareWays(picture, dir, ours, inProcess, rounds));
        log(`  ${describe(comparisons.at(-1))}`);
      }
      return comparisons;
    } finally {
      peer.kill();
      await pool.close();
      await rm(dir, { recursive: true, force: true });
    }
  },
};

async function pictures(): Promise<readonly Picture[]> {
  const jpeg = async (widthPx: number, heightPx: number) =>
    image(await photo(widthPx, heightPx, 3))
      .jpeg({ quality: 90 })
      .toBuffer();
  return [
    { name: '24 MP JPEG', bytes: await largeJpeg() },
    { name: '12 MP JPEG', bytes: await jpeg(4000, 3000) },
    { name: '2560x1440 PNG', bytes: await image(screenshot(2560, 1440)).png().toBuffer() },
    { name: '1 MP JPEG', bytes: await jpeg(1200, 900), small: true },
    { name: '300x200 JPEG', bytes: await jpeg(300, 200), small: true },
  ];
}

async function compareWays(
  { name, bytes, small }: Picture,
  dir: string,
  ours: Way,
  peer: Way,
  rounds: number,
): Promise<Comparison> {
  const sourcePath = join(dir, 'source');
  await writeFile(sourcePath, bytes);
  await peer(sourcePath, bytes.length, 1);
  const repeats = Math.ceil(MEASURED_MS / (await peer(sourcePath, bytes.length, 3)));
  const results = await alternate(rounds, {
    ours: () => ours(sourcePath, bytes.length, repeats),
    peer: () => peer(sourcePath, bytes.length, repeats),
  });
  if (small) {
    const extra = results.ours.map((ms, round) => ms - (results.peer[round] ?? Number.NaN));
    const what = `isolation of a ${name}: what it adds to ${median(results.peer).toFixed(1)} ms`;
    return measured(16, what, 'ms CPU', { name: 'Proofsheet', values: extra }, SMALL_AT_MOST);
  }
  const what = `default sequence of a ${name}, isolated`;
  const contenders = [
    { name: 'Proofsheet', values: results.ours },
    { name: 'in process', values: results.peer },
  ] as const;
  return compare(16, what, 'ms CPU', ...contenders, AT_MOST);
}

/** In the converter child: its time, this process's, and the job's share of its start. */
function isolated(pool: ConverterPool, dir: string, shareOfStartMs: number): Way {
  const childrenMs = async () => (await Promise.all(pool.pids.map(cpuMs))).reduce((sum, ms) => sum + ms, 0);
  return async (sourcePath, sourceBytes, repeats) => {
    const before = await childrenMs();
    const own = process.cpuUsage();
    for (let repeat = 0; repeat < repeats; repeat++) {
      const outputDir = await mkdtemp(join(dir, 'out-'));
      const job = { sourcePath, sourceBytes, formats, priority: 'medium', outputDir } as const;
      await pool.convert({ ...job, context: parseContext('') });
      await rm(outputDir, { recursive: true });
    }
    const { user, system } = process.cpuUsage(own);
    return ((user + system) / 1000 + (await childrenMs()) - before) / repeats + shareOfStartMs;
  };
}

function describe(comparison: Comparison | undefined): string {
  if (comparison === undefined) return '';
  const { what, ours, peer, ratio } = comparison;
  const against = peer ? `, in process ${peer.value.toFixed(2)} ms, ratio ${ratio?.toFixed(3)}` : '';
  return `${what}: ${ours.value.toFixed(2)} ms${against}`;
}
