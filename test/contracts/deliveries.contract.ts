// The contract of Deliveries: what was said to receivers is found again by any client, what is held against one holds for all, and
// neither grows without end.
import { expect } from 'vitest';
import type { Context } from '../../src/kernel/image-key.js';
import { DISABLED_AFTER_MS, FAILURES_TO_REST, IN_A_ROW_MS, REST_MS } from '../../src/kernel/library/delivery.js';
import {
  type Deliveries,
  LOGGED_PER_RECEIVER,
  type LoggedDelivery,
  RECEIVERS_PER_CONTEXT,
} from '../../src/kernel/ports/deliveries.js';
import type { DeliveryFault } from '../../src/kernel/ports/webhook-sender.js';
import { type ContractCase, describeContract, type Open } from './contract.js';

export interface DeliveriesSubject {
  readonly deliveries: Deliveries;
  /** Another client of the same backend, as another process would have it. */
  readonly peer: { readonly deliveries: Deliveries };
}

const TENANT = 'tenant' as Context;
const HOOK = 'https://example.com/hook';
const NOW = 1_000_000;

const delivery = (at: number, fault?: DeliveryFault, receiver = HOOK, context = TENANT): LoggedDelivery => ({
  ...{ id: `import_${at}`, context, receiver, at, attempt: 1, end: fault === undefined ? 'delivered' : 'again' },
  said: { fault, status: 200, answer: 'text', durationMs: 3 },
});

async function fail({ deliveries }: DeliveriesSubject, times = FAILURES_TO_REST, at = NOW): Promise<void> {
  for (let failed = 0; failed < times; failed++) await deliveries.note(delivery(at, 'timeout'));
}

export const deliveriesCases: readonly ContractCase<DeliveriesSubject>[] = [
  {
    name: 'keeps the log of a receiver, the latest first, for every client and apart from others',
    run: async ({ deliveries, peer }) => {
      await deliveries.note(delivery(1));
      await peer.deliveries.note(delivery(2, 'status'));
      await deliveries.note(delivery(3, undefined, `${HOOK}/other`));
      await deliveries.note(delivery(4, undefined, HOOK, 'other' as Context));
      expect(await peer.deliveries.log(TENANT, HOOK)).toEqual([delivery(2, 'status'), delivery(1)]);
      expect((await deliveries.log('other' as Context, HOOK)).map(({ at }) => at)).toEqual([4]);
    },
  },
  {
    name: 'keeps the latest attempts of a receiver alone',
    run: async ({ deliveries }) => {
      for (let at = 0; at < LOGGED_PER_RECEIVER + 20; at++) await deliveries.note(delivery(at));
      const log = await deliveries.log(TENANT, HOOK);
      expect(log.map(({ at }) => at)).toEqual(
        Array.from({ length: LOGGED_PER_RECEIVER }, (_, n) => LOGGED_PER_RECEIVER + 19 - n),
      );
    },
  },
  {
    name: 'keeps the receivers of a context that were noted last, and lets no context take the place of another',
    run: async ({ deliveries }) => {
      await deliveries.note(delivery(1, 'status', HOOK, 'other' as Context));
      await deliveries.note(delivery(2, 'status', 'https://example.com/first'));
      await deliveries.note(delivery(3, 'status', 'https://example.com/used-again'));
      for (let n = 0; n < RECEIVERS_PER_CONTEXT - 2; n++)
        await deliveries.note(delivery(4 + n, 'status', `https://example.com/${n}`));
      await deliveries.note(delivery(1_000, 'status', 'https://example.com/used-again'));
      await deliveries.note(delivery(1_001, 'status', 'https://example.com/last'));
      expect(await deliveries.failing()).toHaveLength(RECEIVERS_PER_CONTEXT + 1);
      expect(await deliveries.log(TENANT, 'https://example.com/first')).toEqual([]);
      expect(await deliveries.log(TENANT, 'https://example.com/used-again')).toHaveLength(2);
      expect(await deliveries.log('other' as Context, HOOK)).toHaveLength(1);
    },
  },
  {
    name: 'lets everybody call a receiver that has not failed often, or that took something since',
    run: async (subject) => {
      const { deliveries, peer } = subject;
      await fail(subject, FAILURES_TO_REST - 1);
      for (let n = 0; n < 3; n++) expect(await deliveries.admit(TENANT, HOOK, NOW)).toBe(NOW);
      expect(await deliveries.failing()).toMatchObject([{ receiver: HOOK, state: { failingSince: NOW } }]);
      await peer.deliveries.note(delivery(NOW, undefined));
      expect(await deliveries.failing()).toEqual([]);
      await fail(subject, 1);
      expect(await peer.deliveries.admit(TENANT, HOOK, NOW)).toBe(NOW);
    },
  },
  {
    name: 'gives the one attempt of a minute at a receiver that rests to one client, whoever asks at the same time',
    run: async (subject) => {
      await fail(subject);
      const { deliveries, peer } = subject;
      expect(await peer.deliveries.admit(TENANT, HOOK, NOW)).toBe(NOW + REST_MS);
      const later = NOW + REST_MS;
      const told = await Promise.all(
        Array.from({ length: 10 }, (_, n) => (n % 2 ? deliveries : peer.deliveries).admit(TENANT, HOOK, later)),
      );
      expect(told.filter((at) => at === later)).toHaveLength(1);
      expect(told.filter((at) => at === later + REST_MS)).toHaveLength(9);
      expect(await deliveries.admit('other' as Context, HOOK, later)).toBe(later);
    },
  },
  {
    name: 'calls a receiver no more that failed ten times in a row over three days, until it is enabled',
    run: async (subject) => {
      const { deliveries, peer } = subject;
      for (let at = NOW; at < NOW + DISABLED_AFTER_MS; at += IN_A_ROW_MS) await fail(subject, 3, at);
      const later = NOW + DISABLED_AFTER_MS;
      expect(await peer.deliveries.admit(TENANT, HOOK, later)).toBe(later);
      await fail(subject, 1, later);
      expect(await peer.deliveries.admit(TENANT, HOOK, later)).toBe('never');
      expect(await deliveries.failing()).toMatchObject([{ context: TENANT, state: { disabled: 'failing' } }]);
      // Nothing was sent, so nothing is said of the receiver.
      const { said: _, ...unsent } = delivery(later);
      await deliveries.note({ ...unsent, end: 'dead' });
      expect(await deliveries.admit(TENANT, HOOK, later)).toBe('never');
      expect(await peer.deliveries.enable(TENANT, HOOK)).toBe(true);
      expect(await deliveries.admit(TENANT, HOOK, later)).toBe(later);
      expect(await deliveries.enable(TENANT, HOOK)).toBe(false);
      expect(await deliveries.enable(TENANT, `${HOOK}/unknown`)).toBe(false);
      expect(await deliveries.log(TENANT, HOOK)).toHaveLength(11);
    },
  },
  {
    name: 'goes on calling a receiver that fails seldom, however long ago it first did',
    run: async (subject) => {
      const { deliveries, peer } = subject;
      await fail(subject, 8);
      for (let week = 1; week <= 20; week++) {
        const at = NOW + week * 7 * 86_400_000;
        expect(await peer.deliveries.admit(TENANT, HOOK, at)).toBe(at);
        await fail(subject, 1, at);
        expect(await deliveries.failing()).toMatchObject([{ state: { failures: 1, failingSince: at } }]);
      }
    },
  },
  {
    name: 'forgets a receiver that is called no more, whatever is still meant for it',
    run: async (subject) => {
      const { deliveries, peer } = subject;
      const last = NOW + DISABLED_AFTER_MS;
      for (let at = NOW; at <= last; at += IN_A_ROW_MS) await fail(subject, 3, at);
      const { said: _, ...unsent } = delivery(last + 20 * 86_400_000);
      await deliveries.note({ ...unsent, end: 'dead' });
      expect(await peer.deliveries.sweep(last + 1, 100)).toBe(1);
      expect(await deliveries.admit(TENANT, HOOK, unsent.at)).toBe(unsent.at);
    },
  },
  {
    name: 'forgets what was not noted for long',
    run: async ({ deliveries, peer }) => {
      await deliveries.note(delivery(1, 'status', `${HOOK}/old`));
      await deliveries.note(delivery(2, 'status'));
      await deliveries.note(delivery(20, 'status'));
      expect(await peer.deliveries.sweep(10, 100)).toBe(1);
      expect(await deliveries.log(TENANT, `${HOOK}/old`)).toEqual([]);
      expect(await deliveries.failing()).toHaveLength(1);
      expect(await deliveries.log(TENANT, HOOK)).toHaveLength(2);
    },
  },
];

export function deliveriesContract(name: string, open: Open<DeliveriesSubject>): void {
  describeContract(`${name} keeps the deliveries contract`, deliveriesCases, open);
}
