// Reads of the library's records: one, many at once, assets with what is shown of them, and pages of lists that begin with the latest.

import type { Digest } from '../../../kernel/digest.js';
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Context } from '../../../kernel/image-key.js';
import type { Asset, DescribedAsset } from '../../../kernel/library/asset.js';
import type { AssetId } from '../../../kernel/library/ids.js';
import { parsedContext } from './let-go-notes.js';
import { assetIn, versionIn } from './library-records.js';
import { decodeRecord, type LibrarySession, type Place } from './library-session.js';

const MAX_PAGE = 1_000;

export async function recordAt<T>(
  session: LibrarySession,
  place: Place,
  parse: (value: unknown) => T,
): Promise<T | undefined> {
  return (await recordsAt(session, [place], parse))[0];
}

export async function recordsAt<T>(
  session: LibrarySession,
  places: readonly Place[],
  parse: (value: unknown) => T,
): Promise<readonly (T | undefined)[]> {
  const commands = places.map(({ key, field }) => ({
    key,
    args: field === undefined ? ['GET', key] : ['HGET', key, field],
  }));
  const replies = await session.link.sendAll(commands, session.deadlines.scriptMs);
  return replies.map((reply, at) =>
    typeof reply === 'string' ? decodeRecord(session, places[at] as Place, reply, parse) : undefined,
  );
}

/** Those of the assets that the context has, with what is shown of them. */
export async function describe(
  session: LibrarySession,
  context: Context,
  ids: readonly AssetId[],
): Promise<readonly DescribedAsset[]> {
  const read = await recordsAt(
    session,
    ids.map((id) => ({ key: session.keys.asset(id) })),
    assetIn,
  );
  const assets = read.filter((asset): asset is Asset => asset?.context === context);
  const heads = assets.map(({ id, head }) => ({ key: session.keys.versions(id), field: String(head) }));
  const versions = await recordsAt(session, heads, versionIn);
  return assets.map((asset, at) => {
    const version = versions[at];
    return version ? { asset, version } : { asset };
  });
}

/** How many assets of the context were ever erased. */
export async function erasedOf({ link, keys, deadlines }: LibrarySession, context: Context): Promise<number> {
  const key = keys.usage(context);
  return Number((await link.send(key, ['HGET', key, 'erased'], deadlines.setMs)) ?? 0);
}

/** The contexts that have an original. */
export async function contextsHolding(session: LibrarySession, digest: Digest): Promise<readonly Context[]> {
  const { link, keys, deadlines } = session;
  const known = pairsOf(await link.send(keys.contexts, ['HGETALL', keys.contexts], deadlines.scriptMs));
  // Whoever can write to the server can write anything: what is no context is none.
  const contexts = known.flatMap(([, text]) => parsedContext(text) ?? []);
  const commands = contexts.map((context) => ({
    key: keys.held(context),
    args: ['HEXISTS', keys.held(context), digest],
  }));
  const replies = await link.sendAll(commands, deadlines.scriptMs);
  return contexts.filter((_, at) => Number(replies[at]) === 1);
}

/** The last names below `cursor`, the greatest number first. */
export async function latest(
  session: LibrarySession,
  key: string,
  cursor: string | undefined,
  limit: number,
): Promise<{ readonly names: readonly string[]; readonly next?: string }> {
  if (!(limit >= 1 && limit <= MAX_PAGE)) throw new Error(`expected a page of 1 to ${MAX_PAGE}, got ${limit}`);
  const below = cursor === undefined ? '+inf' : `(${numberOf(cursor)}`;
  const args = ['ZREVRANGEBYSCORE', key, below, '-inf', 'WITHSCORES', 'LIMIT', '0', String(limit + 1)];
  const found = scoredIn(await session.link.send(key, args, session.deadlines.getMs));
  const page = found.slice(0, limit);
  const names = page.map(([name]) => name);
  const last = page.at(-1);
  return found.length > limit && last ? { names, next: last[1].toString(36) } : { names };
}

/** Names with their numbers as Redis gives them: pairs by the newer protocol, a flat list by the older one. */
export function scoredIn(reply: unknown): readonly (readonly [name: string, score: number])[] {
  const list = reply as readonly unknown[];
  if (Array.isArray(list[0])) return (list as readonly (readonly unknown[])[]).map(([n, s]) => [String(n), Number(s)]);
  return Array.from({ length: list.length / 2 }, (_, at) => [String(list[2 * at]), Number(list[2 * at + 1])]);
}

function numberOf(cursor: string): number {
  const number = /^[0-9a-z]{1,11}$/.test(cursor) ? Number.parseInt(cursor, 36) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new ProofsheetError('invalid-request-format', 'expected a cursor as a page gave it, got another text');
}

/** The fields of a hash as the client gives them: by protocol a map, an object, or a flat list. */
export function pairsOf(reply: unknown): readonly (readonly [field: string, value: string])[] {
  if (reply instanceof Map) return [...reply].map(([field, value]) => [String(field), String(value)]);
  if (Array.isArray(reply))
    return Array.from({ length: reply.length / 2 }, (_, at) => [String(reply[2 * at]), String(reply[2 * at + 1])]);
  return Object.entries((reply ?? {}) as Record<string, unknown>).map(([field, value]) => [field, String(value)]);
}
