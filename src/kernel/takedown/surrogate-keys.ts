// The surrogate keys (cache tags) by which a CDN is told what to purge: of each group, of its image key in all contexts, of its context, of
// the content, whatever it is called, and of all. Hashes, so that they tell nobody a key, a context or a digest.
import { createHash } from 'node:crypto';
import type { Digest } from '../digest.js';
import type { Context, GroupRef, ImageKey } from '../image-key.js';
import type { PurgeSelection } from './purge.js';

/** The header that carries them, and what stands between two: as Fastly, Cloudflare, Akamai and Varnish read them. */
export const SURROGATE_HEADERS = {
  'Surrogate-Key': ' ',
  'Cache-Tag': ',',
  'Edge-Cache-Tag': ',',
  xkey: ' ',
} as const;
export type SurrogateHeader = keyof typeof SURROGATE_HEADERS;

/** Of every answer: purges all that a CDN has of this server. */
export const KEY_OF_ALL = 'proofsheet';

/** Hex digits of a key: 64 bits, so that two groups of a billion share one by a chance of 3 in 100. */
const DIGITS = 16;

/** What an answer shows, as far as it is known. */
export interface Shown {
  readonly group?: GroupRef;
  /** Whose it is, where it is of no group. */
  readonly context?: Context;
  /** The digest of the source's bytes. */
  readonly content?: Digest;
}

/** All keys of an answer. */
export function surrogateKeysOf({ group, context = group?.context, content }: Shown): readonly string[] {
  return [
    ...(group === undefined ? [] : [keyOfGroup(group), keyOfImageKey(group.imageKey)]),
    ...(context === undefined ? [] : [keyOfContext(context)]),
    ...(content === undefined ? [] : [keyOfContent(content)]),
    KEY_OF_ALL,
  ];
}

/** The one key that stands for a selection as a whole, found or not; `undefined` where each group has to be named. */
function surrogateKeyFor(selection: PurgeSelection): string | undefined {
  switch (selection.by) {
    case 'context':
      return keyOfContext(selection.context);
    case 'key':
      return selection.context === undefined
        ? keyOfImageKey(selection.imageKey)
        : keyOfGroup({ ...selection, context: selection.context });
    case 'prefix':
    case 'content':
      return undefined;
  }
}

/** As few keys as tell of all groups that were taken away, at most `most`: of many, their contexts; of too many, all. */
export class SurrogateKeySet {
  private readonly groups = new Set<string>();
  private readonly contexts = new Set<string>();
  private readonly contents = new Set<string>();

  constructor(
    private readonly selection: PurgeSelection,
    private readonly most: number,
  ) {}

  add(ref: GroupRef): void {
    const { selection } = this;
    // One key stands for all of it.
    if (selection.by === 'context' || (selection.by === 'key' && selection.context !== undefined)) return;
    if (this.groups.size <= this.most) this.groups.add(keyOfGroup(ref));
    if (this.contexts.size <= this.most) this.contexts.add(keyOfContext(ref.context));
  }

  /** A content that nothing is to show any more, under whatever name. */
  addContent(content: Digest): void {
    if (this.contents.size <= this.most) this.contents.add(keyOfContent(content));
  }

  get keys(): readonly string[] {
    if (this.contents.size > this.most) return [KEY_OF_ALL];
    const groups = this.ofGroups;
    return groups.length + this.contents.size > this.most ? [KEY_OF_ALL] : [...groups, ...this.contents];
  }

  private get ofGroups(): readonly string[] {
    const whole = surrogateKeyFor(this.selection);
    const found = this.groups.size + this.contents.size <= this.most ? this.groups : this.contexts;
    // With a whole one too: what a CDN has had since before there was such a key has the groups' own.
    return [...(whole === undefined ? [] : [whole]), ...found];
  }
}

export function keyOfGroup({ context, imageKey }: GroupRef): string {
  return `g-${hashOf(`${context}\0${imageKey}`)}`;
}

function keyOfImageKey(imageKey: ImageKey): string {
  return `k-${hashOf(`image key\0${imageKey}`)}`;
}

function keyOfContext(context: Context): string {
  return `c-${hashOf(`context\0${context}`)}`;
}

export function keyOfContent(content: Digest): string {
  return `s-${hashOf(`content\0${content}`)}`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, DIGITS);
}
