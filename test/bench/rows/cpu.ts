// Rows 7 and 8: processor time of the default sequence, against its floor, one pipeline per preview, and ipx.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { createConverter } from '../../../src/convert/converter-pool.js';
import type { PreviewType } from '../../../src/kernel/format.js';
import { parseContext } from '../../../src/kernel/image-key.js';
import type { Conversion } from '../../../src/kernel/ports/converter.js';
import { type PlannedPreview, planSequence, sequenceOf } from '../../../src/kernel/sequence.js';
import { areaOf, type Size } from '../../../src/kernel/sizes.js';
import { systemClock } from '../../../src/telemetry/clock.js';
import { createLogger } from '../../../src/telemetry/logger.js';
import { ProcessMetrics } from '../../../src/telemetry/metrics.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { image, photo } from '../../support/images.js';
import { startModule } from '../../support/processes.js';
import { alternate, type Comparison, compareRatios, type Figure, geometricMean, median } from '../comparison.js';
import { type CorpusPicture, corpus } from '../corpus.js';
import { inChildren, inProcess } from '../cpu-time.js';
import type { RowGroup, RunOptions } from '../row-group.js';

const { formats } = sequenceOf(DEFAULT_TARGET_FORMATS);
/** /proc tells processor time to 10 ms only: conversions are repeated until one measurement is about so long. */
const MEASURED_MS = 400;
const WARM_CONVERSIONS = 100;

/** Like the product's own, so that no encoder setting makes the difference. */
const ENCODERS: Partial<Record<PreviewType, (image: Sharp) => Sharp>> = {
  jpg: (image) => image.jpeg({ quality: 75 }),
  png: (image) => image.png({ compressionLevel: 7, palette: false }),
};

export const cpu: RowGroup = {
  rows: [7, 8],
  needs: ['ipx'],
  async run(rows, options) {
    // As in a converter child.
    sharp.cache(false);
    sharp.concurrency(1);
    const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-cpu-'));
    const converter = createConverter({
      children: 1,
      sourceTypes: ['jpeg', 'png', 'webp', 'tiff'],
      maxSourcePixels: 268_435_456,
      maxPages: 100,
      timeoutMs: 60_000,
      memoryBudgetBytes: 2 * 1024 ** 3,
      maxQueue: 8,
      logger: createLogger({ level: 'warn' }),
      metrics: new ProcessMetrics(),
      clock: systemClock,
    });
    const ipx = startModule(new URL('../peers/ipx.mjs', import.meta.url).pathname, [], { execArgv: [] });
    try {
      await once(ipx, 'message');
      await warmUp(dir, converter);
      const measured: Measured[] = [];
      for (const picture of await corpus()) {
        measured.push(await measure(picture, dir, converter, ipx, options));
        options.log(`  ${describe(measured.at(-1))}`);
      }
      return compareAll(measured).filter(({ row }) => rows.includes(row));
    } finally {
      ipx.kill();
      await converter.close();
      await rm(dir, { recursive: true, force: true });
    }
  },
};

/** Converters that have worked for a while: their own code is compiled, and their memory is in use. */
async function warmUp(dir: string, converter: ReturnType<typeof createConverter>): Promise<void> {
  const sourcePath = join(dir, 'warm');
  const bytes = await image(await photo(640, 480))
    .jpeg()
    .toBuffer();
  await writeFile(sourcePath, bytes);
  for (let time = 0; time < WARM_CONVERSIONS; time++) {
    const outputDir = mkdtempSync(join(dir, 'out-'));
    const job = { sourcePath, sourceBytes: bytes.length, formats, priority: 'medium', outputDir } as const;
    await converter.convert({ ...job, context: parseContext('') });
    rmSync(outputDir, { recursive: true });
  }
}

const CONTENDERS = ['ours', 'floor', 'each', 'ipx'] as const;
/** Processor time of each contender in every round, ms. */
type Measured = { readonly name: string } & Readonly<Record<(typeof CONTENDERS)[number], readonly number[]>>;

async function measure(
  { name, bytes, alphaUsed }: CorpusPicture,
  dir: string,
  converter: ReturnType<typeof createConverter>,
  ipx: ChildProcess,
  { rounds }: RunOptions,
): Promise<Measured> {
  const sourcePath = join(dir, 'source');
  await writeFile(sourcePath, bytes);
  const job = {
    sourcePath,
    sourceBytes: bytes.length,
    formats,
    priority: 'medium',
    context: parseContext(''),
  } as const;
  const ours = async (repeats: number): Promise<{ readonly ms: number; readonly last: Conversion | undefined }> => {
    let own = 0;
    let last: Conversion | undefined;
    const children = await inChildren(async () => {
      for (let repeat = 0; repeat < repeats; repeat++) {
        const outputDir = mkdtempSync(join(dir, 'out-'));
        own += await inProcess(async () => {
          last = await converter.convert({ ...job, outputDir });
        });
        // Not measured: a server keeps the previews, and the peers never write theirs.
        rmSync(outputDir, { recursive: true });
      }
    });
    return { ms: (own + children) / repeats, last };
  };
  const first = await ours(1);
  if (first.last === undefined) throw new Error(`expected a conversion of ${name}, got none`);
  const { info } = first.last;
  const repeats = Math.ceil(MEASURED_MS / Math.max(10, (await ours(1)).ms));
  const plan = planSequence(info, alphaUsed, formats);
  const floor = await floorOf(bytes, plan);
  const requests = formats.map((format) => ipxRequest(format, alphaUsed));
  const results = await alternate(rounds, {
    ours: async () => (await ours(repeats)).ms,
    // As often as ours, so that a disturbance weighs as much in both.
    floor: async () => (await inProcess(() => repeated(floor, repeats))) / repeats,
    each: () => inProcess(() => pipelines(bytes, plan, info.orientation)),
    ipx: () => askIpx(ipx, dir, requests),
  });
  return { name, ...results };
}

/** The largest scaled picture of a plan by area: the raster that the whole sequence can be made from. */
function largestRaster(plan: readonly PlannedPreview[]): Size {
  return plan
    .map(({ geometry }) => geometry.scaled)
    .reduce((most, size) => (areaOf(size) > areaOf(most) ? size : most));
}

/** One decode to the largest raster needed, and every preview encoded from a raster that is ready in its size. */
async function floorOf(bytes: Buffer, plan: readonly PlannedPreview[]): Promise<() => Promise<void>> {
  const ready = await Promise.all(
    plan.map(async (planned) => ({
      planned,
      raster: await scaled(bytes, planned.geometry.scaled).raw().toBuffer({ resolveWithObject: true }),
    })),
  );
  return async () => {
    await scaled(bytes, largestRaster(plan)).raw().toBuffer();
    for (const { planned, raster } of ready) {
      const { width, height, channels } = raster.info;
      await encoded(sharp(raster.data, { raw: { width, height, channels } }), planned);
    }
  };
}

async function pipelines(bytes: Buffer, plan: readonly PlannedPreview[], orientation: number): Promise<void> {
  if (orientation !== 1) throw new Error('expected a corpus of upright pictures');
  for (const planned of plan) {
    // A client that asks for every format of the sequence does not know which of them come to the same picture.
    for (const _format of planned.formats) await encoded(scaled(bytes, planned.geometry.scaled), planned);
  }
}

function scaled(bytes: Buffer, size: { readonly widthPx: number; readonly heightPx: number }): Sharp {
  return sharp(bytes).resize(size.widthPx, size.heightPx, { fit: 'fill' });
}

function encoded(image: Sharp, { type }: PlannedPreview): Promise<Buffer> {
  const encoder = ENCODERS[type];
  if (encoder === undefined) throw new Error(`expected previews of ${Object.keys(ENCODERS)}, got ${type}`);
  return encoder(image).toBuffer();
}

function ipxRequest(format: (typeof formats)[number], alphaUsed: boolean): Readonly<Record<string, string>> {
  return {
    resize: `${format.widthPx}x${format.heightPx}`,
    fit: format.scaleType === 'cover' ? 'outside' : 'inside',
    // A quality makes sharp reduce a PNG to a palette, which takes it seconds and which nobody asked for.
    ...(alphaUsed ? { format: 'png' } : { format: 'jpeg', quality: '75' }),
  };
}

async function askIpx(ipx: ChildProcess, dir: string, requests: readonly object[]): Promise<number> {
  const answered = once(ipx, 'message') as Promise<[{ readonly cpuMs: number }]>;
  ipx.send({ dir, id: 'source', requests });
  return (await answered)[0].cpuMs;
}

async function repeated(work: () => Promise<unknown>, times: number): Promise<void> {
  for (let time = 0; time < times; time++) await work();
}

function compareAll(measured: readonly Measured[]): Comparison[] {
  const ratios = (peer: 'floor' | 'each' | 'ipx'): number[] =>
    measured.map((picture) => median(picture.ours.map((ms, round) => ms / (picture[peer][round] ?? Number.NaN))));
  const figure = (name: string, contender: (typeof CONTENDERS)[number]): Figure => ({
    name,
    value: geometricMean(measured.map((picture) => median(picture[contender]))),
    unit: 'ms CPU',
  });
  const what = `default sequence of ${measured.length} sources, geometric mean`;
  const ours = figure('Proofsheet', 'ours');
  const atMost = (value: number) => ({ rule: 'at most', value }) as const;
  return [
    compareRatios(7, what, ours, figure('one decode + encodes', 'floor'), ratios('floor'), atMost(1.12)),
    compareRatios(8, what, ours, figure('a sharp pipeline each', 'each'), ratios('each'), atMost(0.38)),
    compareRatios(8, what, ours, figure('ipx, five requests', 'ipx'), ratios('ipx'), atMost(0.3)),
  ];
}

function describe(measured: Measured | undefined): string {
  if (measured === undefined) return '';
  return `${measured.name}: ${CONTENDERS.map((name) => `${name} ${median(measured[name]).toFixed(0)} ms`).join(', ')}`;
}
