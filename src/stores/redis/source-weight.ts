// Where a source stands in Redis, which of its blobs are there, and what contexts are charged for them.
import type { Digest } from '../../kernel/digest.js';
import { type NamedBlob, namedBlobs, type SourceRecord } from '../../kernel/source.js';
import { keepingPyramids } from '../../kernel/zoom/kept-pyramids.js';
import { digestShard } from './key-layout.js';
import type { Session } from './session.js';

/** The keys that scripts of one source take, in the order that BOOK wants. */
export function keysOfSource({ keys }: Session, digest: Digest): [string, ...string[]] {
  const shard = digestShard(digest);
  return [
    keys.source(digest),
    keys.refs(digest),
    keys.used(shard),
    keys.evictable(shard),
    keys.unfinished(shard),
    keys.held(digest),
    keys.sums(shard),
    keys.keptOf(shard),
    keys.recount(shard),
  ];
}

/** The blobs of a record that are to be found in Redis, each once. */
export function blobsOfRecord({ maxSourceBytes }: Session, record: SourceRecord): readonly NamedBlob[] {
  return namedBlobs({
    // A larger pyramid each node has for itself.
    ...keepingPyramids(record, record, ({ bytes }) => bytes <= maxSourceBytes),
    sourceKept: record.sourceKept && record.bytes <= maxSourceBytes,
  });
}

/** What contexts are charged for a source, as BOOK has it. */
export function weightOfRecord(session: Session, record: SourceRecord): string {
  return weightOf(blobsOfRecord(session, record));
}

/** The bytes of its previews, and of its own blob unless that is one of them. */
export function weightOf(blobs: readonly NamedBlob[]): string {
  const sum = (of: NamedBlob['kind']) => blobs.reduce((all, { kind, bytes }) => (kind === of ? all + bytes : all), 0);
  return `${sum('preview')} ${sum('source')}`;
}
