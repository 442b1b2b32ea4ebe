// The contract of BlobStore: what every tier and every backend of blobs does.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import type { BlobStore } from '../../src/kernel/ports/blobs.js';
import { blobOf } from '../support/records.js';
import { withTempDir } from '../support/temp-dir.js';
import { type ContractCase, describeContract, type Open } from './contract.js';

export interface BlobStoreSubject {
  /** An empty store that has room for 8 MiB. */
  readonly blobs: BlobStore;
  /** Of the largest preview that it takes, where it is not those 8 MiB. */
  readonly maxPreviewBytes?: number;
}

/** A store whose bytes can be damaged behind its back, as disks and networks do. */
export interface DamageableSubject extends BlobStoreSubject {
  /** Flips one bit of the stored bytes. */
  flipBit(digest: Digest): Promise<void>;
  /** Drops the last stored byte. */
  truncate(digest: Digest): Promise<void>;
}

export const blobStoreCases: readonly ContractCase<BlobStoreSubject>[] = [
  ...[0, 1, 60_000, 3_000_000].map((length) => ({
    name: `gives back a blob of ${length} bytes as it was put`,
    run: async ({ blobs }: BlobStoreSubject) => {
      const { digest, bytes } = blobOf('put', length);
      await blobs.put(digest, bytes, 'preview');
      expect(await blobs.has(digest)).toBe(true);
      const got = await blobs.get(digest);
      expect(got?.equals(bytes)).toBe(true);
    },
  })),
  {
    name: 'takes previews up to its bound, and gives whatever it takes',
    run: async ({ blobs, maxPreviewBytes = 8 << 20 }) => {
      const [most, more, small] = [
        blobOf('most', maxPreviewBytes),
        blobOf('more', maxPreviewBytes + 1),
        blobOf('small'),
      ];
      await blobs.put(most.digest, most.bytes, 'preview');
      expect((await blobs.get(most.digest))?.equals(most.bytes)).toBe(true);
      await blobs.delete(most.digest);
      const isTaken = await blobs.put(more.digest, more.bytes, 'preview').then(
        // Memory may keep nothing of what it is given.
        () => blobs.tier !== 'memory' || blobs.has(more.digest),
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'storage-full' });
          return false;
        },
      );
      // More often than a backend that is away is asked: one blob keeps nobody from the others.
      for (let reads = 0; reads < 6; reads++)
        expect((await blobs.get(more.digest))?.equals(more.bytes) ?? false).toBe(isTaken);
      await blobs.put(small.digest, small.bytes, 'preview');
      expect(await blobs.get(small.digest)).toEqual(small.bytes);
    },
  },
  {
    name: 'keeps blobs apart, and absent ones absent',
    run: async ({ blobs }) => {
      const [one, two, absent] = [blobOf('1'), blobOf('2'), blobOf('3')];
      await blobs.put(one.digest, one.bytes, 'preview');
      await blobs.put(two.digest, two.bytes, 'source');
      expect(await blobs.get(one.digest)).toEqual(one.bytes);
      expect(await blobs.get(two.digest)).toEqual(two.bytes);
      expect(await blobs.get(absent.digest)).toBeUndefined();
      expect(await blobs.has(absent.digest)).toBe(false);
    },
  },
  {
    name: 'refuses bytes whose digest is another one, and stores nothing',
    run: async ({ blobs }) => {
      const [named, other] = [blobOf('named'), blobOf('other')];
      await expect(blobs.put(named.digest, other.bytes, 'preview')).rejects.toMatchObject({ code: 'internal' });
      expect(await blobs.has(named.digest)).toBe(false);
      expect(await blobs.get(named.digest)).toBeUndefined();
    },
  },
  {
    name: 'holds its own bytes: what the caller does to its buffer later changes nothing',
    run: async ({ blobs }) => {
      const { digest, bytes } = blobOf('mine');
      const callers = Buffer.from(bytes);
      await blobs.put(digest, callers, 'preview');
      callers.fill(0);
      expect(await blobs.get(digest)).toEqual(bytes);
    },
  },
  {
    name: 'takes bytes that are a view of a larger buffer',
    run: async ({ blobs }) => {
      const { digest, bytes } = blobOf('view', 100);
      const parent = Buffer.alloc(1000, 'x');
      bytes.copy(parent, 300);
      await blobs.put(digest, parent.subarray(300, 400), 'preview');
      expect(await blobs.get(digest)).toEqual(bytes);
    },
  },
  {
    name: 'takes the same blob twice, also at the same time',
    run: async ({ blobs }) => {
      const { digest, bytes } = blobOf('twice', 10_000);
      await Promise.all(Array.from({ length: 8 }, () => blobs.put(digest, bytes, 'preview')));
      await blobs.put(digest, bytes, 'source');
      expect(await blobs.get(digest)).toEqual(bytes);
    },
  },
  {
    name: 'stores a file',
    run: ({ blobs }) =>
      withTempDir(async (dir) => {
        const { digest, bytes } = blobOf('file', 70_000);
        const path = join(dir, 'upload');
        await writeFile(path, bytes);
        await blobs.putFile(digest, path, 'source');
        expect(await blobs.get(digest)).toEqual(bytes);
      }),
  },
  {
    name: 'refuses a file whose digest is another one, and stores nothing',
    run: ({ blobs }) =>
      withTempDir(async (dir) => {
        const [named, other] = [blobOf('named'), blobOf('other')];
        const path = join(dir, 'upload');
        await writeFile(path, other.bytes);
        await expect(blobs.putFile(named.digest, path, 'source')).rejects.toMatchObject({ code: 'internal' });
        expect(await blobs.has(named.digest)).toBe(false);
        expect(await blobs.get(named.digest)).toBeUndefined();
      }),
  },
  {
    name: 'never gives out a file under another digest, even when its caller says that it was hashed',
    run: ({ blobs }) =>
      withTempDir(async (dir) => {
        const [named, other] = [blobOf('named'), blobOf('other')];
        const path = join(dir, 'upload');
        await writeFile(path, other.bytes);
        await blobs.putFile(named.digest, path, 'source', true).catch(() => undefined);
        expect(await blobs.get(named.digest)).toBeUndefined();
        await writeFile(path, named.bytes);
        await blobs.putFile(named.digest, path, 'source', true);
        expect(await blobs.get(named.digest)).toEqual(named.bytes);
      }),
  },
  {
    name: 'copies a blob to a new file',
    run: ({ blobs }) =>
      withTempDir(async (dir) => {
        const { digest, bytes } = blobOf('copy', 70_000);
        await blobs.put(digest, bytes, 'source');
        const path = join(dir, 'copy');
        expect(await blobs.copyTo(digest, path)).toBe(true);
        expect(await readFile(path)).toEqual(bytes);
        expect(await readdir(dir)).toEqual(['copy']);
      }),
  },
  {
    name: 'a copy outlives its blob',
    run: ({ blobs }) =>
      withTempDir(async (dir) => {
        const { digest, bytes } = blobOf('copy');
        await blobs.put(digest, bytes, 'source');
        const path = join(dir, 'copy');
        await blobs.copyTo(digest, path);
        await blobs.delete(digest);
        expect(await readFile(path)).toEqual(bytes);
      }),
  },
  {
    name: 'leaves no file when the blob to copy is absent',
    run: ({ blobs }) =>
      withTempDir(async (dir) => {
        const there = blobOf('there');
        await blobs.put(there.digest, there.bytes, 'source');
        const path = join(dir, 'copy');
        expect(await blobs.copyTo(blobOf('absent').digest, path)).toBe(false);
        expect(await readdir(dir)).toEqual([]);
        expect(await blobs.copyTo(there.digest, path)).toBe(true);
      }),
  },
  {
    name: 'forgets a deleted blob, and it can be put again',
    run: async ({ blobs }) => {
      const [gone, kept] = [blobOf('gone'), blobOf('kept')];
      await blobs.put(gone.digest, gone.bytes, 'preview');
      await blobs.put(kept.digest, kept.bytes, 'preview');
      await blobs.delete(gone.digest);
      await blobs.delete(blobOf('never there').digest);
      expect(await blobs.has(gone.digest)).toBe(false);
      expect(await blobs.get(gone.digest)).toBeUndefined();
      expect(await blobs.get(kept.digest)).toEqual(kept.bytes);
      await blobs.put(gone.digest, gone.bytes, 'preview');
      expect(await blobs.get(gone.digest)).toEqual(gone.bytes);
    },
  },
  ...(
    [
      ['begin', 0, 100],
      ['middle', 12_345, 30_000],
      ['end', 69_999, 1],
      ['whole', 0, 70_000],
    ] as const
  ).map(([which, start, length]) => ({
    name: `gives the ${which} of a blob alone`,
    run: async ({ blobs }: BlobStoreSubject) => {
      const { digest, bytes } = blobOf('parts', 70_000);
      await blobs.put(digest, bytes, 'pyramid');
      const part = bytes.subarray(start, start + length);
      const got = await blobs.slice({ of: digest, start, bytes: length, digest: digestOf(part) });
      expect(got?.equals(part)).toBe(true);
      expect(await blobs.get(digest)).toEqual(bytes);
    },
  })),
  {
    name: 'gives no part of a blob that is absent, and keeps the others',
    run: async ({ blobs }) => {
      const [there, absent] = [blobOf('there', 1_000), blobOf('absent', 1_000)];
      await blobs.put(there.digest, there.bytes, 'pyramid');
      const part = { start: 10, bytes: 20, digest: digestOf(there.bytes.subarray(10, 30)) };
      expect(await blobs.slice({ of: absent.digest, ...part })).toBeUndefined();
      expect(await blobs.slice({ of: there.digest, ...part })).toEqual(there.bytes.subarray(10, 30));
    },
  },
  {
    name: 'never gives a part under another digest than its own',
    run: async ({ blobs }) => {
      const { digest, bytes } = blobOf('parts', 1_000);
      const wrong = { of: digest, start: 10, bytes: 20, digest: blobOf('other').digest };
      await blobs.put(digest, bytes, 'pyramid');
      expect(await blobs.slice(wrong)).toBeUndefined();
      await blobs.put(digest, bytes, 'pyramid');
      expect(await blobs.slice({ ...wrong, digest: digestOf(bytes.subarray(10, 30)) })).toEqual(bytes.subarray(10, 30));
    },
  },
  {
    name: 'gives at once what it gives, or nothing, and nothing of what is gone',
    run: async ({ blobs }) => {
      const { digest, bytes } = blobOf('parts', 1_000);
      const part = { of: digest, start: 10, bytes: 20, digest: digestOf(bytes.subarray(10, 30)) };
      expect(blobs.sliceNow?.(part)).toBeUndefined();
      await blobs.put(digest, bytes, 'pyramid');
      for (let reads = 0; reads < 4; reads++) {
        expect([undefined, bytes.subarray(10, 30)]).toContainEqual(blobs.sliceNow?.(part));
        expect(blobs.sliceNow?.({ ...part, digest: blobOf('other').digest })).toBeUndefined();
      }
      expect(await blobs.slice(part)).toEqual(bytes.subarray(10, 30));
      await blobs.delete(digest);
      expect(blobs.sliceNow?.(part)).toBeUndefined();
    },
  },
  {
    name: 'gives many parts at once',
    run: async ({ blobs }) => {
      const { digest, bytes } = blobOf('parts', 40_000);
      await blobs.put(digest, bytes, 'pyramid');
      const parts = Array.from({ length: 40 }, (_, n) => bytes.subarray(1_000 * n, 1_000 * (n + 1)));
      const got = await Promise.all(
        parts.map((part, n) =>
          blobs.slice({ of: digest, start: 1_000 * n, bytes: part.length, digest: digestOf(part) }),
        ),
      );
      expect(got).toEqual(parts);
    },
  },
  {
    name: 'serves many at once',
    run: async ({ blobs }) => {
      const all = Array.from({ length: 40 }, (_, n) => blobOf(`${n}`, 2_000));
      await Promise.all(all.map(({ digest, bytes }) => blobs.put(digest, bytes, 'preview')));
      const got = await Promise.all(all.map(({ digest }) => blobs.get(digest)));
      expect(got).toEqual(all.map(({ bytes }) => bytes));
    },
  },
];

/** For stores outside the process's memory. */
export const damagedBlobCases: readonly ContractCase<DamageableSubject>[] = (['flipBit', 'truncate'] as const).map(
  (damage) => ({
    name: `never serves a blob after ${damage}, and takes it anew`,
    run: (subject: DamageableSubject) =>
      withTempDir(async (dir) => {
        const { blobs } = subject;
        const { digest, bytes } = blobOf('damaged', 60_000);
        await blobs.put(digest, bytes, 'preview');
        await subject[damage](digest);
        expect(await blobs.copyTo(digest, join(dir, 'copy'))).toBe(false);
        expect(await readdir(dir)).toEqual([]);
        await blobs.put(digest, bytes, 'preview');
        await subject[damage](digest);
        expect(await blobs.get(digest)).toBeUndefined();
        expect(await blobs.has(digest)).toBe(false);
        await blobs.put(digest, bytes, 'preview');
        expect(await blobs.get(digest)).toEqual(bytes);
        const part = { of: digest, start: 0, bytes: bytes.length, digest };
        await subject[damage](digest);
        expect(await blobs.slice(part)).toBeUndefined();
        expect(await blobs.has(digest)).toBe(false);
        await blobs.put(digest, bytes, 'pyramid');
        expect(await blobs.slice(part)).toEqual(bytes);
        // Read again and again, it may be known by less than its digest.
        for (let reads = 0; reads < 3; reads++) expect(await blobs.slice(part)).toEqual(bytes);
        await subject[damage](digest);
        expect(blobs.sliceNow?.(part)).toBeUndefined();
        expect(await blobs.slice(part)).toBeUndefined();
        expect(await blobs.has(digest)).toBe(false);
      }),
  }),
);

export function blobStoreContract(name: string, open: Open<BlobStoreSubject>): void {
  describeContract(`${name} keeps the blob store contract`, blobStoreCases, open);
}

export function damagedBlobContract(name: string, open: Open<DamageableSubject>): void {
  describeContract(`${name} detects damage`, damagedBlobCases, open);
}
