// The contract of Folders: made once, found by every client of their context, batches in the order in which they came.
import { expect } from 'vitest';
import type { Context } from '../../src/kernel/image-key.js';
import type { Folder, FolderId } from '../../src/kernel/library/folder.js';
import type { ImportId } from '../../src/kernel/library/ids.js';
import type { Folders } from '../../src/kernel/ports/folders.js';
import { type ContractCase, describeContract, type Open } from './contract.js';

export interface FoldersSubject {
  readonly folders: Folders;
  readonly peer: { readonly folders: Folders };
}

const TENANT = 'tenant' as Context;
const OTHER = 'other' as Context;
const ID = 'Abc123' as FolderId;
const folder: Omit<Folder, 'createdAt'> = {
  ...{ id: ID, context: TENANT, parentId: 'root00' as FolderId },
  ...{ name: 'Grün', type: 'album' },
};
const batch = (name: string, images = 3) => ({ importId: name.padEnd(12, 'x') as ImportId, images });

export const foldersCases: readonly ContractCase<FoldersSubject>[] = [
  {
    name: 'makes a folder once, within its context',
    run: async ({ folders, peer }) => {
      expect(await folders.find(TENANT, ID)).toBeUndefined();
      expect(await folders.create(folder)).toBe(true);
      expect(await peer.folders.create({ ...folder, name: 'another' })).toBe(false);
      expect(await peer.folders.find(TENANT, ID)).toEqual({ ...folder, createdAt: expect.any(Number) });
      expect(await folders.find(OTHER, ID)).toBeUndefined();
      expect(await folders.create({ ...folder, context: OTHER })).toBe(true);
      expect(await folders.find(TENANT, 'abc123' as FolderId)).toBeUndefined();
    },
  },
  {
    name: 'keeps batches in their order, apart by folder and by context',
    run: async ({ folders, peer }) => {
      for (const name of ['a', 'b', 'c'])
        await (name === 'b' ? peer : { folders }).folders.add(TENANT, ID, batch(name));
      await folders.add(OTHER, ID, batch('d', 1));
      await folders.add(TENANT, 'Abc124' as FolderId, batch('e'));
      await peer.folders.add(TENANT, ID, batch('f'));
      for (const { folders: each } of [{ folders }, peer]) {
        expect(await each.batchesOf(TENANT, ID)).toEqual(['a', 'b', 'c', 'f'].map((name) => batch(name)));
        expect(await each.batchesOf(OTHER, ID)).toEqual([batch('d', 1)]);
      }
      expect(await folders.batchesOf(TENANT, 'zzzzzz' as FolderId)).toEqual([]);
    },
  },
  {
    name: 'takes back the batch of an import, of that folder alone, and adds behind what is left',
    run: async ({ folders, peer }) => {
      for (const name of ['a', 'b', 'c']) await folders.add(TENANT, ID, batch(name));
      await folders.add(OTHER, ID, batch('c'));
      const left = () => peer.folders.batchesOf(TENANT, ID);
      await peer.folders.withdraw(TENANT, ID, batch('c').importId);
      expect(await left()).toEqual([batch('a'), batch('b')]);
      await folders.withdraw(TENANT, ID, batch('unknown').importId);
      await folders.withdraw(TENANT, ID, batch('a').importId);
      await folders.add(TENANT, ID, batch('d'));
      expect(await left()).toEqual([batch('b'), batch('d')]);
      expect(await folders.batchesOf(OTHER, ID)).toEqual([batch('c')]);
    },
  },
];

export function foldersContract(name: string, open: Open<FoldersSubject>): void {
  describeContract(`${name} keeps the folders contract`, foldersCases, open);
}
