// A real converter pool with its children, for tests: sources go in as bytes, previews come out as bytes.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConverterOptions } from '../../src/convert/converter-options.js';
import { type ConverterPool, createConverter } from '../../src/convert/converter-pool.js';
import { parseFormat } from '../../src/kernel/format.js';
import { parseContext } from '../../src/kernel/image-key.js';
import type { Conversion, Drawing, Joined, MadePreview, Priority, ZoomTask } from '../../src/kernel/ports/converter.js';
import { parseRecipe } from '../../src/kernel/recipe/recipe-text.js';
import { systemClock } from '../../src/telemetry/clock.js';
import { FakeLogger } from './fake-logger.js';
import { FakeMetrics } from './fake-metrics.js';
import { type TempDir, tempDir } from './temp-dir.js';

const NO_LIMITS = { maxSidePx: 65_000, maxPixels: 1e9 };

export interface ConvertOptions {
  readonly wanted?: string;
  /** Formats whose previews are there already. */
  readonly made?: readonly string[];
  readonly priority?: Priority;
  readonly context?: string;
  readonly joined?: Joined;
  readonly signal?: AbortSignal;
  readonly onWanted?: (preview: MadePreview) => void;
}

export class Converting {
  readonly logger = new FakeLogger();
  readonly metrics = new FakeMetrics();
  readonly pool: ConverterPool;
  private sources = 0;

  private constructor(
    readonly dir: TempDir,
    options: Partial<ConverterOptions>,
  ) {
    this.pool = createConverter({
      children: 1,
      sourceTypes: ['jpeg', 'png', 'gif', 'webp', 'tiff', 'avif'],
      maxSourcePixels: 100_000_000,
      maxPages: 100,
      timeoutMs: 20_000,
      memoryBudgetBytes: 1024 * 1024 * 1024,
      maxQueue: 100,
      logger: this.logger,
      metrics: this.metrics,
      clock: systemClock,
      ...options,
    });
  }

  /** Starts the children; whoever starts closes. */
  static async start(options: Partial<ConverterOptions> = {}): Promise<Converting> {
    const dir = await tempDir();
    await mkdir(join(dir.path, 'out'));
    return new Converting(dir, options);
  }

  /** The directory that jobs write their previews under. */
  get outputDir(): string {
    return join(this.dir.path, 'out');
  }

  /** What `zoom` makes of a source. */
  async zoomed(source: Buffer, zoom: ZoomTask, signal?: AbortSignal): Promise<MadePreview> {
    const sourcePath = join(this.dir.path, `source-${++this.sources}`);
    await writeFile(sourcePath, source);
    const job = { sourcePath, sourceBytes: source.length, formats: [], zoom, outputDir: this.outputDir };
    const place = { priority: 'medium', context: parseContext(undefined) } as const;
    const { previews } = await this.pool.convert({ ...job, ...place }, undefined, signal);
    const [made] = previews;
    if (made === undefined || previews.length > 1) throw new Error('expected one result');
    return made;
  }

  async convert(source: Buffer, formats: readonly string[], options: ConvertOptions = {}): Promise<Conversion> {
    const sourcePath = join(this.dir.path, `source-${++this.sources}`);
    await writeFile(sourcePath, source);
    return this.pool.convert(
      {
        sourcePath,
        sourceBytes: source.length,
        formats: formats.map(parseFormat),
        ...(options.made && { made: options.made }),
        ...(options.wanted === undefined ? {} : { wanted: parseFormat(options.wanted) }),
        priority: options.priority ?? 'medium',
        context: parseContext(options.context),
        ...(options.joined && { joined: options.joined }),
        outputDir: this.outputDir,
      },
      (_info, _metadata, preview) => options.onWanted?.(preview),
      options.signal,
    );
  }

  /** The bytes of the one preview that `format` makes of `source`. */
  async preview(source: Buffer, format: string): Promise<Buffer> {
    const { previews } = await this.convert(source, [format]);
    const [only] = previews;
    if (only === undefined || previews.length !== 1) throw new Error(`expected one preview, got ${previews.length}`);
    return readFile(only.path);
  }

  /** What a recipe makes of `source`: the bytes, and what is told of them. */
  async draw(source: Buffer, recipe: string, fuses = true): Promise<{ preview: MadePreview; bytes: Buffer }> {
    const { previews } = await this.drawing(source, { recipe: parseRecipe(recipe), limits: NO_LIMITS, fuses });
    const [preview] = previews;
    if (preview === undefined || previews.length !== 1) throw new Error(`expected one picture, got ${previews.length}`);
    return { preview, bytes: preview.content ?? (await readFile(preview.path)) };
  }

  async drawing(source: Buffer, drawing: Drawing): Promise<Conversion> {
    const sourcePath = join(this.dir.path, `source-${++this.sources}`);
    await writeFile(sourcePath, source);
    return this.pool.convert({
      sourcePath,
      sourceBytes: source.length,
      formats: [],
      drawing,
      priority: 'instant',
      context: parseContext(undefined),
      outputDir: this.outputDir,
    });
  }

  /** Conversions that wait for a converter. */
  queueDepth(): number {
    return this.pool.waiting;
  }

  /** Directories of conversions that have not been cleaned up. */
  leftovers(): Promise<string[]> {
    return readdir(this.outputDir);
  }

  async close(): Promise<void> {
    await this.pool.close();
    await this.dir.remove();
  }
}
