// What a purge takes away: by image key, context, prefix of a key, or the content itself. Pure rules; no store, no dialect.
import { type Digest, parseDigest, scopedDigest } from '../digest.js';
import { ProofsheetError } from '../errors.js';
import { type Context, type GroupRef, type ImageKey, parseContext, parseImageKey } from '../image-key.js';

/** `context` of `key` and `prefix`: that one alone; absent: all of them. */
export type PurgeSelection =
  | { readonly by: 'key'; readonly imageKey: ImageKey; readonly context?: Context }
  | { readonly by: 'prefix'; readonly prefix: string; readonly context?: Context }
  | { readonly by: 'context'; readonly context: Context }
  /** The SHA-256 of a source's bytes, whatever keys it is stored under. */
  | { readonly by: 'content'; readonly content: Digest };

/** Where a store has to look for what a selection takes: all groups for `{}`. */
export interface GroupRange {
  readonly context?: Context;
  readonly imageKey?: ImageKey;
  readonly prefix?: string;
}

export function rangeOf(selection: PurgeSelection): GroupRange {
  const { by, ...range } = selection;
  return by === 'content' ? {} : (range as GroupRange);
}

/** Whether the selection takes a group; `source`: what the record of its source is found by. */
export function takes(selection: PurgeSelection, { context, imageKey }: GroupRef, source: Digest): boolean {
  switch (selection.by) {
    case 'key':
      return imageKey === selection.imageKey && isOf(selection, context);
    case 'prefix':
      return imageKey.startsWith(selection.prefix) && isOf(selection, context);
    case 'context':
      return context === selection.context;
    case 'content':
      return source === selection.content || source === scopedDigest(context, selection.content);
  }
}

function isOf({ context }: { readonly context?: Context }, of: Context): boolean {
  return context === undefined || context === of;
}

/** What a request for a purge says: one of `key`, `prefix`, `context` alone, `content`. Throws `invalid-image-key`. */
export function parseSelection(asked: Readonly<Record<string, unknown>>): PurgeSelection {
  const { key, prefix, content, context: of } = asked;
  const ways = [key, prefix, content].filter((each) => each !== undefined);
  if (ways.length > 1 || (content !== undefined && of !== undefined) || (ways.length === 0 && of === undefined))
    throw wrong('one of key, prefix, content, or a context alone');
  if (content !== undefined) {
    const digest = typeof content === 'string' ? parseDigest(content) : undefined;
    if (digest === undefined) throw wrong('the content as the SHA-256 of a source: 64 lower-case hex digits');
    return { by: 'content', content: digest };
  }
  const context = of === undefined ? undefined : parseContext(textOf(of, 'context'));
  if (key !== undefined)
    return { by: 'key', imageKey: parseImageKey(textOf(key, 'key')), ...(context !== undefined && { context }) };
  if (prefix !== undefined) {
    // What begins like a key is one: no prefix takes everything by mistake.
    const begun = parseImageKey(textOf(prefix, 'prefix'));
    return { by: 'prefix', prefix: begun, ...(context !== undefined && { context }) };
  }
  return { by: 'context', context: context as Context };
}

function textOf(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw wrong(`${name} as a text`);
}

function wrong(expected: string): ProofsheetError {
  return new ProofsheetError('invalid-image-key', `expected ${expected}`);
}
