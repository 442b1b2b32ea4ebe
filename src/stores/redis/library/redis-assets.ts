// The Assets port on Redis: reads by index, changes by the books in one commit each.

import { type Digest, parseDigest } from '../../../kernel/digest.js';
import type { Context } from '../../../kernel/image-key.js';
import type { Asset, AssetVersion, DescribedAsset, ExternalReference } from '../../../kernel/library/asset.js';
import { type AssetId, type ImportId, parseAssetId, parseImportId } from '../../../kernel/library/ids.js';
import { type ImportItem, type ImportJob, withoutPicture } from '../../../kernel/library/import-job.js';
import type {
  Acceptance,
  Assets,
  Holders,
  LetGo,
  LibraryUsage,
  NewImport,
  Page,
  PageRequest,
  SweepTimes,
  Swept,
} from '../../../kernel/ports/assets.js';
import type { OriginalName } from '../../../kernel/ports/originals.js';
import type { Argument } from '../connection.js';
import { namesIt } from './asset-book.js';
import { readItem, readItems } from './item-records.js';
import { letGoName, parseLetGo } from './let-go-notes.js';
import type { Books, LibraryChanges } from './library-changes.js';
import {
  contextsHolding,
  describe,
  erasedOf,
  latest,
  pairsOf,
  recordAt,
  recordsAt,
  scoredIn,
} from './library-reads.js';
import { assetIn, importIn, originalIn, parsePlace, versionIn } from './library-records.js';
import { decodeRecord } from './library-session.js';

export class RedisAssets implements Assets {
  constructor(
    private readonly changes: LibraryChanges,
    /** Removes the bytes of an original; those that are not there are removed. */
    private readonly clear: (place: string) => Promise<void>,
  ) {}

  async acceptImport(wanted: NewImport): Promise<Acceptance> {
    if (wanted.items.length === 0) throw new Error('expected an import of at least one item, got none');
    return this.changes.commit(({ imports }) => imports.accept(wanted));
  }

  async findImport(context: Context | undefined, id: ImportId): Promise<ImportJob | undefined> {
    const row = await recordAt(this.session, { key: this.keys.import(id) }, importIn);
    return context === undefined || row?.job.context === context ? row?.job : undefined;
  }

  async itemsOf(id: ImportId): Promise<readonly ImportItem[]> {
    const [items, row] = await Promise.all([
      readItems(this.session, id),
      recordAt(this.session, { key: this.keys.import(id) }, importIn),
    ]);
    // Where nothing was erased since, all that was there still is.
    if (row === undefined || row.erased === (await erasedOf(this.session, row.job.context))) return items;
    const there = await this.existing(items.flatMap(({ assetId }) => assetId ?? []));
    return items.map((item) => (item.assetId === undefined || there(item.assetId) ? item : withoutPicture(item)));
  }

  findItem(id: ImportId, index: number): Promise<ImportItem | undefined> {
    return readItem(this.session, id, index);
  }

  async listImports({
    context,
    cursor,
    limit,
  }: PageRequest & { readonly context?: Context }): Promise<Page<ImportJob>> {
    const found = await latest(this.session, this.keys.importsOf(context), cursor, limit);
    const places = found.names
      .flatMap((name) => parseImportId(name) ?? [])
      .map((id) => ({ key: this.keys.import(id) }));
    const rows = await recordsAt(this.session, places, importIn);
    const entries = rows.flatMap((row) =>
      row && (context === undefined || row.job.context === context) ? row.job : [],
    );
    return { entries, ...(found.next !== undefined && { next: found.next }) };
  }

  async contextOf(id: AssetId): Promise<Context | undefined> {
    return (await recordAt(this.session, { key: this.keys.asset(id) }, assetIn))?.context;
  }

  async findAsset(context: Context, id: AssetId): Promise<DescribedAsset | undefined> {
    return (await describe(this.session, context, [id]))[0];
  }

  async findAssets(context: Context, ids: readonly AssetId[]): Promise<ReadonlyMap<AssetId, DescribedAsset>> {
    const found = await describe(this.session, context, [...new Set(ids)]);
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
    const found = await latest(this.session, this.keys.assetsOf(context, trashed), cursor, limit);
    const ids = found.names.flatMap((name) => parseAssetId(name) ?? []);
    const entries = await describe(this.session, context, ids);
    return { entries, ...(found.next !== undefined && { next: found.next }) };
  }

  async findVersion(context: Context, id: AssetId, number: number): Promise<AssetVersion | undefined> {
    // Only such a number is a field; another text might name something else some day.
    if (!(Number.isSafeInteger(number) && number >= 1)) return undefined;
    const [asset, version] = await Promise.all([
      recordAt(this.session, { key: this.keys.asset(id) }, assetIn),
      recordAt(this.session, { key: this.keys.versions(id), field: String(number) }, versionIn),
    ]);
    return asset?.context === context ? version : undefined;
  }

  async versionsOf(context: Context, id: AssetId): Promise<readonly AssetVersion[]> {
    if ((await this.findAsset(context, id)) === undefined) return [];
    const key = this.keys.versions(id);
    const fields = pairsOf(await this.session.link.send(key, ['HGETALL', key], this.session.deadlines.scriptMs));
    const versions = fields.map(([field, text]) => decodeRecord(this.session, { key, field }, text, versionIn));
    return versions.toSorted((a, b) => b.number - a.number);
  }

  trash(context: Context, id: AssetId): Promise<Asset | undefined> {
    return this.changes.commit(async ({ assets }) => {
      const asset = await assets.asset(context, id);
      return asset && assets.trash(asset);
    });
  }

  restore(context: Context, id: AssetId): Promise<Asset | undefined> {
    return this.changes.commit(async ({ assets }) => {
      const asset = await assets.asset(context, id);
      return asset && assets.restore(asset);
    });
  }

  erase(context: Context, id: AssetId): Promise<boolean> {
    return this.changes.commit(async ({ assets }) => {
      const asset = await assets.asset(context, id);
      if (asset) await assets.erase(asset);
      return asset !== undefined;
    });
  }

  async usage(context?: Context): Promise<LibraryUsage> {
    const fields = ['assets', 'originals', 'bytes', 'openImports', 'openSlots'] as const;
    const reply = (await this.send(['HMGET', this.keys.usage(context), ...fields])) as (string | null)[];
    const [assets = 0, originals = 0, bytes = 0, openImports = 0, openSlots = 0] = reply.map(Number);
    return { assets, originals, bytes, openImports, openSlots };
  }

  async sweep({ trashedBefore, unneededBefore, finishedBefore }: SweepTimes, limit: number): Promise<Swept> {
    const assets = await this.each(this.keys.trash, trashedBefore, limit, async (books, name) => {
      const id = parseAssetId(name);
      const asset = id && (await books.transaction.record({ key: this.keys.asset(id) }, assetIn));
      if (asset?.trashedAt === undefined) return 'stale';
      // Trashed anew since, or under a time that is not its own.
      if (asset.trashedAt >= trashedBefore) return asset.trashedAt;
      await books.assets.erase(asset);
      return 'done';
    });
    const originals = await this.each(this.keys.unneeded, unneededBefore, limit, async (books, name) => {
      const digest = parseDigest(name);
      const row = digest && (await books.assets.original(digest));
      if (digest === undefined || row === undefined || row.refs > 0) return 'stale';
      if (row.since >= unneededBefore) return row.since;
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

  async hasRoom(context: Context, { digest, bytes }: OriginalName, maxBytes: number): Promise<boolean> {
    const { bytes: has } = await this.usage(context);
    if (has + bytes <= maxBytes) return true;
    return Number(await this.send(['HEXISTS', this.keys.held(context), digest])) === 1;
  }

  async holders(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, Holders>> {
    const asked = [...new Set(digests)];
    const places = asked.map((digest) => ({ key: this.keys.original(digest) }));
    const rows = await recordsAt(this.session, places, originalIn);
    const found = new Map<Digest, Holders>();
    for (const [at, digest] of asked.entries()) {
      const row = rows[at];
      if (row === undefined || (row.refs === 0 && !row.kept)) continue;
      const contexts = row.refs > 0 ? await contextsHolding(this.session, digest) : [];
      found.set(digest, { refs: row.refs, contexts });
    }
    return found;
  }

  async dropUnneeded(digest: Digest): Promise<boolean> {
    const outcome = await this.changes.commit(async ({ assets }) => {
      const row = await assets.original(digest);
      if (row === undefined || (row.refs === 0 && !row.kept)) return 'gone';
      return row.refs > 0 ? 'named' : { place: assets.dropBytes(digest, row) };
    });
    if (typeof outcome === 'string') return outcome === 'gone';
    await this.clearPlace(outcome.place);
    return true;
  }

  private async clearPlace(name: string): Promise<void> {
    const place = parsePlace(name);
    if (place !== undefined) await this.clear(place);
    await this.send(['ZREM', this.keys.leaving, name]);
  }

  async letGo(now: number, limit: number): Promise<readonly LetGo[]> {
    const { letGo } = this.keys;
    const args = ['ZRANGEBYSCORE', letGo, '-inf', String(now), 'WITHSCORES', 'LIMIT', '0', String(limit)];
    const found: LetGo[] = [];
    for (const [name, dueAt] of scoredIn(await this.send(args))) {
      const noted = parseLetGo(name);
      if (noted === undefined) await this.send(['ZREM', letGo, name]);
      else {
        const isHeld = (await this.send(['HEXISTS', this.keys.held(noted.context), noted.digest])) === 1;
        found.push({ ...noted, isHeld, dueAt });
      }
    }
    return found;
  }

  noteCleared({ context, digest, isLast }: LetGo, againAt?: number): Promise<void> {
    return this.changes.commit(async ({ transaction }) => {
      const { letGo } = this.keys;
      transaction.call('ZREM', letGo, letGoName({ context, digest, isLast }));
      if (againAt !== undefined)
        transaction.call('ZADD', letGo, String(againAt), letGoName({ context, digest, isLast: true }));
    });
  }

  /** After the commit that forgot them: nobody can name those places any more, whatever is kept anew gets another. */
  private async clearPlaces(limit: number): Promise<void> {
    const { leaving } = this.keys;
    for (const name of (await this.send(['ZRANGE', leaving, '0', String(limit - 1)])) as string[])
      await this.clearPlace(name);
  }

  /**
   * Takes the names dated before `before`, each in a transaction of its own. A step tells the time of one that is dated wrongly. Resolves
   * with for how many something was done.
   */
  private async each(
    key: string,
    before: number,
    limit: number,
    step: (books: Books, name: string) => Promise<'done' | 'left' | 'stale' | number>,
  ): Promise<number> {
    const found = await this.send(['ZRANGEBYSCORE', key, '-inf', `(${before}`, 'LIMIT', '0', String(limit)]);
    let done = 0;
    for (const name of found as string[]) {
      const outcome = await this.changes.commit(async (books) => {
        const outcome = await step(books, name);
        // What is listed and is not so any more would come first in every round.
        if (outcome === 'stale') books.transaction.call('ZREM', key, name);
        if (typeof outcome === 'number') books.transaction.call('ZADD', key, String(outcome), name);
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

  private send(args: Argument[]): Promise<unknown> {
    return this.session.link.send(String(args[1]), args, this.session.deadlines.getMs);
  }

  /** Mostly all are there, which one command tells; each by itself only where some are not. */
  private async existing(ids: readonly AssetId[]): Promise<(id: AssetId) => boolean> {
    if (ids.length === 0) return () => true;
    const keys = ids.map((id) => this.keys.asset(id));
    const { scriptMs } = this.session.deadlines;
    if (Number(await this.session.link.send(keys[0] ?? '', ['EXISTS', ...keys], scriptMs)) === ids.length)
      return () => true;
    const commands = ids.map((id) => ({ key: this.keys.asset(id), args: ['EXISTS', this.keys.asset(id)] }));
    const replies = await this.session.link.sendAll(commands, scriptMs);
    const there = new Set(ids.filter((_, at) => Number(replies[at]) === 1));
    return (id) => there.has(id);
  }
}
