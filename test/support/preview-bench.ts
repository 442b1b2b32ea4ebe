// The use cases over the real embedded store with a fake converter: everything a test of src/previews needs, in one place.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import { parseFormat } from '../../src/kernel/format.js';
import type { Context } from '../../src/kernel/image-key.js';
import type { BlobStore } from '../../src/kernel/ports/blobs.js';
import type { Catalog } from '../../src/kernel/ports/catalog.js';
import type { Converter } from '../../src/kernel/ports/converter.js';
import type { Derivatives } from '../../src/kernel/ports/derivatives.js';
import type { FairEviction } from '../../src/kernel/ports/fair-eviction.js';
import { sequenceOf } from '../../src/kernel/sequence.js';
import { WatchedClock } from '../../src/kernel/watched-clock.js';
import type { Upload } from '../../src/previews/answers.js';
import { openPreviews } from '../../src/previews/open-previews.js';
import { ContentGuard } from '../../src/previews/takedown/content-guard.js';
import type { FreeSpace, UpkeepLimits } from '../../src/previews/upkeep.js';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.js';
import { createMemoryTier } from '../../src/tiers/memory-tier.js';
import { createTieredBlobs } from '../../src/tiers/tiered-blobs.js';
import { FakeClock } from './fake-clock.js';
import { FakeConverter } from './fake-converter.js';
import { FakeLogger } from './fake-logger.js';
import { FakeMetrics } from './fake-metrics.js';

export interface PreviewBenchOptions {
  readonly dataDir: string;
  readonly formats?: readonly string[];
  readonly keepSource?: boolean;
  readonly preConvert?: boolean;
  readonly limits?: Partial<UpkeepLimits>;
  readonly space?: FreeSpace;
  /** Failed sources are remembered. */
  readonly refusals?: boolean;
  readonly contextMaxConversions?: number;
  readonly deduplicate?: 'all' | 'context';
  /** Pictures on demand; they belong to the caller. */
  readonly derivatives?: Derivatives;
  /** What was taken down, as a follower has heard. */
  readonly blockedSince?: (content: Digest) => number | undefined;
  /** Refuses what is new of known sources. */
  readonly admitNew?: (context: Context, pixels: number) => undefined | Promise<never>;
  /** Catalog and blobs of another store, which belongs to the caller; temp files stay in `dataDir`. */
  readonly shared?: { readonly catalog: Catalog; readonly fair: FairEviction; readonly blobs: BlobStore };
  /** What the use cases see in place of the catalog. */
  readonly seen?: (catalog: Catalog) => Catalog;
  /** In place of the fake one; it belongs to the caller. */
  readonly converter?: Converter;
}

const SEQUENCE = ['auto:200x150', 'auto:200x150~cover', 'auto:800x800'];
export const SMALL = parseFormat('auto:200x150');
export const LARGE = parseFormat('auto:800x800');

/** Opens the store in `dataDir` and everything above it; `close` ends all but the files. */
export async function openPreviewBench(options: PreviewBenchOptions) {
  const clock = new FakeClock();
  const watched = new WatchedClock(clock);
  const logger = new FakeLogger();
  const metrics = new FakeMetrics();
  const converter = new FakeConverter();
  const store = await openEmbeddedStore({
    dataDir: options.dataDir,
    clock: watched,
    logger,
    metrics,
    ...(options.refusals && { refusals: { ttlMs: 600_000, maxEntries: 100, rules: 'bench' } }),
  });
  const blobs = createTieredBlobs({
    memory: createMemoryTier({ maxBytes: 2 ** 20 }),
    durable: [options.shared?.blobs ?? store.blobs],
    clock,
    logger,
    metrics,
  });
  const sequence = sequenceOf(options.formats ?? SEQUENCE);
  const own = options.shared?.catalog ?? store.catalog;
  const catalog = options.seen?.(own) ?? own;
  const opened = openPreviews(
    {
      store: {
        catalog,
        fair: options.shared?.fair ?? store.catalog,
        ...(store.refusals && { refusals: store.refusals }),
        ...(options.space && { space: options.space }),
        ...(options.derivatives && { derivatives: options.derivatives }),
        tmpDir: store.tmpDir,
      },
      blobs,
      converter: options.converter ?? converter,
      guard: new ContentGuard({
        ...{ takedowns: store.takedowns, clock },
        ...(options.blockedSince && { blockedSince: options.blockedSince }),
      }),
      clock: watched,
      logger,
      metrics,
    },
    {
      sequence,
      keepSource: options.keepSource ?? true,
      preConvert: options.preConvert ?? true,
      ...(options.deduplicate && { deduplicate: options.deduplicate }),
      contextMaxConversions: () => options.contextMaxConversions ?? 0,
      maxBackgroundTasks: 1_000,
      lastAccessResolutionMs: 60_000,
      leaseTtlMs: 5_000,
      limits: {
        maxBytes: 1e12,
        maxGroups: 1e9,
        maxAgeSeconds: 0,
        contextMaxBytes: 0,
        contextMaxGroups: 0,
        ...options.limits,
      },
      drawing: {
        limits: { maxSidePx: 4_000, maxPixels: 1e7 },
        maxBytes: 100_000,
        ...(options.admitNew && { admitNew: options.admitNew }),
      },
      upkeepIntervalMs: 1e6,
    },
  );
  const { background, maker, upkeep, previews: service, onDemand } = opened;
  const { drawings } = onDemand;
  let uploads = 0;
  return {
    ...store,
    catalog: own,
    tiered: blobs,
    /** The blob is gone from memory and from where it is stored, as damage would have it. */
    lose: async (digest: Digest) => {
      blobs.forget(digest);
      await (options.shared?.blobs ?? store.blobs).delete(digest);
    },
    opened,
    clock,
    logger,
    metrics,
    converter,
    background,
    sequence,
    maker,
    service,
    drawings,
    upkeep,
    /** A received upload with these bytes. */
    async upload(content: string, fileName?: string): Promise<Upload> {
      const bytes = Buffer.from(content);
      const path = join(store.tmpDir, `upload-${uploads++}`);
      await writeFile(path, bytes);
      return { path, digest: digestOf(bytes), bytes: bytes.length, ...(fileName && { fileName }) };
    },
    async close(): Promise<void> {
      await converter.close();
      await background.drain(5_000);
      await upkeep.close();
      await store.close();
    },
  };
}

export type PreviewBench = Awaited<ReturnType<typeof openPreviewBench>>;
