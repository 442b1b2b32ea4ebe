// The library's words: ids, what arrived bytes become, repeated references, waits between attempts, and the sliding quota.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import type { Context } from '../../../src/kernel/image-key.js';
import { type DescribedAsset, settle } from '../../../src/kernel/library/asset.js';
import {
  type AssetId,
  newAssetId,
  newImportId,
  parseAssetId,
  parseImportId,
  parseTenantId,
} from '../../../src/kernel/library/ids.js';
import {
  endedCount,
  isFinal,
  itemsOf,
  itemWorkId,
  NONE_ENDED,
  parseItemWorkId,
} from '../../../src/kernel/library/import-job.js';
import { fitsAt, QUOTA_KEPT_MS, type Reserved } from '../../../src/kernel/library/quota.js';
import { MAX_ATTEMPTS, reasonOfError, retryWaitMs } from '../../../src/kernel/library/reason.js';

describe('an id', () => {
  test('is read back, is never made twice, and holds every letter of its alphabet equally often', () => {
    const ids = Array.from({ length: 3_000 }, newAssetId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(parseAssetId(id)).toBe(id);
    const counts = new Map<string, number>();
    for (const letter of ids.join('')) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    expect(counts.size).toBe(36);
    // 39,000 letters, 1,083 of each; six standard deviations are 195.
    for (const count of counts.values()) expect(Math.abs(count - 1_083)).toBeLessThan(195);
  });

  test('of an import has 12 characters, and one of another length or with other letters is none', () => {
    const id = newImportId();
    expect(parseImportId(id)).toBe(id);
    for (const text of ['', id.slice(1), `${id}a`, id.toUpperCase(), `${id.slice(1)}\n`, '../../etc/pwd'])
      expect(parseImportId(text)).toBeUndefined();
    for (const text of ['', 'A', 'a b', 'a'.repeat(65)]) expect(parseTenantId(text)).toBeUndefined();
    expect(parseTenantId('agency-1')).toBe('agency-1');
  });

  test('of work in the queue names import and index, and nothing else is read as one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999 }), (index) => {
        const importId = newImportId();
        expect(parseItemWorkId(itemWorkId(importId, index))).toEqual({ importId, index });
      }),
    );
    for (const text of ['abc.1', `${newImportId()}.`, `${newImportId()}:1`, `${newImportId()}.1000000`])
      expect(parseItemWorkId(text)).toBeUndefined();
  });
});

describe('arrived bytes', () => {
  const [a, b] = [digestOf(Buffer.from('a')), digestOf(Buffer.from('b'))];
  const known = (digest: typeof a, trashedAt?: number): DescribedAsset => ({
    asset: {
      id: newAssetId(),
      number: 1,
      context: '' as Context,
      title: 't',
      mediaType: 'image',
      metadata: {},
      createdVia: 'import',
      state: 'processed',
      head: 1,
      versions: 1,
      revision: 1,
      createdAt: 0,
      updatedAt: 0,
      ...(trashedAt !== undefined && { trashedAt }),
    },
    version: {
      assetId: 'aaaaaaaaaaaaa' as AssetId,
      number: 1,
      digest,
      md5: '',
      bytes: 1,
      type: 'jpeg',
      widthPx: 1,
      heightPx: 1,
      createdAt: 0,
    },
  });

  test('become an asset, a version of the known one, or nothing new; one in the trash counts as unknown', () => {
    expect(settle(undefined, { digest: a })).toBe('new-asset');
    expect(settle(known(a), { digest: a })).toBe('already-exists');
    expect(settle(known(a), { digest: b })).toBe('new-version');
    expect(settle(known(a, 5), { digest: a })).toBe('new-asset');
  });
});

describe('a batch', () => {
  test('keeps its order, and of equal references only the first is fetched', () => {
    const wanted = fc.record({
      url: fc.webUrl(),
      title: fc.string(),
      reference: fc.option(
        fc.record({ system: fc.constantFrom('a', 'b'), externalId: fc.constantFrom('1', '2', 'a:b/c', '') }),
        { nil: undefined },
      ),
    });
    fc.assert(
      fc.property(fc.array(wanted, { maxLength: 20 }), (batch) => {
        const items = itemsOf(
          newImportId(),
          batch.map(({ reference, ...item }) => ({ ...item, ...(reference && { reference }) })),
        );
        expect(items.map(({ index, url }) => [index, url])).toEqual(batch.map(({ url }, index) => [index, url]));
        const queued = items.filter(({ state }) => state === 'queued');
        const names = queued.flatMap(({ reference }) =>
          reference ? [`${reference.system}|${reference.externalId}`] : [],
        );
        expect(new Set(names).size).toBe(names.length);
        for (const item of items.filter(({ state }) => state !== 'queued')) {
          expect(item).toMatchObject({ state: 'skipped', reason: { code: 'duplicate-in-batch' } });
          expect(isFinal(item.state)).toBe(true);
          const first = items.find(({ reference }) => JSON.stringify(reference) === JSON.stringify(item.reference));
          expect(first?.state).toBe('queued');
        }
      }),
    );
  });

  test('has ended items counted over all final states', () => {
    expect(endedCount(NONE_ENDED)).toBe(0);
    expect(endedCount({ succeeded: 1, skipped: 2, failed: 3, cancelled: 4 })).toBe(10);
  });
});

describe('another attempt', () => {
  test('comes after at most 10 s, 1 min and 10 min, spread by chance, and there is no fifth', () => {
    for (const [attempts, longest] of [10_000, 60_000, 600_000].entries()) {
      expect(retryWaitMs(attempts + 1, 0)).toBe(0);
      expect(retryWaitMs(attempts + 1, 1)).toBe(longest);
    }
    expect(MAX_ATTEMPTS).toBe(4);
    expect(retryWaitMs(4, 0.5)).toBeUndefined();
  });

  test('never comes before the origin wants it, which is listened to up to an hour', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 0, max: 10_000_000 }),
        (attempts, share, asked) => {
          const wait = retryWaitMs(attempts, share, asked) ?? -1;
          expect(wait).toBeGreaterThanOrEqual(Math.min(asked, 3_600_000));
          expect(wait).toBeLessThanOrEqual(3_600_000 + 600_000);
        },
      ),
    );
    expect(retryWaitMs(1, 0, -5)).toBe(0);
  });

  test('makes no sense for what the bytes are, and is not judged by what this server lacks', () => {
    expect(reasonOfError('source-undecodable')).toBe('image-damaged');
    expect(reasonOfError('source-type-refused')).toBe('type-not-enabled');
    expect(reasonOfError('storage-full')).toBeUndefined();
    expect(reasonOfError('overloaded')).toBeUndefined();
  });
});

describe('a quota of images a day', () => {
  const window = fc.array(
    fc.record({ at: fc.integer({ min: 1, max: 1_000 }), images: fc.integer({ min: 1, max: 9 }) }),
    {
      maxLength: 12,
    },
  );

  test('takes a batch as a whole, at the first moment when enough has left the window', () => {
    fc.assert(
      fc.property(window, fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 40 }), (entries, asked, limit) => {
        const sorted: readonly Reserved[] = entries.toSorted((x, y) => x.at - y.at);
        const usedAt = (now: number) =>
          sorted.filter(({ at }) => at + QUOTA_KEPT_MS > now).reduce((sum, { images }) => sum + images, 0);
        const now = 1_000;
        const at = fitsAt(sorted, asked, limit, now);
        if (at === undefined) expect(asked).toBeGreaterThan(limit);
        else {
          expect(usedAt(at) + asked).toBeLessThanOrEqual(limit);
          if (at > now) expect(usedAt(at - 1) + asked).toBeGreaterThan(limit);
        }
      }),
    );
  });

  test('refuses ten more beside 99 of 100, though one was left', () => {
    expect(fitsAt([{ at: 5, images: 99 }], 10, 100, 10)).toBe(5 + QUOTA_KEPT_MS);
    expect(fitsAt([{ at: 5, images: 99 }], 1, 100, 10)).toBe(10);
  });
});
