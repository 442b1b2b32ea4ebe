// Puts together what keeps and makes previews: memory over the store's tiers, the converters, the use cases over both; each traced where
// anybody traces.
import { converterOptionsOf, type Protection, previewsSettings } from './compose-settings.js';
import type { ComposedTakedown } from './compose-takedown.js';
import { composeZoom } from './compose-zoom.js';
import type { Config } from './config/schema.js';
import { createConverter } from './convert/converter-pool.js';
import { TracedConverter } from './convert/traced-converter.js';
import type { AgingClock } from './kernel/ports/clock.js';
import type { Logger } from './kernel/ports/logger.js';
import type { Traces } from './kernel/ports/traces.js';
import type { Storage } from './open-storage.js';
import type { BlobTiers } from './previews/blob-tiers.js';
import type { ClockNotes } from './previews/clock-notes.js';
import { openPreviews } from './previews/open-previews.js';
import type { ProcessMetrics } from './telemetry/metrics.js';
import { createMemoryTier } from './tiers/memory-tier.js';
import { createTieredBlobs } from './tiers/tiered-blobs.js';
import { TracedBlobs } from './tiers/traced-blobs.js';

/**
 * Of the memory tier's bytes, for prepared answers; the rest is for the previews' bytes. An answer takes 2.5 kB, and one
 * whose bytes come from the page cache is still several times as fast as one without.
 */
const PREPARED_SHARE = 1 / 4;

interface Telling {
  readonly clock: AgingClock;
  readonly clockNotes: ClockNotes;
  readonly logger: Logger;
  readonly metrics: ProcessMetrics;
  /** Absent where nobody traces. */
  readonly traces?: Traces;
  /** What keeps out, over these tiers, what was taken down. */
  readonly takedownOf: (blobs: BlobTiers) => ComposedTakedown;
}

/** `speaks`: of many processes on a machine, this one tells what is the matter with the machine. */
export function composeMaking(
  config: Config,
  protection: Protection,
  store: Storage,
  telling: Telling,
  speaks: boolean,
) {
  const { traces } = telling;
  const preparedBytes = Math.floor(config.storage.memoryMaxBytes * PREPARED_SHARE);
  const previewBytes = config.storage.memoryMaxBytes - preparedBytes;
  const memory = createMemoryTier({ maxBytes: previewBytes });
  const blobs = createTieredBlobs({ memory, durable: tracedTiers(store.durable, traces), ...telling });
  const takedown = telling.takedownOf(blobs);
  const pool = createConverter(converterOptionsOf(config, protection, telling, speaks));
  const converter = traces ? new TracedConverter(pool, traces) : pool;
  const opened = openPreviews(
    { store, blobs, converter, memory, guard: takedown.guard, ...telling },
    previewsSettings(config, protection, telling.clock),
  );
  const deep = composeZoom(config, { store, blobs, converter, opened, guard: takedown.guard, ...telling });
  return { preparedBytes, previewBytes, memory, blobs, takedown, pool, opened, deep };
}

function tracedTiers(durable: Storage['durable'], traces: Traces | undefined): Storage['durable'] {
  if (traces === undefined) return durable;
  const [first, ...rest] = durable.map((tier) => new TracedBlobs(tier, traces));
  return first ? [first, ...rest] : durable;
}
