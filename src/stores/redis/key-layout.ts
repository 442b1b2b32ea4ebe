// Names every key in Redis. What one script touches shares a hash tag, so that it lies in one slot of a cluster:
// {g00}..{g3f} by image key, {d00}..{d3f} by digest. Thus a single large context is spread over all slots.
import type { Digest } from '../../kernel/digest.js';
import type { Context, GroupRef, ImageKey } from '../../kernel/image-key.js';

/**
 * Shards of groups and of digests, each: enough for some dozens of masters, few enough to ask them all for every count.
 * A power of two up to 256; changing it is a new schema version.
 */
export const SHARDS = 64;
/** Raise it when keys or records change their meaning; a server refuses data of a newer version. */
export const SCHEMA_VERSION = 1;

export type Shard = number & { readonly __brand: 'Shard' };

export const ALL_SHARDS: readonly Shard[] = Array.from({ length: SHARDS }, (_, shard) => shard as Shard);

/** The Redis type of each kind of key, by the letter behind the prefix. */
export const TYPE_OF_KIND: Readonly<Record<string, 'string' | 'hash' | 'set' | 'zset'>> = {
  g: 'string',
  i: 'zset',
  a: 'zset',
  s: 'string',
  r: 'hash',
  o: 'hash',
  b: 'string',
  u: 'zset',
  e: 'zset',
  w: 'set',
  t: 'hash',
  q: 'set',
  l: 'string',
  f: 'hash',
  x: 'zset',
  n: 'zset',
  h: 'hash',
  c: 'zset',
  k: 'zset',
  y: 'zset',
  p: 'string',
  d: 'string',
  z: 'zset',
  v: 'hash',
  j: 'set',
  m: 'hash',
  T: 'hash',
  N: 'hash',
};

/** What an invalidated key stands for. */
export type Tracked =
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'source'; readonly name: string }
  | { readonly kind: 'lease'; readonly name: string };

export class KeyLayout {
  readonly prefix: string;

  /** `prefix`: 1 to 64 characters of `A-Z a-z 0-9 _ . : -`; a colon is added when it does not end with one. */
  constructor(prefix: string) {
    if (!/^[\w.:-]{1,64}$/.test(prefix))
      throw new RangeError(
        `expected a Redis key prefix of 1 to 64 letters, digits and _ . : -, got ${JSON.stringify(prefix)}`,
      );
    this.prefix = prefix.endsWith(':') ? prefix : `${prefix}:`;
  }

  /** The schema version of the data under this prefix. */
  get schema(): string {
    return `${this.prefix}schema`;
  }
  /** Every change of a key that begins with one of these is told to all nodes. */
  get trackedPrefixes(): readonly string[] {
    return ['g', 's', 'l'].map((kind) => `${this.prefix}${kind}:`);
  }

  // Groups: record, index (all names of the shard, see group-scripts.ts), access times, number by context.
  group = (ref: GroupRef) => `${this.prefix}g:{${tag('g', groupShard(ref.imageKey))}}:${groupName(ref)}`;
  index = (shard: Shard) => `${this.prefix}i:{${tag('g', shard)}}`;
  access = (shard: Shard) => `${this.prefix}a:{${tag('g', shard)}}`;
  contexts = (shard: Shard) => `${this.prefix}n:{${tag('g', shard)}}`;

  // Sources: record, the groups that refer to it, times of last use of all and of the evictable, unfinished ones.
  source = (digest: Digest) => this.ofDigest('s', digest);
  refs = (digest: Digest) => this.ofDigest('r', digest);
  used = (shard: Shard) => this.ofShard('u', shard);
  evictable = (shard: Shard) => this.ofShard('e', shard);
  unfinished = (shard: Shard) => this.ofShard('w', shard);

  // What contexts are charged for sources (see source-book.ts): by source, sums, evictable ones by context, a recount.
  held = (digest: Digest) => this.ofDigest('h', digest);
  sums = (shard: Shard) => this.ofShard('c', shard);
  keptOf = (shard: Shard) => this.ofShard('k', shard);
  recount = (shard: Shard) => this.ofShard('y', shard);

  // Derivatives: row, times of last use, what each costs, and by the blob the rows that name it.
  derivative = (name: string) => `${this.prefix}d:{${tag('d', shardOfName(name))}}:${name}`;
  derivativeUses = (shard: Shard) => this.ofShard('z', shard);
  derivativeCosts = (shard: Shard) => this.ofShard('v', shard);
  derivativeNames = (digest: Digest) => this.ofDigest('j', digest);

  // Blobs: bytes, the source records that name them, total bytes, those that perhaps nobody names any more.
  blob = (digest: Digest) => this.ofDigest('b', digest);
  owners = (digest: Digest) => this.ofDigest('o', digest);
  totals = (shard: Shard) => this.ofShard('t', shard);
  orphans = (shard: Shard) => this.ofShard('q', shard);

  // Originals of the library: how many bytes they are, and the bytes in pieces. They have no time to live.
  pinned = (digest: Digest, place: string) => `${this.ofDigest('p', digest)}:${place}`;
  piece = (digest: Digest, place: string, piece: number) => `${this.pinned(digest, place)}:${piece}`;

  // What failed: by source, and the names of all by the time they are forgotten.
  refusal = (source: Digest) => this.ofDigest('f', source);
  refusals = (shard: Shard) => this.ofShard('x', shard);

  /** How every process says that it is, by itself. */
  get fleet(): string {
    return `${this.prefix}m:`;
  }

  /** What takedowns leave: hashes in one slot, few and small. */
  takedowns = (what: string) => `${this.prefix}T:{td}:${what}`;

  /** What long work of operators notes of itself. */
  get workNotes(): string {
    return `${this.prefix}N:notes`;
  }

  lease = (name: string) => `${this.prefix}l:${name}`;

  /** What a tracked key stands for: the group's name (see `groupName`), the digest or the lease's name. */
  tracked(key: string): Tracked | undefined {
    const kind = key.startsWith(this.prefix) ? key[this.prefix.length] : undefined;
    if (kind === 'l') return { kind: 'lease', name: key.slice(this.prefix.length + 2) };
    // kind, ':', '{', one letter, two digits, '}', ':'
    const name = key.slice(this.prefix.length + 8);
    if (kind === 'g') return { kind: 'group', name };
    return kind === 's' ? { kind: 'source', name } : undefined;
  }

  private ofDigest(kind: string, digest: Digest): string {
    return `${this.prefix}${kind}:{${tag('d', digestShard(digest))}}:${digest}`;
  }
  private ofShard(kind: string, shard: Shard): string {
    return `${this.prefix}${kind}:{${tag('d', shard)}}`;
  }
}

/** One text for a group. NUL can stand in neither name, so it is unambiguous. */
export function groupName(ref: GroupRef): string {
  return `${ref.context}\0${ref.imageKey}`;
}

/** The group of a name made by `groupName`; `undefined` when it is none. */
export function groupOfName(name: string): GroupRef | undefined {
  const end = name.indexOf('\0');
  return end < 0 ? undefined : { context: name.slice(0, end) as Context, imageKey: name.slice(end + 1) as ImageKey };
}

/** FNV-1a over UTF-16 units, folded to a byte: even, and cheap enough for every call. */
export function groupShard(imageKey: ImageKey): Shard {
  let hash = 0x811c9dc5;
  for (let at = 0; at < imageKey.length; at++) hash = Math.imul(hash ^ imageKey.charCodeAt(at), 0x01000193);
  return ((hash ^ (hash >>> 8) ^ (hash >>> 16) ^ (hash >>> 24)) & (SHARDS - 1)) as Shard;
}

/** Of a name that begins with a digest. */
export function shardOfName(name: string): Shard {
  return digestShard(name.slice(0, 64) as Digest);
}

export function digestShard(digest: Digest): Shard {
  return (Number.parseInt(digest.slice(0, 2), 16) & (SHARDS - 1)) as Shard;
}

function tag(letter: 'g' | 'd', shard: Shard): string {
  return letter + shard.toString(16).padStart(2, '0');
}
