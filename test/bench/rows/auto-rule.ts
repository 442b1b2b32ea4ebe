// Row 27: what trying for smaller previews costs, and what it saves: the default sequence by the adaptive rule of `auto` against the
// classic one, over the corpus of row 7 and the thirty sources of row 19.
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { createConverter } from '../../../src/convert/converter-pool.js';
import { parseContext } from '../../../src/kernel/image-key.js';
import type { Converter } from '../../../src/kernel/ports/converter.js';
import { type AutoRule, sequenceOf } from '../../../src/kernel/sequence.js';
import type { SourceType } from '../../../src/kernel/source.js';
import { systemClock } from '../../../src/telemetry/clock.js';
import { createLogger } from '../../../src/telemetry/logger.js';
import { ProcessMetrics } from '../../../src/telemetry/metrics.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { alternate, type Bound, type Comparison, compareRatios, geometricMean, median } from '../comparison.js';
import { corpus } from '../corpus.js';
import { inChildren, inProcess } from '../cpu-time.js';
import type { RowGroup, RunOptions } from '../row-group.js';
import { sourcesByClass } from '../sources-by-class.js';

const { formats } = sequenceOf(DEFAULT_TARGET_FORMATS);
const SOURCE_TYPES: readonly SourceType[] = ['jpeg', 'png', 'webp', 'tiff', 'gif', 'avif', 'heic', 'pdf'];
/** /proc tells processor time to 10 ms only: conversions are repeated until one measurement is about so long. */
const MEASURED_MS = 300;
const CPU: Bound = { rule: 'at most', value: 1.1 };
const BYTES: Bound = { rule: 'at most', value: 1 };

interface Cost {
  readonly cpuMs: number;
  /** Of all previews. */
  readonly bytes: number;
}

type Costs = Record<AutoRule, readonly Cost[]>;

export const autoRule: RowGroup = {
  rows: [27],
  needs: [],
  async run(_rows, options) {
    // As in a converter child.
    sharp.cache(false);
    sharp.concurrency(1);
    const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-auto-'));
    const converters = { adaptive: converterOf('adaptive'), classic: converterOf('classic') };
    try {
      const measured: Costs[] = [];
      for await (const { name, bytes } of sources()) {
        const costs = await measure(bytes, dir, converters, options);
        measured.push(costs);
        const [cpu, size] = [ratioOf(costs, 'cpuMs'), ratioOf(costs, 'bytes')];
        options.log(`  ${name}: ${cpu.toFixed(2)} of the processor time, ${size.toFixed(2)} of the bytes`);
      }
      return [
        compared('processor time', 'ms CPU', 'cpuMs', measured, CPU),
        compared('bytes of its previews', 'KiB', 'bytes', measured, BYTES),
      ];
    } finally {
      await Promise.all([converters.adaptive.close(), converters.classic.close()]);
      await rm(dir, { recursive: true, force: true });
    }
  },
};

async function* sources(): AsyncGenerator<{ readonly name: string; readonly bytes: Buffer }> {
  yield* await corpus();
  yield* sourcesByClass();
}

function converterOf(auto: AutoRule): Converter {
  return createConverter({
    auto,
    children: 1,
    sourceTypes: [...SOURCE_TYPES],
    maxSourcePixels: 268_435_456,
    maxPages: 100,
    timeoutMs: 60_000,
    memoryBudgetBytes: 2 * 1024 ** 3,
    maxQueue: 8,
    logger: createLogger({ level: 'warn' }),
    metrics: new ProcessMetrics(),
    clock: systemClock,
  });
}

async function measure(
  source: Buffer,
  dir: string,
  converters: Record<AutoRule, Converter>,
  { rounds }: RunOptions,
): Promise<Costs> {
  const sourcePath = join(dir, 'source');
  await writeFile(sourcePath, source);
  const convert = async (converter: Converter): Promise<Cost> => {
    const outputDir = mkdtempSync(join(dir, 'out-'));
    let bytes = 0;
    const cpuMs = await inProcess(async () => {
      const { previews } = await converter.convert({
        sourcePath,
        sourceBytes: source.length,
        formats,
        priority: 'medium',
        context: parseContext(''),
        outputDir,
      });
      for (const { path } of previews) bytes += (await stat(path)).size;
    });
    rmSync(outputDir, { recursive: true });
    return { cpuMs, bytes };
  };
  const repeated = async (converter: Converter, repeats: number): Promise<Cost> => {
    let [own, bytes] = [0, 0];
    const children = await inChildren(async () => {
      for (let repeat = 0; repeat < repeats; repeat++) {
        const cost = await convert(converter);
        own += cost.cpuMs;
        bytes = cost.bytes;
      }
    });
    return { cpuMs: (own + children) / repeats, bytes };
  };
  await convert(converters.classic);
  const repeats = Math.ceil(MEASURED_MS / Math.max(10, (await repeated(converters.classic, 1)).cpuMs));
  return alternate(rounds, {
    adaptive: () => repeated(converters.adaptive, repeats),
    classic: () => repeated(converters.classic, repeats),
  });
}

function ratioOf({ adaptive, classic }: Costs, of: keyof Cost): number {
  return median(adaptive.map((cost, round) => cost[of] / (classic[round]?.[of] ?? Number.NaN)));
}

function compared(
  what: string,
  unit: 'ms CPU' | 'KiB',
  of: keyof Cost,
  measured: readonly Costs[],
  mustBe: Bound,
): Comparison {
  const divisor = unit === 'KiB' ? 1024 : 1;
  const figure = (rule: AutoRule) => ({
    name: rule === 'adaptive' ? 'Proofsheet' : 'PROOFSHEET_AUTO=classic',
    value: geometricMean(measured.map((costs) => median(costs[rule].map((cost) => cost[of])))) / divisor,
    unit,
  });
  return compareRatios(
    27,
    `default sequence of ${measured.length} sources: ${what}`,
    figure('adaptive'),
    figure('classic'),
    measured.map((costs) => ratioOf(costs, of)),
    mustBe,
  );
}
