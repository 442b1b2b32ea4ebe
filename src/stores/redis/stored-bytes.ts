// How many sources there are, and bytes of their blobs: by the owners of blobs, each counted once, but never more than all
// sources name. Where a server evicts owners, blobs are counted in once more, and only this keeps a limit of bytes from
// emptying the cache for what is not there.
import type { Usage } from '../../kernel/ports/catalog.js';
import { ALL_SHARDS } from './key-layout.js';
import { readMany, type Session } from './session.js';

/** Commands for each shard. */
const COMMANDS = 3;

/** Exact but for what the server evicted by itself, or a crash left behind, until that ages out. */
export async function storedBytes(session: Session): Promise<Pick<Usage, 'sources' | 'previewBytes' | 'sourceBytes'>> {
  const { keys } = session;
  const replies = await readMany(
    session,
    ALL_SHARDS.flatMap((shard) => [
      { key: keys.used(shard), args: ['ZCARD', keys.used(shard)] },
      { key: keys.totals(shard), args: ['HMGET', keys.totals(shard), 'p', 's'] },
      { key: keys.sums(shard), args: ['ZMSCORE', keys.sums(shard), '\x01', '\x02', '\x03', '\x04'] },
    ]),
  );
  const shards = ALL_SHARDS.map((_, at) => {
    const [sources, totals, sums] = replies.slice(COMMANDS * at, COMMANDS * (at + 1));
    const [previews, own] = totals as (string | null)[];
    const [epoch, partial, ofPreviews, ofOwn] = sums as (number | null)[];
    // Whether the sums are those of all sources of the shard (see source-book.ts).
    const isWhole = sources === 0 || (epoch !== null && partial === null);
    return {
      sources: sources as number,
      counted: [Number(previews ?? 0), Number(own ?? 0)] as const,
      named: isWhole ? ([ofPreviews ?? 0, ofOwn ?? 0] as const) : undefined,
    };
  });
  const sum = (kind: 0 | 1) => {
    const counted = shards.reduce((all, of) => all + of.counted[kind], 0);
    const named = shards.reduce((all, of) => all + (of.named?.[kind] ?? Number.POSITIVE_INFINITY), 0);
    return Math.max(0, Math.min(counted, named));
  };
  return {
    sources: shards.reduce((all, of) => all + of.sources, 0),
    previewBytes: sum(0),
    sourceBytes: sum(1),
  };
}
