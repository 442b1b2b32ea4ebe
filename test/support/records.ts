// Builders of blobs, source records and groups, for tests that need some but do not care which.
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import { type GroupRef, parseContext, parseImageKey } from '../../src/kernel/image-key.js';
import type { BlobStore } from '../../src/kernel/ports/blobs.js';
import type { CommitRequest } from '../../src/kernel/ports/catalog.js';
import type { Preview, SourceInfo, SourceRecord } from '../../src/kernel/source.js';

export interface TestBlob {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

/** Bytes that depend on `seed` alone: equal seeds and lengths are equal blobs. Any length, 0 too. */
export function blobOf(seed: string, length = 64): TestBlob {
  const bytes = Buffer.alloc(length, `${seed}/`);
  return { bytes, digest: digestOf(bytes) };
}

export function groupRef(imageKey: string, context = ''): GroupRef {
  return { context: parseContext(context), imageKey: parseImageKey(imageKey) };
}

/** A source and its previews, with the blobs that its record names. */
export interface TestSource {
  readonly record: SourceRecord;
  readonly source: TestBlob;
  readonly previews: readonly TestBlob[];
}

export interface TestSourceOptions {
  /** Default: two previews of this source's own. */
  readonly previews?: readonly TestBlob[];
  readonly complete?: boolean;
  readonly onDemand?: true;
  readonly sourceKept?: boolean;
  readonly sequenceId?: string;
}

/** A source of `type`, upright, still, opaque, unless `facts` say otherwise. */
export function sourceInfo(facts: Partial<SourceInfo> = {}): SourceInfo {
  return {
    type: 'jpeg',
    widthPx: 640,
    heightPx: 480,
    orientation: 1,
    pages: 1,
    animated: false,
    delaysMs: [],
    loop: 0,
    hasAlpha: false,
    channels: 3,
    bitsPerSample: 8,
    colorSpace: 'srgb',
    progressive: false,
    ...facts,
  };
}

/** A source whose bytes depend on `seed` alone. */
export function testSource(seed: string, options: TestSourceOptions = {}): TestSource {
  const source = blobOf(`source ${seed}`, 200);
  const previews = options.previews ?? [blobOf(`small ${seed}`, 50), blobOf(`large ${seed}`, 120)];
  const record: SourceRecord = {
    digest: source.digest,
    bytes: source.bytes.length,
    info: sourceInfo({ orientation: 6, progressive: true }),
    metadata: {
      File: { 'File Size': '200' },
    },
    sequenceId: options.sequenceId ?? '0123456789abcdef',
    previews: previews.map((blob, index) => previewOf(blob, index)),
    complete: options.complete ?? true,
    ...(options.onDemand && { onDemand: options.onDemand }),
    sourceKept: options.sourceKept ?? true,
  };
  return { record, source, previews };
}

function previewOf(blob: TestBlob, index: number): Preview {
  return {
    formats: [`auto:${100 * (index + 1)}x${100 * (index + 1)}`],
    type: 'jpg',
    widthPx: 100 * (index + 1),
    heightPx: 75 * (index + 1),
    bytes: blob.bytes.length,
    digest: blob.digest,
  };
}

/** Stores every blob that the source's record names. */
export async function storeBlobs(blobs: BlobStore, source: TestSource): Promise<void> {
  if (source.record.sourceKept) await blobs.put(source.source.digest, source.source.bytes, 'source');
  for (const preview of source.previews) await blobs.put(preview.digest, preview.bytes, 'preview');
}

/** The commit of `source` under `refs`. */
export function commitOf(
  source: TestSource,
  refs: readonly GroupRef[],
  existing: CommitRequest['existing'] = 'replace',
): CommitRequest {
  return {
    source: source.record,
    groups: refs.map((ref) => ({ ...ref, sourceDigest: source.record.digest })),
    existing,
  };
}
