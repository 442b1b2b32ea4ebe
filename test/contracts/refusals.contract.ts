// The contract of Refusals: what failed is remembered for a bounded time and in a bounded number, over all clients.
import { expect } from 'vitest';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import type { Failure, Refusal, Refusals } from '../../src/kernel/ports/refusals.js';
import { type ContractCase, collect, describeContract, type Open, type Whole } from './contract.js';

export const REFUSALS_TTL_MS = 60_000;
export const REFUSALS_MAX_ENTRIES = 20;

export interface RefusalsSubject {
  /** Remembers for `REFUSALS_TTL_MS`, at most `REFUSALS_MAX_ENTRIES`. */
  readonly refusals: Refusals;
  /** Another client of the same backend, as another process would have it. */
  readonly peer: Refusals;
  /** A client of the same backend with other limits on what can be converted. */
  readonly otherRules: Refusals;
  /** Unix ms by the wall clock of all of them. */
  now(): number;
  /** Lets time pass for all of them. */
  advance(ms: number): Promise<void>;
}

const CORRUPT: Whole<Failure> = { code: 'source-undecodable', message: 'it is corrupt', certain: true };
const SLOW: Failure = { code: 'conversion-timeout', message: 'it took too long', certain: false };
const source = (name: string): Digest => digestOf(Buffer.from(name));
const all = async (refusals: Refusals): Promise<Refusal[]> => (await collect(refusals.list())).flat();

export const refusalsCases: readonly ContractCase<RefusalsSubject>[] = [
  {
    name: 'tells every client what a source failed with, and nothing about others',
    run: async ({ refusals, peer, now }) => {
      await refusals.note(source('a'), CORRUPT);
      const until = now() + REFUSALS_TTL_MS;
      const told: Whole<Refusal> = { source: source('a'), ...CORRUPT, strikes: 1, until };
      for (const client of [refusals, peer]) expect(await client.find(source('a'))).toEqual(told);
      expect(await peer.find(source('b'))).toBeUndefined();
    },
  },
  {
    name: 'counts strikes over all clients, keeps the last failure, and stays certain',
    run: async ({ refusals, peer }) => {
      await refusals.note(source('a'), SLOW);
      expect(await peer.find(source('a'))).toMatchObject({ strikes: 1, certain: false });
      await peer.note(source('a'), CORRUPT);
      await refusals.note(source('a'), SLOW);
      expect(await peer.find(source('a'))).toMatchObject({ ...SLOW, strikes: 3, certain: true });
      expect(await all(refusals)).toHaveLength(1);
    },
  },
  {
    name: 'counts each of many strikes at once',
    run: async ({ refusals, peer }) => {
      await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? refusals : peer).note(source('a'), SLOW)));
      expect(await refusals.find(source('a'))).toMatchObject({ strikes: 20 });
    },
  },
  {
    name: 'forgets after its time, which every note starts anew; then it is the first strike again',
    run: async ({ refusals, peer, advance }) => {
      await refusals.note(source('a'), SLOW);
      await advance(REFUSALS_TTL_MS - 1_000);
      expect(await peer.find(source('a'))).toMatchObject({ strikes: 1 });
      await refusals.note(source('a'), SLOW);
      await advance(REFUSALS_TTL_MS - 1_000);
      expect(await peer.find(source('a'))).toMatchObject({ strikes: 2 });
      await advance(2_000);
      expect(await peer.find(source('a'))).toBeUndefined();
      expect(await all(refusals)).toEqual([]);
      await refusals.note(source('a'), SLOW);
      expect(await refusals.find(source('a'))).toMatchObject({ strikes: 1 });
    },
  },
  {
    name: 'remembers a bounded number: those that are forgotten soonest make room',
    run: async ({ refusals, peer, advance }) => {
      for (let n = 0; n < REFUSALS_MAX_ENTRIES + 5; n++) {
        await refusals.note(source(`${n}`), CORRUPT);
        await advance(10);
      }
      expect(await all(peer)).toHaveLength(REFUSALS_MAX_ENTRIES);
      for (let n = 0; n < 5; n++) expect(await peer.find(source(`${n}`))).toBeUndefined();
      for (let n = 5; n < REFUSALS_MAX_ENTRIES + 5; n++) expect(await peer.find(source(`${n}`))).toBeDefined();
    },
  },
  {
    name: 'lists all that is remembered, the one that is forgotten first standing first',
    run: async ({ refusals, peer, advance, now }) => {
      for (const name of ['a', 'b', 'c']) {
        await refusals.note(source(name), CORRUPT);
        await advance(1_000);
      }
      await peer.note(source('a'), SLOW);
      const listed = await all(peer);
      expect(listed.map((refusal) => refusal.source)).toEqual([source('b'), source('c'), source('a')]);
      expect(listed[2]).toMatchObject({ ...SLOW, certain: true, strikes: 2, until: now() + REFUSALS_TTL_MS });
    },
  },
  {
    name: 'forgets one or all on demand, and says how many',
    run: async ({ refusals, peer }) => {
      for (let n = 0; n < REFUSALS_MAX_ENTRIES; n++) await refusals.note(source(`${n}`), CORRUPT);
      expect(await peer.forget(source('3'))).toBe(1);
      expect(await peer.forget(source('3'))).toBe(0);
      expect(await refusals.find(source('3'))).toBeUndefined();
      expect(await refusals.forget()).toBe(REFUSALS_MAX_ENTRIES - 1);
      expect(await all(peer)).toEqual([]);
      await refusals.note(source('3'), CORRUPT);
      expect(await all(peer)).toHaveLength(1);
    },
  },
  {
    name: 'what failed under other rules says nothing under these',
    run: async ({ refusals, otherRules }) => {
      await refusals.note(source('a'), CORRUPT);
      expect(await otherRules.find(source('a'))).toBeUndefined();
      expect(await all(otherRules)).toEqual([]);
      await otherRules.note(source('a'), SLOW);
      expect(await otherRules.find(source('a'))).toMatchObject({ strikes: 1, certain: false });
    },
  },
];

export function refusalsContract(name: string, open: Open<RefusalsSubject>): void {
  describeContract(`${name} keeps the refusals contract`, refusalsCases, open);
}
