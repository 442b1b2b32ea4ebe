// The surrogate keys (cache tags) by which a CDN is told what to purge: of each group, of its context, and of all. Hashes, so that they
// tell nobody a key or a context.
import { createHash } from 'node:crypto';
import type { Context, GroupRef } from '../image-key.js';
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

/** All keys of a group's answers. */
export function surrogateKeysOf(ref: GroupRef): readonly string[] {
  return [keyOfGroup(ref), keyOfContext(ref.context), KEY_OF_ALL];
}

/** The one key that stands for a selection as a whole; `undefined` where each group has to be named. */
function surrogateKeyFor(selection: PurgeSelection): string | undefined {
  switch (selection.by) {
    case 'context':
      return keyOfContext(selection.context);
    case 'key':
      return selection.context === undefined ? undefined : keyOfGroup({ ...selection, context: selection.context });
    case 'prefix':
    case 'content':
      return undefined;
  }
}

/** As few keys as tell of all groups that were taken away, at most `most`: of many, their contexts; of too many, all. */
export class SurrogateKeySet {
  private readonly groups = new Set<string>();
  private readonly contexts = new Set<string>();

  constructor(
    private readonly selection: PurgeSelection,
    private readonly most: number,
  ) {}

  add(ref: GroupRef): void {
    if (surrogateKeyFor(this.selection) !== undefined) return;
    if (this.groups.size <= this.most) this.groups.add(keyOfGroup(ref));
    if (this.contexts.size <= this.most) this.contexts.add(keyOfContext(ref.context));
  }

  get keys(): readonly string[] {
    const whole = surrogateKeyFor(this.selection);
    if (whole !== undefined) return [whole];
    if (this.groups.size <= this.most) return [...this.groups];
    return this.contexts.size <= this.most ? [...this.contexts] : [KEY_OF_ALL];
  }
}

export function keyOfGroup({ context, imageKey }: GroupRef): string {
  return `g-${hashOf(`${context}\0${imageKey}`)}`;
}

function keyOfContext(context: Context): string {
  return `c-${hashOf(`context\0${context}`)}`;
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, DIGITS);
}
