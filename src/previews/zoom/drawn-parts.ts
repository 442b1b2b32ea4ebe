// Pictures that are drawn of tiles or previews for whoever zooms: each once for all who ask at the same time, a bounded number at once.
// What lasts is kept near, and with the pictures on demand where there is a place for those.
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestOf } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import { shareOf } from '../../kernel/fair-share.js';
import type { Context } from '../../kernel/image-key.js';
import type { Converter, RegionTask } from '../../kernel/ports/converter.js';
import type { Preview } from '../../kernel/source.js';
import type { BackgroundWork } from '../background-work.js';
import type { BlobTiers } from '../blob-tiers.js';
import type { DerivativeShelf } from '../derivative-shelf.js';
import { removeScratch } from '../scratch.js';
import { Recent } from './recent.js';

/** Facts of pictures that were drawn: some hundred bytes each. */
const MAX_KNOWN = 10_000;
/**
 * Drawn at once: each holds its tiles, some ten to seventy megabytes, and those who ask need no leave. One context may have nine of them and
 * one client of it six, which are the connections that a browser has to a server.
 */
const MAX_DRAWING = 12;
/** Tiles that are handed to a converter as bytes: a file would take longer. */
const MAX_SENT_BYTES = 1024 * 1024;
const RETRY_SECONDS = 1;

/** What is told of a drawn picture without its bytes. */
export type Drawn = Pick<Preview, 'type' | 'widthPx' | 'heightPx' | 'bytes' | 'digest'>;

export interface DrawnPart {
  readonly drawn: Drawn;
  /** Absent where they are in memory, or were. */
  readonly bytes?: Buffer;
  /** Where they were found; absent where they were drawn now. */
  readonly from?: 'disk';
}

/** A picture of a source: what it is called, and what it is drawn of. */
export interface Wanted {
  readonly source: Digest;
  readonly name: string;
  readonly context: Context;
  /** Who asks, where that is told. */
  readonly client?: string | undefined;
  /** Stands in for something better: forgotten when nobody waits for it any more. */
  readonly isPassing: boolean;
  prepare(): Promise<{ readonly task: RegionTask; readonly bytes: Buffer }>;
}

export interface DrawnPartsDeps {
  readonly blobs: Pick<BlobTiers, 'keepInMemory'>;
  readonly converter: Converter;
  /** Absent where nothing is kept but in memory. */
  readonly shelf?: Pick<DerivativeShelf, 'find' | 'keep'>;
  /** Keeps what nobody waits for any more. */
  readonly background: Pick<BackgroundWork, 'run'>;
  /** Of temporary files. */
  readonly tmpDir: string;
}

/** One that is being drawn, and for whom it was begun. */
interface Drawing extends Pick<Wanted, 'context' | 'client'> {
  readonly flight: Promise<DrawnPart>;
}

export class DrawnParts {
  private readonly known = new Recent<string, Drawn>(MAX_KNOWN);
  /** `MAX_DRAWING` at most. */
  private readonly drawing = new Map<string, Drawing>();

  constructor(private readonly deps: DrawnPartsDeps) {}

  /** Throws `overloaded` where too many are being drawn, of all or of who asks, and what converting does. */
  async of(wanted: Wanted): Promise<DrawnPart> {
    const key = keyOf(wanted);
    const known = this.known.get(key);
    if (known) return { drawn: known };
    return this.drawing.get(key)?.flight ?? this.begin(key, wanted);
  }

  /** Its bytes are lost. */
  forget(wanted: Pick<Wanted, 'source' | 'name'>): void {
    this.known.delete(keyOf(wanted));
  }

  private begin(key: string, wanted: Wanted): Promise<DrawnPart> {
    if (!this.hasPlaceFor(wanted))
      throw new ProofsheetError('overloaded', 'too many regions are being drawn; please try again', {
        retryAfterSeconds: RETRY_SECONDS,
      });
    const flight = this.found(wanted).finally(() => this.drawing.delete(key));
    this.drawing.set(key, { flight, context: wanted.context, client: wanted.client });
    return flight;
  }

  /** Neither one context nor one client of it has all places, however many it asks for. */
  private hasPlaceFor({ context, client }: Pick<Wanted, 'context' | 'client'>): boolean {
    const all = [...this.drawing.values()];
    const ofContext = all.filter((each) => each.context === context);
    const contextMay = shareOf(MAX_DRAWING, all.length - ofContext.length);
    if (all.length >= MAX_DRAWING || ofContext.length >= contextMay) return false;
    if (client === undefined) return true;
    const ofOthers = ofContext.filter((each) => each.client !== client);
    const ofClient = all.filter((each) => each.client === client);
    return ofClient.length < shareOf(contextMay, ofOthers.length);
  }

  private async found(wanted: Wanted): Promise<DrawnPart> {
    if (wanted.isPassing) return this.drawn(wanted);
    const kept = await this.deps.shelf?.find(wanted.source, shelfName(wanted));
    const part = kept ? { drawn: kept.picture, bytes: kept.bytes, from: 'disk' as const } : await this.drawn(wanted);
    if (part.bytes) this.deps.blobs.keepInMemory(part.drawn.digest, part.bytes);
    this.known.set(keyOf(wanted), part.drawn);
    return part;
  }

  private async drawn(wanted: Wanted): Promise<DrawnPart> {
    const { converter, tmpDir } = this.deps;
    const { task, bytes: bundle } = await wanted.prepare();
    const dir = join(tmpDir, `region-${randomUUID()}`);
    const isSent = bundle.length <= MAX_SENT_BYTES;
    let hasFiles = true;
    try {
      const sourcePath = isSent ? '' : join(dir, 'tiles');
      if (!isSent) {
        await mkdir(dir);
        await writeFile(sourcePath, bundle);
      }
      const { previews } = await converter.convert({
        sourcePath,
        ...(isSent && { content: bundle }),
        sourceBytes: bundle.length,
        formats: [],
        zoom: task,
        priority: 'instant',
        context: wanted.context,
        outputDir: dir,
      });
      const [made] = previews;
      if (made === undefined) throw new ProofsheetError('internal', 'a region was drawn and is not there');
      const { type, widthPx, heightPx, bytes, digest } = made;
      const drawn = { type, widthPx, heightPx, bytes, digest };
      const drawnBytes = made.content ?? (await readFile(made.path));
      hasFiles = !isSent || made.content === undefined;
      if (!wanted.isPassing) this.keep(wanted, drawn, drawnBytes);
      return { drawn, bytes: drawnBytes };
    } finally {
      if (hasFiles) await removeScratch(dir);
    }
  }

  /** Whoever asked does not wait for the disk: what is lost on the way there is drawn again. */
  private keep(wanted: Wanted, drawn: Drawn, bytes: Buffer): void {
    const { shelf, background } = this.deps;
    if (shelf) background.run('keep a region', () => shelf.keep(wanted.source, shelfName(wanted), drawn, bytes));
  }
}

function keyOf({ source, name }: Pick<Wanted, 'source' | 'name'>): string {
  return `${source}/${name}`;
}

/** No recipe has such a text. */
function shelfName({ name }: Wanted): Digest {
  return digestOf(Buffer.from(`region 3\n${name}`));
}
