// The contract of WorkNotes: what one client writes every other reads, the last word of each name.
import { expect } from 'vitest';
import type { WorkNotes } from '../../src/kernel/ports/work-notes.js';
import { type ContractCase, describeContract, type Open } from './contract.js';

export interface WorkNotesSubject {
  readonly notes: WorkNotes;
  /** Another client of the same backend, as another process would have it. */
  readonly peer: WorkNotes;
}

export const workNotesCases: readonly ContractCase<WorkNotesSubject>[] = [
  {
    name: 'tells every client what was written last under a name, and nothing under others',
    run: async ({ notes, peer }) => {
      const first = { run: 'ä', made: 1, more: [null, true] };
      await notes.write('work', first);
      expect(await peer.read('work')).toEqual(first);
      await peer.write('work', { ...first, made: 2 });
      expect(await notes.read('work')).toEqual({ ...first, made: 2 });
      expect(await notes.read('other')).toBeUndefined();
    },
  },
];

export function workNotesContract(name: string, open: Open<WorkNotesSubject>): void {
  describeContract(`${name} keep the contract of notes`, workNotesCases, open);
}
