// The use cases in memory, for tests of the HTTP edge: real small previews by sharp, no catalog, no tiers, and a switch
// for every way to fail.

import { readFile, rm } from 'node:fs/promises';
import sharp from 'sharp';
import { bestPreview } from '../../src/kernel/best-match.js';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import { ProofsheetError } from '../../src/kernel/errors.js';
import type { Format } from '../../src/kernel/format.js';
import type { Context, GroupRef, ImageKey } from '../../src/kernel/image-key.js';
import type { Selection } from '../../src/kernel/ports/catalog.js';
import { planSequence, sequenceOf } from '../../src/kernel/sequence.js';
import {
  type CatalogEntry,
  type Preview,
  SOURCE_TYPES,
  type SourceInfo,
  type SourceRecord,
} from '../../src/kernel/source.js';
import type { GroupMetadata, PreviewBytes, PreviewChoice, Previews, Upload } from '../../src/previews/answers.js';
import { groupMetadata } from '../../src/previews/group-metadata.js';
import { DEFAULT_TARGET_FORMATS } from './default-formats.js';
import type { FakeClock } from './fake-clock.js';
import { Gate } from './gate.js';
import { sourceInfo } from './records.js';

const SEQUENCE = sequenceOf(DEFAULT_TARGET_FORMATS);
const BATCH = 2;

export class FakePreviews implements Previews {
  readonly calls: string[] = [];
  /** Thrown by the next call of any use case, once. */
  failNext: Error | undefined;
  /** Makes `cache` and `cacheAndChoose` wait. */
  readonly making = new Gate();
  /** Conversions done. */
  conversions = 0;
  /** Key batches handed out, and whether the iteration was ended by whoever asked. */
  batchesGiven = 0;
  iterationsEnded = 0;
  /** Where `read` says it found the bytes. */
  from: PreviewBytes['from'] = 'memory';
  private readonly groups = new Map<string, CatalogEntry>();
  private readonly blobs = new Map<string, Buffer>();

  constructor(private readonly clock: FakeClock) {}

  async choose(ref: GroupRef, request: Format): Promise<PreviewChoice> {
    this.called('choose');
    return this.choiceOf(this.entryOf(ref), request);
  }

  async atHand(ref: GroupRef, request: Format): Promise<PreviewChoice | undefined> {
    return (await this.has(ref)) ? this.choose(ref, request) : undefined;
  }

  async availableNow(ref: GroupRef, request: Format) {
    this.called('availableNow');
    return { choice: this.choiceOf(this.entryOf(ref), request), isFinal: true };
  }

  async read(choice: PreviewChoice): Promise<PreviewBytes> {
    this.called('read');
    const bytes = this.blobs.get(choice.preview.digest);
    if (bytes === undefined) throw new Error('expected bytes for every preview');
    return { bytes, from: this.from, choice };
  }

  /** What is cached under `ref`; counts as a call. */
  entry(ref: GroupRef): CatalogEntry {
    this.called('entry');
    return this.entryOf(ref);
  }

  /** Keeps bytes that were made elsewhere. */
  keep(bytes: Buffer): Digest {
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return digest;
  }

  /** For prepared answers, as a catalog tells it. */
  revisionOf(ref: GroupRef): string | undefined {
    return this.groups.get(idOf(ref))?.group.revision;
  }

  /** For prepared answers, as the memory tier tells it. */
  bytesOf(digest: Digest): Buffer | undefined {
    return this.blobs.get(digest);
  }

  async has(ref: GroupRef): Promise<boolean> {
    this.called('has');
    return this.groups.has(idOf(ref));
  }

  async cacheAndChoose(ref: GroupRef, request: Format, upload: Upload): Promise<PreviewChoice> {
    return this.owning(upload, 'cacheAndChoose', async () => {
      const entry = this.groups.get(idOf(ref)) ?? (await this.make(ref, upload));
      return this.choiceOf(entry, request);
    });
  }

  async cache(ref: GroupRef, upload: Upload): Promise<CatalogEntry> {
    return this.owning(upload, 'cache', () => this.make(ref, upload));
  }

  async cacheKnown(ref: GroupRef, source: Digest): Promise<CatalogEntry | undefined> {
    this.called('cacheKnown');
    const known = [...this.groups.values()].find(
      ({ group, source: { digest } }) => group.context === ref.context && digest === source,
    );
    if (known === undefined) return undefined;
    const entry = { ...known, group: { ...known.group, ...ref } };
    this.groups.set(idOf(ref), entry);
    return entry;
  }

  async metadata(ref: GroupRef): Promise<GroupMetadata> {
    this.called('metadata');
    return groupMetadata(this.entryOf(ref));
  }

  async clear(selection: Selection): Promise<number> {
    this.called('clear');
    const gone = [...this.groups].filter(
      ([, { group }]) =>
        (selection.context === undefined || selection.context === group.context) &&
        (selection.imageKey === undefined || selection.imageKey === group.imageKey),
    );
    for (const [id] of gone) this.groups.delete(id);
    return gone.length;
  }

  async count(context?: Context): Promise<number> {
    this.called('count');
    return this.keysOf(context).length;
  }

  async *keys(context?: Context): AsyncGenerator<readonly ImageKey[]> {
    this.called('keys');
    const keys = this.keysOf(context);
    try {
      for (let at = 0; at < keys.length; at += BATCH) {
        this.batchesGiven++;
        yield keys.slice(at, at + BATCH);
      }
    } finally {
      this.iterationsEnded++;
    }
  }

  private called(name: string): void {
    this.calls.push(name);
    this.passOrFail();
  }

  /** Throws `failNext`, once; for other use cases that are to fail beside these. */
  passOrFail(): void {
    const error = this.failNext;
    this.failNext = undefined;
    if (error !== undefined) throw error;
  }

  private async owning<T>(upload: Upload, name: string, work: () => Promise<T>): Promise<T> {
    try {
      this.called(name);
      await this.making.pass();
      return await work();
    } finally {
      if (!upload.content) await rm(upload.path, { force: true });
    }
  }

  private async make(ref: GroupRef, upload: Upload): Promise<CatalogEntry> {
    const source = upload.content ?? (await readFile(upload.path));
    const info = await infoOf(source);
    this.conversions++;
    const previews: Preview[] = [];
    for (const planned of planSequence(info, info.hasAlpha, SEQUENCE.formats)) {
      const { widthPx, heightPx } = planned.geometry.size;
      const type = planned.type === 'png' ? 'png' : 'jpeg';
      const bytes = await sharp(source).resize(widthPx, heightPx, { fit: 'fill' }).toFormat(type).toBuffer();
      const digest = digestOf(bytes);
      this.blobs.set(digest, bytes);
      const formats = planned.formats.map((format) => format.text);
      previews.push({ formats, type: planned.type, widthPx, heightPx, bytes: bytes.length, digest });
    }
    const record: SourceRecord = {
      digest: upload.digest,
      bytes: upload.bytes,
      info,
      metadata: {
        File: { 'File Size': String(upload.bytes) },
      },
      sequenceId: SEQUENCE.id,
      previews,
      complete: true,
      sourceKept: false,
    };
    const now = this.clock.now();
    const entry: CatalogEntry = {
      group: {
        ...ref,
        sourceDigest: upload.digest,
        createdAt: now,
        lastAccess: now,
        revision: `${this.conversions}`,
        ...(upload.fileName !== undefined && { fileName: upload.fileName }),
      },
      source: record,
    };
    this.groups.set(idOf(ref), entry);
    return entry;
  }

  private entryOf(ref: GroupRef): CatalogEntry {
    const entry = this.groups.get(idOf(ref));
    if (entry === undefined) {
      throw new ProofsheetError('unknown-image-key', 'no image is cached under this key in this context');
    }
    return entry;
  }

  private choiceOf(entry: CatalogEntry, request: Format): PreviewChoice {
    const match = bestPreview(entry.source.info, entry.source.previews, request);
    if (match === undefined) throw new Error('expected a preview in every group');
    return { ...match, entry, request };
  }

  private keysOf(context?: Context): ImageKey[] {
    const keys = [...this.groups.values()]
      .filter(({ group }) => context === undefined || group.context === context)
      .map(({ group }) => group.imageKey);
    return [...new Set(keys)].sort();
  }
}

function idOf({ context, imageKey }: GroupRef): string {
  return JSON.stringify([context, imageKey]);
}

async function infoOf(source: Buffer): Promise<SourceInfo> {
  try {
    const { width, height, hasAlpha, format } = await sharp(source).metadata();
    return sourceInfo({
      type: SOURCE_TYPES.find((type) => type === format) ?? 'jpeg',
      widthPx: width,
      heightPx: height,
      hasAlpha,
      channels: hasAlpha ? 4 : 3,
    });
  } catch {
    throw new ProofsheetError('source-type-refused', 'expected an image, got something else');
  }
}
