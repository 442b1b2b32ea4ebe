// The CatalogWalk port on Redis: shard by shard, a page of an index at a time, and of each group the head of its record.
import type { Digest } from '../../kernel/digest.js';
import type { Context, GroupRef, ImageKey } from '../../kernel/image-key.js';
import type { CatalogWalk, WalkedGroup } from '../../kernel/ports/catalog-walk.js';
import type { GroupRange } from '../../kernel/takedown/purge.js';
import { rangeCommand, referenceOf } from './group-index.js';
import { ALL_SHARDS, digestShard, groupOfName, groupShard, type Shard } from './key-layout.js';
import { TOKEN_CHARACTERS } from './record-codec.js';
import { digestsIn, readMany, type Session } from './session.js';

const PAGE = 250;
const SCANNED = '1000';
/** Token and digest, with which the record of a group begins. */
const HEAD_END = String(TOKEN_CHARACTERS + 63);

/** A range of an index, as group-scripts.ts has its members. */
interface Lane {
  readonly kind: 'C' | 'K' | 'M';
  /** What members of the lane begin with, behind the kind. */
  readonly begin: string;
}

export class RedisCatalogWalk implements CatalogWalk {
  constructor(private readonly session: Session) {}

  async *groups(range: GroupRange): AsyncGenerator<readonly WalkedGroup[]> {
    const shards = range.imageKey === undefined ? ALL_SHARDS : [groupShard(range.imageKey)];
    for (const shard of shards)
      for (const lane of lanesOf(range))
        for await (const refs of this.refsIn(shard, lane)) {
          const found = await this.withSources(refs);
          if (found.length > 0) yield found;
        }
  }

  async *sources(after?: Digest): AsyncGenerator<readonly Digest[]> {
    for (const shard of ALL_SHARDS) {
      if (after !== undefined && shard < digestShard(after)) continue;
      const all = await this.sourcesOf(shard);
      const left = after !== undefined && shard === digestShard(after) ? all.filter((digest) => digest > after) : all;
      for (let from = 0; from < left.length; from += PAGE) yield left.slice(from, from + PAGE);
    }
  }

  /** Sorted. A shard has a 64th of all sources: 16,000 of a million. */
  private async sourcesOf(shard: Shard): Promise<Digest[]> {
    const key = this.session.keys.used(shard);
    const found = new Set<Digest>();
    let cursor = '0';
    do {
      const [reply] = await readMany(this.session, [{ key, args: ['ZSCAN', key, cursor, 'COUNT', SCANNED] }]);
      const [next, members] = reply as [string, string[]];
      for (const digest of digestsIn(members.map(String))) found.add(digest);
      cursor = String(next);
    } while (cursor !== '0');
    return [...found].sort();
  }

  private async *refsIn(shard: Shard, { kind, begin }: Lane): AsyncGenerator<readonly GroupRef[]> {
    const head = `${kind}${begin}`;
    const end = `(${String.fromCharCode(kind.charCodeAt(0) + 1)}`;
    let from = `[${head}`;
    for (;;) {
      const [reply] = await readMany(this.session, [rangeCommand(this.session, shard, from, end, PAGE)]);
      const members = (reply as string[]).filter((member) => member.startsWith(head));
      const refs = members.flatMap((member) => refOf(kind, member.slice(1)) ?? []);
      if (refs.length > 0) yield refs;
      const last = members.at(-1);
      if (last === undefined || members.length < PAGE) return;
      from = `(${last}`;
    }
  }

  private async withSources(refs: readonly GroupRef[]): Promise<WalkedGroup[]> {
    const { keys } = this.session;
    const heads = await readMany(
      this.session,
      refs.map((ref) => ({ key: keys.group(ref), args: ['GETRANGE', keys.group(ref), '0', HEAD_END] })),
    );
    return refs.flatMap((ref, at) => {
      const reference = referenceOf(String(heads[at]));
      return reference === undefined ? [] : [{ ref, source: reference.digest }];
    });
  }
}

/** Of one context the groups in its order; of all, the first and the further groups of each key. */
function lanesOf({ context, imageKey, prefix = '' }: GroupRange): readonly Lane[] {
  const key = imageKey === undefined ? prefix : `${imageKey}${context === undefined ? '\0' : ''}`;
  if (context !== undefined) return [{ kind: 'C', begin: `${context}\0${key}` }];
  if (key === '') return [{ kind: 'C', begin: '' }];
  return [
    { kind: 'K', begin: key },
    { kind: 'M', begin: key },
  ];
}

function refOf(kind: Lane['kind'], name: string): GroupRef | undefined {
  if (kind === 'C') return groupOfName(name);
  const end = name.indexOf('\0');
  return end < 0 ? undefined : { imageKey: name.slice(0, end) as ImageKey, context: name.slice(end + 1) as Context };
}
