// Fills a data directory with groups and previews without converting anything: through the product's own store.

import { digestOf } from '../../src/kernel/digest.js';
import { parseContext, parseImageKey } from '../../src/kernel/image-key.js';
import type { SourceRecord } from '../../src/kernel/source.js';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.js';
import { systemClock } from '../../src/telemetry/clock.js';
import { createLogger } from '../../src/telemetry/logger.js';
import { ProcessMetrics } from '../../src/telemetry/metrics.js';
import { randomNumbers } from '../support/images.js';
import { sourceInfo } from '../support/records.js';

export interface Filling {
  readonly dataDir: string;
  readonly groups: number;
  /** Sources that the groups share evenly; one preview each. */
  readonly sources: number;
  readonly previewBytes: number;
  /** Groups per context; without it all are in the default context. */
  readonly groupsPerContext?: number;
}

/** Groups per transaction. */
const BATCH = 1_000;
const PREVIEW = { formats: ['auto:200x150'], type: 'jpg', widthPx: 200, heightPx: 150 } as const;

/** The key of group `index`: as long as the SHA-256 that clients usually send. */
export function keyOf(index: number): string {
  return `${'0'.repeat(57)}${String(index).padStart(7, '0')}`;
}

/** The context of group `index`. */
export function contextOf(index: number, groupsPerContext: number | undefined): string {
  return groupsPerContext === undefined ? '' : `tenant-${Math.floor(index / groupsPerContext)}`;
}

/** Writes everything and closes the store. Resolves with the preview blobs' digests, one per source. */
export async function fill(filling: Filling): Promise<readonly string[]> {
  const { dataDir, groups, sources, previewBytes, groupsPerContext } = filling;
  const logger = createLogger({ level: 'warn' });
  const store = await openEmbeddedStore({ dataDir, clock: systemClock, logger, metrics: new ProcessMetrics() });
  const digests: string[] = [];
  try {
    const random = randomNumbers(11);
    const perSource = Math.ceil(groups / sources);
    for (let source = 0; source < sources; source++) {
      // Incompressible, as encoded pictures are.
      const bytes = Buffer.from(Uint32Array.from({ length: previewBytes / 4 }, () => random() * 2 ** 32).buffer);
      const digest = digestOf(bytes);
      await store.blobs.put(digest, bytes, 'preview');
      digests.push(digest);
      const record = recordOf(source, digest, bytes.length);
      const end = Math.min(groups, (source + 1) * perSource);
      for (let from = source * perSource; from < end; from += BATCH) {
        const members = Array.from({ length: Math.min(BATCH, end - from) }, (_, at) => ({
          context: parseContext(contextOf(from + at, groupsPerContext)),
          imageKey: parseImageKey(keyOf(from + at)),
          sourceDigest: record.digest,
        }));
        const missing = await store.catalog.commit({ source: record, groups: members, existing: 'replace' });
        if (missing.length > 0) throw new Error('expected the previews to be stored, they are not');
      }
    }
    return digests;
  } finally {
    await store.close();
  }
}

function recordOf(index: number, preview: ReturnType<typeof digestOf>, bytes: number): SourceRecord {
  return {
    digest: digestOf(Buffer.from(`source ${index}`)),
    bytes: 5_000_000,
    info: sourceInfo({ widthPx: 4000, heightPx: 3000 }),
    metadata: { File: { 'File Size': '5000000' } },
    sequenceId: '',
    previews: [{ ...PREVIEW, bytes, digest: preview }],
    complete: true,
    // Without its source nothing can be made again, so nothing is: the measured server only reads.
    sourceKept: false,
  };
}
