// The Assets port on Redis: reads by index, changes by the books in one commit each.

import { parseDigest } from '../../../kernel/digest.js';
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Context } from '../../../kernel/image-key.js';
import type { Asset, AssetVersion, DescribedAsset, ExternalReference } from '../../../kernel/library/asset.js';
import { type AssetId, type ImportId, parseAssetId, parseImportId } from '../../../kernel/library/ids.js';
import type { ImportItem, ImportJob } from '../../../kernel/library/import-job.js';
import type {
  Acceptance,
  Assets,
  LibraryUsage,
  NewImport,
  Page,
  PageRequest,
  SweepTimes,
  Swept,
} from '../../../kernel/ports/assets.js';
import type { Argument } from '../connection.js';
import { namesIt } from './asset-book.js';
import { type Books, fieldsOf, type LibraryChanges } from './library-changes.js';
import { assetIn, importIn, itemIn, placeIn, versionIn } from './library-records.js';
import { decodeRecord, type Place } from './library-session.js';

const MAX_PAGE = 1_000;

export class RedisAssets implements Assets {
  constructor(
    private readonly changes: LibraryChanges,
    /** Removes the bytes of an original; those that are not there are removed. */
    private readonly clear: (place: string) => Promise<void>,
  ) {}

  async acceptImport(wanted: NewImport): Promise<Acceptance> {
    if (wanted.items.length === 0) throw new Error('expected an import of at least one item, got none');
    return this.write(({ imports }) => imports.accept(wanted));
  }

  async findImport(context: Context | undefined, id: ImportId): Promise<ImportJob | undefined> {
    const row = await this.record({ key: this.keys.import(id) }, importIn);
    return context === undefined || row?.job.context === context ? row?.job : undefined;
  }

  async itemsOf(id: ImportId): Promise<readonly ImportItem[]> {
    const key = this.keys.items(id);
    const { scriptMs } = this.session.deadlines;
    const fields = fieldsOf(await this.session.link.send(key, ['HGETALL', key], scriptMs));
    const items = fields.map(([field, text]) => decodeRecord(this.session, { key, field }, text, itemIn));
    return items.toSorted((a, b) => a.index - b.index);
  }

  findItem(id: ImportId, index: number): Promise<ImportItem | undefined> {
    return this.record({ key: this.keys.items(id), field: String(index) }, itemIn);
  }

  async listImports({
    context,
    cursor,
    limit,
  }: PageRequest & { readonly context?: Context }): Promise<Page<ImportJob>> {
    const found = await this.latest(this.keys.importsOf(context), cursor, limit);
    const places = found.names
      .flatMap((name) => parseImportId(name) ?? [])
      .map((id) => ({ key: this.keys.import(id) }));
    const rows = await this.records(places, importIn);
    const entries = rows.flatMap((row) =>
      row && (context === undefined || row.job.context === context) ? row.job : [],
    );
    return { entries, ...(found.next !== undefined && { next: found.next }) };
  }

  async findAsset(context: Context, id: AssetId): Promise<DescribedAsset | undefined> {
    return (await this.describe(context, [id]))[0];
  }

  async findAssets(context: Context, ids: readonly AssetId[]): Promise<ReadonlyMap<AssetId, DescribedAsset>> {
    const found = await this.describe(context, [...new Set(ids)]);
    return new Map(found.map((described) => [described.asset.id, described]));
  }

  async findByReference(context: Context, reference: ExternalReference): Promise<DescribedAsset | undefined> {
    const key = this.keys.reference(context, reference);
    const id = parseAssetId(String((await this.send(['GET', key])) ?? ''));
    const found = id && (await this.findAsset(context, id));
    return found && namesIt(found.asset, reference) ? found : undefined;
  }

  async findByNumber(context: Context, number: number): Promise<DescribedAsset | undefined> {
    for (const isTrashed of [false, true]) {
      const key = this.keys.assetsOf(context, isTrashed);
      const [name] = (await this.send(['ZRANGEBYSCORE', key, String(number), String(number)])) as string[];
      const id = parseAssetId(name ?? '');
      const found = id && (await this.findAsset(context, id));
      if (found?.asset.number === number) return found;
    }
    return undefined;
  }

  async listAssets(
    context: Context,
    { cursor, limit, trashed = false }: PageRequest & { readonly trashed?: boolean },
  ): Promise<Page<DescribedAsset>> {
    const found = await this.latest(this.keys.assetsOf(context, trashed), cursor, limit);
    const ids = found.names.flatMap((name) => parseAssetId(name) ?? []);
    const entries = await this.describe(context, ids);
    return { entries, ...(found.next !== undefined && { next: found.next }) };
  }

  async findVersion(context: Context, id: AssetId, number: number): Promise<AssetVersion | undefined> {
    // Only such a number is a field; another text might name something else some day.
    if (!(Number.isSafeInteger(number) && number >= 1)) return undefined;
    const [asset, version] = await Promise.all([
      this.record({ key: this.keys.asset(id) }, assetIn),
      this.record({ key: this.keys.versions(id), field: String(number) }, versionIn),
    ]);
    return asset?.context === context ? version : undefined;
  }

  async versionsOf(context: Context, id: AssetId): Promise<readonly AssetVersion[]> {
    if ((await this.findAsset(context, id)) === undefined) return [];
    const key = this.keys.versions(id);
    const fields = fieldsOf(await this.session.link.send(key, ['HGETALL', key], this.session.deadlines.scriptMs));
    const versions = fields.map(([field, text]) => decodeRecord(this.session, { key, field }, text, versionIn));
    return versions.toSorted((a, b) => b.number - a.number);
  }

  trash(context: Context, id: AssetId): Promise<Asset | undefined> {
    return this.write(async ({ assets }) => {
      const asset = await assets.asset(context, id);
      return asset && assets.trash(asset);
    });
  }

  restore(context: Context, id: AssetId): Promise<Asset | undefined> {
    return this.write(async ({ assets }) => {
      const asset = await assets.asset(context, id);
      return asset && assets.restore(asset);
    });
  }

  erase(context: Context, id: AssetId): Promise<boolean> {
    return this.write(async ({ assets }) => {
      const asset = await assets.asset(context, id);
      if (asset) await assets.erase(asset);
      return asset !== undefined;
    });
  }

  async usage(context?: Context): Promise<LibraryUsage> {
    const fields = ['assets', 'originals', 'bytes', 'openImports'] as const;
    const reply = (await this.send(['HMGET', this.keys.usage(context), ...fields])) as (string | null)[];
    const [assets = 0, originals = 0, bytes = 0, openImports = 0] = reply.map(Number);
    return { assets, originals, bytes, openImports };
  }

  async sweep({ trashedBefore, unneededBefore, finishedBefore }: SweepTimes, limit: number): Promise<Swept> {
    const assets = await this.each(this.keys.trash, trashedBefore, limit, async (books, name) => {
      const id = parseAssetId(name);
      const asset = id && (await books.transaction.record({ key: this.keys.asset(id) }, assetIn));
      if (asset?.trashedAt === undefined) return 'stale';
      await books.assets.erase(asset);
      return 'done';
    });
    const originals = await this.each(this.keys.unneeded, unneededBefore, limit, async (books, name) => {
      const digest = parseDigest(name);
      const row = digest && (await books.assets.original(digest));
      if (digest === undefined || row === undefined || row.refs > 0) return 'stale';
      if (row.since >= unneededBefore) return 'left';
      books.assets.forgetOriginal(digest, row);
      return row.kept ? 'done' : 'left';
    });
    const imports = await this.each(this.keys.ended, finishedBefore, limit, async (books, name) => {
      const id = parseImportId(name);
      if (id) await books.imports.forget(id);
      return id ? 'done' : 'stale';
    });
    await this.clearPlaces(limit);
    return { assets, originals, imports };
  }

  /** After the commit that forgot them: nobody can name those places any more, whatever is kept anew gets another. */
  private async clearPlaces(limit: number): Promise<void> {
    const { leaving } = this.keys;
    for (const name of (await this.send(['ZRANGE', leaving, '0', String(limit - 1)])) as string[]) {
      await this.clear(placeIn(name));
      await this.send(['ZREM', leaving, name]);
    }
  }

  /** Takes the names dated before `before`, each in a transaction of its own. Resolves with for how many something was done. */
  private async each(
    key: string,
    before: number,
    limit: number,
    step: (books: Books, name: string) => Promise<'done' | 'left' | 'stale'>,
  ): Promise<number> {
    const found = await this.send(['ZRANGEBYSCORE', key, '-inf', `(${before}`, 'LIMIT', '0', String(limit)]);
    let done = 0;
    for (const name of found as string[]) {
      const outcome = await this.write(async (books) => {
        const outcome = await step(books, name);
        // What is listed and is not so any more would come first in every round.
        if (outcome === 'stale') books.transaction.call('ZREM', key, name);
        return outcome;
      });
      if (outcome === 'done') done++;
    }
    return done;
  }

  private get session() {
    return this.changes.session;
  }

  private get keys() {
    return this.changes.session.keys;
  }

  private async write<T>(work: (books: Books) => Promise<T>): Promise<T> {
    const outcome = await this.changes.write(work);
    // Only what stands on a lease can lose one.
    if (outcome === 'lost') throw new Error('expected a commit without a lease to be kept, got one that was lost');
    return outcome;
  }

  private send(args: Argument[]): Promise<unknown> {
    return this.session.link.send(String(args[1]), args, this.session.deadlines.getMs);
  }

  private async record<T>(place: Place, parse: (value: unknown) => T): Promise<T | undefined> {
    return (await this.records([place], parse))[0];
  }

  private async records<T>(
    places: readonly Place[],
    parse: (value: unknown) => T,
  ): Promise<readonly (T | undefined)[]> {
    const commands = places.map(({ key, field }) => ({
      key,
      args: field === undefined ? ['GET', key] : ['HGET', key, field],
    }));
    const replies = await this.session.link.sendAll(commands, this.session.deadlines.scriptMs);
    return replies.map((reply, at) =>
      typeof reply === 'string' ? decodeRecord(this.session, places[at] as Place, reply, parse) : undefined,
    );
  }

  /** Those of the assets that the context has, with what is shown of them. */
  private async describe(context: Context, ids: readonly AssetId[]): Promise<readonly DescribedAsset[]> {
    const read = await this.records(
      ids.map((id) => ({ key: this.keys.asset(id) })),
      assetIn,
    );
    const assets = read.filter((asset): asset is Asset => asset?.context === context);
    const heads = assets.map(({ id, head }) => ({ key: this.keys.versions(id), field: String(head) }));
    const versions = await this.records(heads, versionIn);
    return assets.map((asset, at) => {
      const version = versions[at];
      return version ? { asset, version } : { asset };
    });
  }

  /** The last names below `cursor`, the greatest number first. */
  private async latest(
    key: string,
    cursor: string | undefined,
    limit: number,
  ): Promise<{ readonly names: readonly string[]; readonly next?: string }> {
    if (!(limit >= 1 && limit <= MAX_PAGE)) throw new Error(`expected a page of 1 to ${MAX_PAGE}, got ${limit}`);
    const below = cursor === undefined ? '+inf' : `(${numberOf(cursor)}`;
    const more = String(limit + 1);
    const reply = await this.send(['ZREVRANGEBYSCORE', key, below, '-inf', 'WITHSCORES', 'LIMIT', '0', more]);
    const found = scoredIn(reply);
    const page = found.slice(0, limit);
    const names = page.map(([name]) => name);
    const last = page.at(-1);
    return found.length > limit && last ? { names, next: last[1].toString(36) } : { names };
  }
}

/** Names with their numbers: pairs by the newer protocol, a flat list by the older one. */
function scoredIn(reply: unknown): readonly (readonly [name: string, score: number])[] {
  const list = reply as readonly unknown[];
  if (Array.isArray(list[0])) return (list as readonly (readonly unknown[])[]).map(([n, s]) => [String(n), Number(s)]);
  return Array.from({ length: list.length / 2 }, (_, at) => [String(list[2 * at]), Number(list[2 * at + 1])]);
}

function numberOf(cursor: string): number {
  const number = /^[0-9a-z]{1,11}$/.test(cursor) ? Number.parseInt(cursor, 36) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new ProofsheetError('invalid-request-format', 'expected a cursor as a page gave it, got another text');
}
