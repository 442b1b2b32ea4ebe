// `proofsheet tiles FILE --out DIR|FILE.szi`: the pyramid of a picture without a server, as files that any web server serves, or as one
// archive of them. The limits are those of this configuration.
import { mkdir, mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { print } from '../cli/output.js';
import { Progress } from '../cli/progress.js';
import { CommandFailure, EXIT, UsageError } from '../cli/usage.js';
import { pyramidConverterOf } from '../compose-zoom.js';
import { loadConfig } from '../config/load-config.js';
import { ProofsheetError } from '../kernel/errors.js';
import { DEFAULT_CONTEXT } from '../kernel/image-key.js';
import type { Converter, MadePreview, PageFacts } from '../kernel/ports/converter.js';
import { type TileType, tileCountOf } from '../kernel/zoom/pyramid.js';
import { systemClock } from '../telemetry/clock.js';
import { createLogger } from '../telemetry/logger.js';
import { ProcessMetrics } from '../telemetry/metrics.js';
import { GrowingArchive, tileFilesOf, writeArchive, writeFolder } from './tiles-output.js';

export interface TilesOptions {
  readonly file: string;
  /** A folder that there is not yet, or a file that ends in .szi. */
  readonly out: string;
  /** From 1. */
  readonly page: number;
  readonly isJson: boolean;
}

/** How often the growing archive is looked at. */
const LOOK_EVERY_MS = 250;
/** Of the way, what making takes; the rest is writing. */
const MAKING_SHARE = 0.9;

/** Resolves with the exit code; throws `CommandFailure`. Leaves nothing where it fails. */
export async function tilesCommand({ file, out, page, isJson }: TilesOptions): Promise<number> {
  const config = loadConfig();
  const bytes = await sizeOf(file);
  if (bytes === undefined) throw new CommandFailure(EXIT.noInput, `expected a file that can be read, got ${file}`);
  if ((await sizeOf(out)) !== undefined)
    throw new UsageError(`--out takes a name that is free, and ${out} is there already`);
  const telling = { logger: createLogger({ level: 'silent' }), clock: systemClock, metrics: new ProcessMetrics() };
  const converter = pyramidConverterOf(config, telling);
  // Beside it, so that it can be moved into its place in one step.
  await mkdir(dirname(resolve(out)), { recursive: true });
  const scratch = await mkdtemp(join(dirname(resolve(out)), '.tiles-'));
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const given = { path: resolve(file), bytes, scratch, signal: interrupted.signal };
    const facts = await pageOf(converter, given, page);
    const type: TileType = facts.hasAlpha ? 'png' : 'jpg';
    const progress = new Progress(process.stderr, tileCountOf(facts));
    const made = await make(converter, given, { page, type, facts }, progress);
    await write(made, { ...given, facts, type, out: resolve(out), name: nameOf(file, page) }, progress);
    progress.end();
    const { widthPx, heightPx } = facts;
    const tiles = tileCountOf(facts);
    print(isJson, { out, widthPx, heightPx, tiles, type }, [
      `${out}: ${widthPx}x${heightPx}, ${tiles} tiles of type ${type}`,
    ]);
    return 0;
  } catch (error) {
    if (interrupted.signal.aborted) throw new CommandFailure(EXIT.interrupted, 'interrupted; nothing was written');
    if (error instanceof ProofsheetError) throw new CommandFailure(EXIT.incomplete, `${file}: ${error.message}`);
    throw error;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await converter.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Given {
  readonly path: string;
  readonly bytes: number;
  readonly scratch: string;
  readonly signal: AbortSignal;
}

async function pageOf(converter: Converter, { path, bytes, scratch, signal }: Given, page: number): Promise<PageFacts> {
  const zoom = { kind: 'pages' } as const;
  const job = { sourcePath: path, sourceBytes: bytes, formats: [], zoom, outputDir: scratch } as const;
  const { pages = [] } = await converter.convert({ ...job, ...PLACE }, undefined, signal);
  const facts = pages[page - 1];
  if (facts === undefined) throw new UsageError(`--page takes a page of the file, which has ${pages.length}`);
  return facts;
}

async function make(
  converter: Converter,
  { path, bytes, scratch, signal }: Given,
  { page, type, facts }: { readonly page: number; readonly type: TileType; readonly facts: PageFacts },
  progress: Progress,
): Promise<MadePreview> {
  const { widthPx, heightPx } = facts;
  const zoom = { kind: 'pyramid', type, page, size: { widthPx, heightPx } } as const;
  const job = { sourcePath: path, sourceBytes: bytes, formats: [], zoom, outputDir: scratch } as const;
  const archive = new GrowingArchive(scratch);
  let isLooking = false;
  const watching = setInterval(async () => {
    if (isLooking) return;
    isLooking = true;
    const made = await archive.count().catch(() => 0);
    isLooking = false;
    progress.update(Math.floor(Math.min(made, tileCountOf(facts)) * MAKING_SHARE), 'making');
  }, LOOK_EVERY_MS);
  try {
    const { previews } = await converter.convert({ ...job, ...PLACE }, undefined, signal);
    const [made] = previews;
    if (made?.indexDigest === undefined) throw new Error('expected a pyramid from the converter, got none');
    return made;
  } finally {
    clearInterval(watching);
  }
}

interface Writing extends Given {
  readonly facts: PageFacts;
  readonly type: TileType;
  readonly out: string;
  /** Of the picture. */
  readonly name: string;
}

async function write(made: MadePreview, to: Writing, progress: Progress): Promise<void> {
  const { facts, type, out, name, scratch, signal } = to;
  const { digest, bytes, indexDigest } = made;
  if (indexDigest === undefined) throw new Error('expected a pyramid with an index');
  const pyramid = await open(made.path);
  try {
    const files = await tileFilesOf(pyramid, { digest, bytes, indexDigest, type }, facts, type, name);
    let done = 0;
    const onFile = (): void => {
      signal.throwIfAborted();
      const making = files.length * MAKING_SHARE;
      progress.update(Math.floor(making + ++done * (1 - MAKING_SHARE)), 'writing');
    };
    const whole = join(scratch, 'whole');
    await (isArchive(out) ? writeArchive(files, whole, name, onFile) : writeFolder(files, whole, onFile));
    await rename(whole, out);
  } finally {
    await pyramid.close();
  }
}

const PLACE = { priority: 'instant', context: DEFAULT_CONTEXT } as const;

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}

/** What viewers find the tiles by: the file's own name, without what its type is called. */
function nameOf(file: string, page: number): string {
  const name = basename(file, extname(file)).replace(/[^\p{L}\p{N}._-]+/gu, '-');
  return `${name === '' ? 'picture' : name}${page === 1 ? '' : `-${page}`}`;
}

function isArchive(out: string): boolean {
  return /\.(?:szi|zip)$/i.test(out);
}
