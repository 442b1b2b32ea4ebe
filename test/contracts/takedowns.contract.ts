// The contract of Takedowns: tombstones and the log of orders are one for all clients, and the log is bounded.
import { expect } from 'vitest';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import { MAX_ORDERS, type Takedowns } from '../../src/kernel/ports/takedowns.js';
import { type BegunPurge, MAX_BEGUN, type PurgeStep } from '../../src/kernel/takedown/begun-purge.js';
import {
  type Acknowledgement,
  type Amount,
  type CopyHolder,
  DISK_GONE_MS,
  type HookState,
  NOTHING,
  PROCESS_GONE_MS,
  type TakedownOrder,
} from '../../src/kernel/takedown/order.js';
import type { Tombstone } from '../../src/kernel/takedown/tombstone.js';
import { groupRef } from '../support/records.js';
import { type ContractCase, describeContract, type Open } from './contract.js';

export interface TakedownsSubject {
  readonly takedowns: Takedowns;
  /** Another client of the same backend, as another process would have it. */
  readonly peer: Takedowns;
}

const content = (name: string): Digest => digestOf(Buffer.from(name));

export function testOrder(name: string, more: Partial<TakedownOrder> = {}): TakedownOrder {
  return {
    ...{ id: `tkd_${content(name).slice(0, 32)}`, at: 1_000, by: 'admin', reason: 'a reason — ä' },
    selection: { by: 'key', imageKey: groupRef(name).imageKey },
    ...{ groups: 1, named: [{ ...groupRef(name, 'c'), content: content(name) }], stillNamed: 0, derivatives: 0 },
    ...{ lasting: { tier: 'disk' as const, blobs: 2, bytes: 20 }, blobs: [content(name)], blocked: [] },
    ...{ surrogateKeys: [`g-${name}`], ...more },
  };
}

const holder = (id: string, more: Partial<CopyHolder> = {}): CopyHolder => ({
  ...{ id, host: 'h', worker: 0, keepsDisk: false, followed: 0, seenAt: 0, ...more },
});
const HOOK: HookState = { sent: 0, messages: 2, attempts: 0, dueAt: 5 };

const AMOUNT: Amount = { blobs: 3, bytes: 30 };
/** Each with every field that there is: a new one that is missing here does not compile, and one that a backend loses shows. */
const WHOLE: {
  readonly order: Required<TakedownOrder>;
  readonly begun: Required<BegunPurge>;
  readonly step: Required<PurgeStep>;
  readonly tombstone: Required<Tombstone>;
  readonly acknowledgement: Required<Acknowledgement>;
  readonly holder: Required<CopyHolder>;
  readonly hook: Required<HookState>;
} = {
  order: {
    ...{ id: `tkd_${content('whole').slice(0, 32)}`, at: 1_000, by: 'admin', reason: 'all of it', until: 9_000 },
    selection: { by: 'key', ...groupRef('whole', 'c') },
    ...{
      groups: 1,
      named: [{ ...groupRef('whole', 'c'), content: content('whole') }],
      stillNamed: 2,
      undeleted: 3,
      keptOriginals: 2,
    },
    ...{ derivatives: 4, lasting: { tier: 'shared', ...AMOUNT }, blobs: [content('whole')], hasTiles: true },
    originals: [{ context: groupRef('whole', 'c').context, asset: 'an asset' }],
    ...{ blocked: [content('whole')], unblocked: [content('other')], surrogateKeys: ['g-whole'] },
  },
  begun: {
    ...{ id: `tkd_${content('whole').slice(0, 32)}`, at: 1_000, by: 'admin', reason: 'all of it' },
    ...{ selection: { by: 'content', content: content('whole') }, isBlocked: true, until: 9_000 },
  },
  step: {
    groups: [{ ...groupRef('whole', 'c'), content: content('whole'), source: content('source') }],
    ...{ blobs: [[content('whole'), 5]], hasTiles: true },
  },
  tombstone: { content: content('whole'), reason: 'all of it', since: 10, until: 9_000 },
  acknowledgement: { holder: 'h', host: 'host', worker: 1, at: 5, memory: AMOUNT, disk: { blobs: 1, bytes: 10 } },
  holder: { id: 'h', host: 'host', worker: 1, keepsDisk: true, followed: 1, seenAt: 5 },
  hook: { sent: 1, messages: 2, attempts: 3, dueAt: 5, end: 'dead' },
};

export const takedownsCases: readonly ContractCase<TakedownsSubject>[] = [
  {
    name: 'tells every client of a tombstone, the stricter of two, until it is taken away',
    run: async ({ takedowns, peer }) => {
      const stone = { content: content('a'), reason: 'one', since: 10, until: 100 };
      await takedowns.block([stone], 10);
      expect(await peer.findTombstone(content('a'))).toEqual(stone);
      expect(await peer.findTombstone(content('b'))).toBeUndefined();
      await peer.block([{ ...stone, reason: 'shorter', since: 20, until: 50 }], 20);
      expect(await takedowns.findTombstone(content('a'))).toEqual(stone);
      const forGood = { content: content('a'), reason: 'for good', since: 30 };
      await peer.block([forGood, { ...forGood, content: content('b') }], 30);
      expect(await takedowns.findTombstone(content('a'))).toEqual(forGood);
      expect((await takedowns.tombstones(10)).map(({ content: of }) => of).sort()).toEqual(
        [content('a'), content('b')].sort(),
      );
      expect(await takedowns.tombstones(1)).toHaveLength(1);
      expect(await takedowns.unblock(content('a'))).toBe(true);
      expect(await peer.findTombstone(content('a'))).toBeUndefined();
      expect(await peer.unblock(content('a'))).toBe(false);
    },
  },
  {
    name: 'gives every client all that an order, a purge, a step, a tombstone, an acknowledgement, a holder and a hook say',
    run: async ({ takedowns, peer }) => {
      await takedowns.begin(WHOLE.begun);
      await takedowns.noteStep(WHOLE.begun.id, 0, WHOLE.step);
      expect(await peer.begun()).toEqual([WHOLE.begun]);
      expect(await peer.stepOf(WHOLE.begun.id, 0)).toEqual(WHOLE.step);
      await takedowns.append(WHOLE.order, WHOLE.hook);
      expect(await peer.find(WHOLE.order.id)).toEqual({ number: 1, order: WHOLE.order });
      expect(await peer.hookOf(WHOLE.order.id)).toEqual(WHOLE.hook);
      await takedowns.acknowledge(WHOLE.order.id, WHOLE.acknowledgement);
      expect(await peer.acknowledged(WHOLE.order.id)).toEqual([WHOLE.acknowledgement]);
      await takedowns.present(WHOLE.holder);
      expect(await peer.holders(WHOLE.holder.seenAt)).toEqual([WHOLE.holder]);
      await takedowns.block([WHOLE.tombstone], 1);
      expect(await peer.findTombstone(WHOLE.tombstone.content)).toEqual(WHOLE.tombstone);
    },
  },
  {
    name: 'numbers orders from 1, and gives every client those behind a number in their order',
    run: async ({ takedowns, peer }) => {
      expect(await takedowns.last()).toBe(0);
      const orders = ['a', 'b', 'c'].map((name) => testOrder(name));
      for (const [at, order] of orders.entries()) expect(await (at % 2 ? peer : takedowns).append(order)).toBe(at + 1);
      expect(await peer.last()).toBe(3);
      const numbered = orders.map((order, at) => ({ number: at + 1, order }));
      expect(await peer.after(0, 10)).toEqual(numbered);
      expect(await takedowns.after(1, 10)).toEqual(numbered.slice(1));
      expect(await takedowns.after(0, 2)).toEqual(numbered.slice(0, 2));
      expect(await takedowns.after(3, 10)).toEqual([]);
      expect(await takedowns.find(orders[1]?.id ?? '')).toEqual(numbered[1]);
      expect(await takedowns.find('tkd_none')).toBeUndefined();
      expect(await takedowns.find('')).toBeUndefined();
    },
  },
  {
    name: 'gives orders that come at once numbers of their own, and loses none',
    run: async ({ takedowns, peer }) => {
      const names = Array.from({ length: 30 }, (_, at) => `n${at}`);
      const numbers = await Promise.all(names.map((name, at) => (at % 2 ? peer : takedowns).append(testOrder(name))));
      expect(numbers.toSorted((a, b) => a - b)).toEqual(names.map((_, at) => at + 1));
      expect(await takedowns.after(0, 100)).toHaveLength(30);
    },
  },
  {
    name: 'keeps what was begun, step by step, until its order is in the log, and that once',
    run: async ({ takedowns, peer }) => {
      const { id, at, by, reason } = testOrder('a');
      const selection = { by: 'prefix', prefix: 'a' } as const;
      const begun = { id, at, by, reason, selection, isBlocked: true, until: 9_000 };
      await takedowns.begin(begun);
      await peer.begin({ ...begun, id: testOrder('b').id, at: at - 1 });
      expect((await peer.begun()).map(({ id: of }) => of)).toEqual([testOrder('b').id, id]);
      expect(await takedowns.begun()).toContainEqual(begun);
      const step = (name: string): PurgeStep => ({
        groups: [{ ...groupRef(name, 'c'), content: content(name), source: content(`${name} in c`) }],
        blobs: [[content(name), 7]],
      });
      await takedowns.noteStep(id, 0, step('x'));
      await takedowns.noteStep(id, 1, { ...step('y'), hasTiles: true });
      expect(await peer.stepOf(id, 0)).toEqual(step('x'));
      expect(await peer.stepOf(id, 1)).toEqual({ ...step('y'), hasTiles: true });
      expect(await peer.stepOf(id, 2)).toBeUndefined();
      expect(await peer.stepOf(testOrder('b').id, 0)).toBeUndefined();
      const numbers = [await takedowns.append(testOrder('a')), await peer.append(testOrder('a', { groups: 9 }), HOOK)];
      expect(numbers).toEqual([1, 1]);
      expect([await peer.last(), (await peer.find(id))?.order.groups]).toEqual([1, 1]);
      expect((await peer.begun()).map(({ id: of }) => of)).toEqual([testOrder('b').id]);
      expect([await peer.stepOf(id, 0), await peer.stepOf(id, 1)]).toEqual([undefined, undefined]);
    },
  },
  {
    name: `keeps at most ${MAX_BEGUN} that are not ended`,
    run: async ({ takedowns, peer }) => {
      const begin = (at: number, by = takedowns) =>
        by.begin({
          ...{ id: testOrder(`n${at}`).id, at, by: 'b', reason: 'r', isBlocked: false },
          selection: { by: 'prefix', prefix: 'a' },
        });
      for (let at = 0; at < MAX_BEGUN; at++) await begin(at);
      await expect(begin(MAX_BEGUN, peer)).rejects.toMatchObject({ code: 'overloaded' });
      await peer.append(testOrder('n0'));
      await begin(MAX_BEGUN);
      expect(await peer.begun()).toHaveLength(MAX_BEGUN);
    },
  },
  {
    name: 'keeps what holders acknowledge of an order, the last word of each',
    run: async ({ takedowns, peer }) => {
      const { id } = testOrder('a');
      await takedowns.append(testOrder('a'));
      const ack: Acknowledgement = { holder: 'x', host: 'h', worker: 1, at: 5, memory: NOTHING, disk: NOTHING };
      await takedowns.acknowledge(id, ack);
      await peer.acknowledge(id, { ...ack, holder: 'y' });
      await peer.acknowledge(id, { ...ack, at: 6 });
      const told = await takedowns.acknowledged(id);
      expect(told.toSorted((a, b) => a.holder.localeCompare(b.holder))).toEqual([
        { ...ack, at: 6 },
        { ...ack, holder: 'y' },
      ]);
      expect(await takedowns.acknowledged('tkd_none')).toEqual([]);
    },
  },
  {
    name: 'knows holders as they last said, and forgets those that can hold nothing any more',
    run: async ({ takedowns, peer }) => {
      await takedowns.present(holder('process'));
      await peer.present(holder('disk', { keepsDisk: true }));
      await peer.present(holder('process', { followed: 3, seenAt: 10 }));
      const ids = async (now: number) => (await takedowns.holders(now)).map(({ id }) => id).sort();
      expect(await peer.holders(20)).toContainEqual(holder('process', { followed: 3, seenAt: 10 }));
      expect(await ids(10 + PROCESS_GONE_MS - 1)).toEqual(['disk', 'process']);
      expect(await ids(10 + PROCESS_GONE_MS)).toEqual(['disk']);
      // Forgotten, and not only passed over.
      expect(await ids(10)).toEqual(['disk']);
      expect(await ids(DISK_GONE_MS)).toEqual([]);
    },
  },
  {
    name: 'forgets a holder that leaves, until it says again that it is there',
    run: async ({ takedowns, peer }) => {
      for (const seenAt of [0, 9]) await takedowns.present(holder('one', { seenAt }));
      await peer.present(holder('other'));
      await takedowns.leave('one');
      await takedowns.leave('nobody');
      const ids = async () => (await peer.holders(20)).map(({ id }) => id);
      expect(await ids()).toEqual(['other']);
      await takedowns.present(holder('one', { seenAt: 5 }));
      expect(await peer.holders(20)).toContainEqual(holder('one', { seenAt: 5 }));
    },
  },
  {
    name: 'knows of which orders a CDN has not been told yet',
    run: async ({ takedowns, peer }) => {
      const [a, b] = [testOrder('a'), testOrder('b')];
      await takedowns.append(a, HOOK);
      await takedowns.append(b);
      expect(await peer.openHooks(10)).toEqual([a.id]);
      expect(await peer.hookOf(a.id)).toEqual(HOOK);
      expect(await peer.hookOf(b.id)).toBeUndefined();
      await peer.noteHook(a.id, { ...HOOK, sent: 1, attempts: 1 });
      expect(await takedowns.hookOf(a.id)).toEqual({ ...HOOK, sent: 1, attempts: 1 });
      await peer.noteHook(a.id, { ...HOOK, sent: 2, end: 'delivered' });
      expect(await takedowns.openHooks(10)).toEqual([]);
      expect(await takedowns.hookOf(a.id)).toMatchObject({ end: 'delivered' });
      await takedowns.noteHook('tkd_none', HOOK);
      expect(await peer.openHooks(10)).toEqual([]);
    },
  },
  {
    name: `keeps the latest ${MAX_ORDERS} orders, and nothing of older ones`,
    run: async ({ takedowns, peer }) => {
      const first = testOrder('first', { blobs: [] });
      await takedowns.append(first, HOOK);
      const ack = { holder: 'x', host: 'h', worker: 1, at: 5, memory: NOTHING, disk: NOTHING };
      await takedowns.acknowledge(first.id, ack);
      for (let from = 0; from < MAX_ORDERS; from += 100)
        await Promise.all(Array.from({ length: 100 }, (_, at) => peer.append(testOrder(`o${from + at}`))));
      expect(await takedowns.last()).toBe(MAX_ORDERS + 1);
      expect((await takedowns.after(0, 1))[0]?.number).toBe(2);
      expect(await takedowns.find(first.id)).toBeUndefined();
      expect(await takedowns.openHooks(10)).toEqual([]);
    },
  },
];

export function takedownsContract(name: string, open: Open<TakedownsSubject>): void {
  describeContract(`${name} keeps the takedowns contract`, takedownsCases, open);
}
