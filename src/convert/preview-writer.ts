// Encodes previews and writes each to a new file, told when it is complete; small ones are handed on as bytes where that is wished.
import { closeSync, fsync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { digestOf } from '../kernel/digest.js';
import type { PreviewType } from '../kernel/format.js';
import type { MadePreview } from '../kernel/ports/converter.js';
import type { PlannedPreview } from '../kernel/sequence.js';
import type { SourceInfo } from '../kernel/source.js';
import { type EncodingRules, encode } from './encode.js';
import { MAX_CONTENT_BYTES } from './protocol.js';
import type { Edges, Raster } from './raster.js';

/** Where previews go, and how. */
export interface Output {
  readonly dir: string;
  /** Those that a message has room for need no file; `dir` may have to be made for the others. */
  readonly asBytes: boolean;
  /** They have to be on the disk, not only with the kernel, before anybody is told of them. */
  readonly flush: boolean;
  /** Number of the first file. */
  readonly first: number;
  readonly rules: EncodingRules;
  readonly tally: { encoded(type: PreviewType): void };
}

interface Written {
  readonly preview: MadePreview;
  /** Settles when the file is complete: the next preview is made meanwhile. */
  readonly written: Promise<void>;
}

export class PreviewWriter {
  constructor(
    private readonly output: Output,
    private readonly info: SourceInfo,
  ) {}

  /** Makes `planned` from `raster`; `index`, counted from 0, names its file, and is used once. */
  async make(raster: Raster, edges: Edges, planned: PlannedPreview, index: number): Promise<Written> {
    const { dir, asBytes, flush, tally, first, rules } = this.output;
    const { type, bytes } = await encode(raster, planned, this.info, edges, rules);
    tally.encoded(type);
    const made = {
      formats: planned.formats.map((format) => format.text),
      type,
      ...planned.geometry.size,
      bytes: bytes.length,
      digest: digestOf(bytes),
    };
    if (asBytes && bytes.length <= MAX_CONTENT_BYTES)
      return { preview: { ...made, path: '', content: bytes }, written: Promise.resolve() };
    if (asBytes) mkdirSync(dir, { recursive: true });
    const path = join(dir, `${first + index}.${type}`);
    const written = writeNew(path, bytes, flush);
    written.catch(() => undefined); // Awaited by whoever needs the file.
    return { preview: { ...made, path }, written };
  }
}

/** At once, since a child has nothing else to do; but for the disk, where that has to be waited for, in the background. */
async function writeNew(path: string, bytes: Buffer, flush: boolean): Promise<void> {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(file, bytes);
    if (flush) await fsyncInBackground(file);
  } finally {
    closeSync(file);
  }
}

const fsyncInBackground = promisify(fsync);
