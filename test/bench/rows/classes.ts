// Row 19: processor time of the default sequence by class of source, against one pipeline per preview that makes what ours made.
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Metadata, type Sharp } from 'sharp';
import { createConverter } from '../../../src/convert/converter-pool.js';
import type { Pixels } from '../../../src/convert/opened-source.js';
import { SOURCE_HANDLING } from '../../../src/convert/sources/registry.js';
import type { PreviewType } from '../../../src/kernel/format.js';
import { parseContext } from '../../../src/kernel/image-key.js';
import type { Conversion } from '../../../src/kernel/ports/converter.js';
import { sequenceOf } from '../../../src/kernel/sequence.js';
import type { Size } from '../../../src/kernel/sizes.js';
import type { SourceType } from '../../../src/kernel/source.js';
import { systemClock } from '../../../src/telemetry/clock.js';
import { createLogger } from '../../../src/telemetry/logger.js';
import { ProcessMetrics } from '../../../src/telemetry/metrics.js';
import { DEFAULT_TARGET_FORMATS } from '../../support/default-formats.js';
import { alternate, type Comparison, compareRatios, geometricMean, median } from '../comparison.js';
import { inChildren, inProcess } from '../cpu-time.js';
import type { RowGroup, RunOptions } from '../row-group.js';
import { type ClassedSource, sourcesByClass } from '../sources-by-class.js';

const { formats } = sequenceOf(DEFAULT_TARGET_FORMATS);
const SOURCE_TYPES: readonly SourceType[] = ['jpeg', 'png', 'webp', 'tiff', 'gif', 'avif', 'heic', 'pdf'];
const LIMITS = { maxSourcePixels: 268_435_456, maxPages: 100, timeoutMs: 30_000 } as const;
/** /proc tells processor time to 10 ms only: conversions are repeated until one measurement is about so long. */
const MEASURED_MS = 300;
const IN_EACH_CLASS = { rule: 'at most', value: 0.5 } as const;
const AT_WORST = { rule: 'at most', value: 0.8 } as const;

/** What a preview of ours is coded as: a peer that coded it in a cheaper way would make another picture. */
type Coded = Pick<Metadata, 'isProgressive' | 'chromaSubsampling' | 'isPalette'>;

/** The usual settings of each type, those of the product where it has one of its own. */
const ENCODERS: Readonly<Record<PreviewType, (image: Sharp, coded: Coded) => Sharp>> = {
  jpg: (image, { isProgressive: progressive, chromaSubsampling = '4:2:0' }) =>
    image.jpeg({ quality: 75, progressive, chromaSubsampling }),
  png: (image, { isPalette: palette }) => image.png({ compressionLevel: 7, palette }),
  gif: (image) => image.gif(),
  webp: (image) => image.webp({ quality: 80 }),
  avif: (image) => image.avif({ quality: 60 }),
};

interface Measured extends Pick<ClassedSource, 'class' | 'name'> {
  /** Processor time in every round, ms. */
  readonly ours: readonly number[];
  readonly each: readonly number[];
}

export const classes: RowGroup = {
  rows: [19],
  needs: [],
  async run(_rows, options) {
    // As in a converter child.
    sharp.cache(false);
    sharp.concurrency(1);
    const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-classes-'));
    const converter = createConverter({
      children: 1,
      sourceTypes: [...SOURCE_TYPES],
      ...LIMITS,
      timeoutMs: 60_000,
      memoryBudgetBytes: 2 * 1024 ** 3,
      maxQueue: 8,
      logger: createLogger({ level: 'warn' }),
      metrics: new ProcessMetrics(),
      clock: systemClock,
    });
    try {
      const measured: Measured[] = [];
      for await (const source of sourcesByClass()) {
        const one = await measure(source, dir, converter, options);
        measured.push(one);
        const [ours, each] = [median(one.ours), median(one.each)];
        options.log(
          `  ${one.class}, ${one.name}: ${ours.toFixed(1)} of ${each.toFixed(1)} ms, ${ratioOf(one).toFixed(2)}`,
        );
      }
      return compareAll(measured);
    } finally {
      await converter.close();
      await rm(dir, { recursive: true, force: true });
    }
  },
};

async function measure(
  { bytes, ...source }: ClassedSource,
  dir: string,
  converter: ReturnType<typeof createConverter>,
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
  const convert = async (use: (made: Conversion) => Promise<void> = async () => {}): Promise<number> => {
    const outputDir = mkdtempSync(join(dir, 'out-'));
    let made: Conversion | undefined;
    const own = await inProcess(async () => {
      made = await converter.convert({ ...job, outputDir });
    });
    if (made) await use(made);
    // Not measured: a server keeps the previews, and the peer never writes its own.
    rmSync(outputDir, { recursive: true });
    return own;
  };
  const ours = async (repeats: number): Promise<number> => {
    let own = 0;
    const children = await inChildren(async () => {
      for (let repeat = 0; repeat < repeats; repeat++) own += await convert();
    });
    return (own + children) / repeats;
  };
  let pipelines: readonly (() => Promise<Buffer>)[] = [];
  await convert(async (made) => {
    pipelines = await pipelinesFor(bytes, made);
  });
  const repeats = Math.ceil(MEASURED_MS / Math.max(10, await ours(1)));
  const each = async (): Promise<void> => {
    for (const pipeline of pipelines) await pipeline();
  };
  const results = await alternate(rounds, {
    ours: () => ours(repeats),
    // As often as ours, so that a disturbance weighs as much in both.
    each: async () =>
      (await inProcess(async () => {
        for (let repeat = 0; repeat < repeats; repeat++) await each();
      })) / repeats,
  });
  return { ...source, ...results };
}

/** One for every format: a client that asks for all of them does not know which come to the same picture. */
async function pipelinesFor(bytes: Buffer, { info, previews }: Conversion): Promise<(() => Promise<Buffer>)[]> {
  const open = await decodes(bytes, info.type);
  const pipelines: (() => Promise<Buffer>)[] = [];
  for (const { type, widthPx, heightPx, path, formats: answered } of previews) {
    const coded = await sharp(await readFile(path)).metadata();
    const animated = (coded.pages ?? 1) > 1;
    for (const _format of answered) {
      pipelines.push(async () => {
        const image = await open({ widthPx, heightPx }, animated);
        return ENCODERS[type](image.resize(widthPx, heightPx, { fit: 'fill' }), coded).toBuffer();
      });
    }
  }
  return pipelines;
}

type Open = (size: Size, animated: boolean) => Promise<Sharp>;

/** Types that sharp does not read are decoded by the product's decoder, once for every preview. */
async function decodes(bytes: Buffer, type: SourceType): Promise<Open> {
  const { open } = SOURCE_HANDLING[type];
  if (open === undefined) return async (_size, animated) => sharp(bytes, { animated });
  return async (size) => {
    const opened = await open(bytes, LIMITS, 1);
    if (opened.kind === 'embedded') return sharp(opened.bytes);
    return rawOf(await opened.decode(opened.drawn ? size : opened.size));
  };
}

function rawOf({ samples, channels, widthPx: width, heightPx: height }: Pixels): Sharp {
  if (channels < 1 || channels > 4) throw new Error(`expected 1 to 4 channels, got ${channels}`);
  return sharp(samples, { raw: { width, height, channels: channels as 1 | 2 | 3 | 4 } });
}

function ratioOf({ ours, each }: Measured): number {
  return median(ours.map((ms, round) => ms / (each[round] ?? Number.NaN)));
}

function compareAll(measured: readonly Measured[]): Comparison[] {
  const row = 19;
  const figure = (name: string, of: readonly Measured[], contender: 'ours' | 'each') => ({
    name,
    value: geometricMean(of.map((one) => median(one[contender]))),
    unit: 'ms CPU' as const,
  });
  const compared = (what: string, of: readonly Measured[], bound: typeof IN_EACH_CLASS | typeof AT_WORST): Comparison =>
    compareRatios(
      row,
      what,
      figure('Proofsheet', of, 'ours'),
      figure('a sharp pipeline each', of, 'each'),
      of.map(ratioOf),
      bound,
    );
  const names = [...new Set(measured.map((one) => one.class))];
  const [worst] = measured.toSorted((a, b) => ratioOf(b) - ratioOf(a));
  return [
    ...names.map((name) => {
      const of = measured.filter((one) => one.class === name);
      return compared(`default sequence: ${of.length} ${name}, geometric mean`, of, IN_EACH_CLASS);
    }),
    ...(worst
      ? [compared(`the worst of all ${measured.length}: ${worst.class}, ${worst.name}`, [worst], AT_WORST)]
      : []),
  ];
}
