// The contract of Jobs: what was enqueued is done, by one holder at a time, contexts in turn, and whoever lost a job changes
// nothing any more.
import { expect } from 'vitest';
import type { Context } from '../../src/kernel/image-key.js';
import { type Claim, type Jobs, MAX_DELAY_MS, type NewJob } from '../../src/kernel/ports/jobs.js';
import type { LibrarySubject } from './assets.contract.js';
import { type ContractCase, describeContract, type Open } from './contract.js';

const LEASE_MS = 10_000;
const KIND = 'webhook';

const job = (id: string, context = 'tenant', dueAt?: number): NewJob => ({
  kind: KIND,
  id,
  context: context as Context,
  ...(dueAt !== undefined && { dueAt }),
});
const claim = (jobs: Jobs, limit = 100, leaseMs = LEASE_MS): Promise<readonly Claim[]> =>
  jobs.claim({ kind: KIND, limit, leaseMs });
const idsOf = (claims: readonly Claim[]): readonly string[] => claims.map(({ id }) => id);
const only = ([first, ...more]: readonly Claim[]): Claim => {
  expect(first).toBeDefined();
  expect(more).toEqual([]);
  return first as Claim;
};
const counted = async (jobs: Jobs) =>
  Object.fromEntries(
    (await jobs.counts()).filter(({ kind }) => kind === KIND).map(({ state, jobs: count }) => [state, count]),
  );

export const jobsCases: readonly ContractCase<LibrarySubject>[] = [
  {
    name: 'gives a job to one holder at a time, over all clients, and never again once it is finished',
    run: async ({ jobs, peer, advance }) => {
      await jobs.enqueue([{ ...job('a'), payload: { to: ['x', 1, null] } }]);
      const found = await Promise.all(Array.from({ length: 10 }, (_, n) => claim(n % 2 ? jobs : peer.jobs)));
      const mine = only(found.flat());
      expect(mine).toMatchObject({ id: 'a', context: 'tenant', payload: { to: ['x', 1, null] }, attempts: 0 });
      expect(await jobs.finish(mine)).toBe('finished');
      advance(10 * LEASE_MS);
      expect(await claim(peer.jobs)).toEqual([]);
      expect(await jobs.find(KIND, 'a')).toBeUndefined();
      expect(await jobs.finish(mine)).toBe('lost');
    },
  },
  {
    name: 'leaves a job whose id is known as it is, and does nothing for a key that was used',
    run: async ({ jobs, peer }) => {
      await jobs.enqueue([{ ...job('a'), payload: 1 }], 'first');
      await peer.jobs.enqueue([{ ...job('a'), payload: 2 }, job('b')]);
      await jobs.enqueue([job('c')], 'first');
      const claims = await claim(jobs);
      expect(idsOf(claims)).toEqual(['a', 'b']);
      expect(claims[0]?.payload).toBe(1);
    },
  },
  {
    name: 'forgets keys after their time',
    run: async ({ jobs, clock, advance }) => {
      await jobs.enqueue([job('a')], 'key');
      advance(1_000);
      expect(await jobs.sweep(clock.now(), 100)).toBe(1);
      await jobs.enqueue([job('b')], 'key');
      expect(idsOf(await claim(jobs))).toEqual(['a', 'b']);
    },
  },
  {
    name: 'claims by due time, and nothing before it',
    run: async ({ jobs, clock, advance }) => {
      const now = clock.now();
      await jobs.enqueue([job('later', 'tenant', now + 500), job('soon', 'tenant', now + 200), job('now')]);
      expect(await counted(jobs)).toEqual({ waiting: 1, delayed: 2, claimed: 0 });
      expect(idsOf(await claim(jobs))).toEqual(['now']);
      advance(499);
      expect(idsOf(await claim(jobs))).toEqual(['soon']);
      advance(1);
      expect(idsOf(await claim(jobs))).toEqual(['later']);
    },
  },
  {
    name: 'gives at once what a clock that was ahead has put off by longer than anything is',
    run: async ({ jobs, peer, clock }) => {
      const last = clock.now() + MAX_DELAY_MS;
      await jobs.enqueue([
        job('last', 'tenant', last),
        job('ahead', 'tenant', last + 1),
        job('years', 'tenant', 2 * last),
      ]);
      expect(await counted(jobs)).toEqual({ waiting: 0, delayed: 3, claimed: 0 });
      const found = await claim(peer.jobs);
      expect(idsOf(found).toSorted()).toEqual(['ahead', 'years']);
      expect(found.every(({ dueAt }) => dueAt <= clock.now())).toBe(true);
      expect(await counted(jobs)).toEqual({ waiting: 0, delayed: 1, claimed: 2 });
    },
  },
  {
    name: 'lets contexts take turns: one job of another is next behind a flood of ten thousand',
    run: async ({ jobs }) => {
      await jobs.enqueue(Array.from({ length: 10_000 }, (_, n) => job(`flood-${n}`, 'big')));
      expect(await claim(jobs, 4)).toHaveLength(4);
      await jobs.enqueue([job('small-1', 'small'), job('small-2', 'small')]);
      const next = idsOf(await claim(jobs, 4));
      expect(next.filter((id) => id.startsWith('small'))).toEqual(['small-1', 'small-2']);
    },
  },
  {
    name: 'takes back a lease that ended, and counts it; its former holder changes nothing any more',
    run: async ({ jobs, peer, advance }) => {
      await jobs.enqueue([job('a')]);
      const dead = only(await claim(jobs));
      expect(await claim(peer.jobs)).toEqual([]);
      advance(LEASE_MS + 1);
      const next = only(await claim(peer.jobs));
      expect(next.lostLeases).toBe(1);
      expect(next.fence).toBeGreaterThan(dead.fence);
      expect(await jobs.renew(dead, LEASE_MS)).toBe(false);
      expect(await jobs.release(dead)).toBe(false);
      expect(await jobs.retryAt(dead, 0)).toBe(false);
      expect(await jobs.note(dead, 'fetching')).toBe(false);
      expect(await jobs.finish(dead)).toBe('lost');
      expect(await claim(jobs)).toEqual([]);
      expect(await peer.jobs.finish(next)).toBe('finished');
    },
  },
  {
    name: 'blames many in hand less for the death of their holder than one that was alone',
    run: async ({ jobs, peer, advance }) => {
      for (const [count, deaths, blame] of [
        [1, 5, 5],
        [16, 8, 2],
      ] as const) {
        await jobs.enqueue(Array.from({ length: count }, (_, n) => job(`of-${count}-${n}`)));
        for (let death = 0; death < deaths; death++) {
          expect(await claim(jobs)).toHaveLength(count);
          advance(LEASE_MS + 1);
        }
        const claims = await claim(peer.jobs);
        expect(claims.map(({ lostLeases }) => lostLeases)).toEqual(Array.from({ length: count }, () => blame));
        for (const each of claims) await peer.jobs.finish(each);
      }
    },
  },
  {
    name: 'blames those whose leases end last for no more than those whose end first',
    run: async ({ jobs, peer, advance }) => {
      const ids = Array.from({ length: 16 }, (_, n) => `j${n}`);
      await jobs.enqueue(ids.map((id) => job(id)));
      for (let batch = 0; batch < 4; batch++) {
        expect(await claim(jobs, 4)).toHaveLength(4);
        advance(LEASE_MS / 8);
      }
      for (let turn = 0; turn < 8; turn++) {
        advance(LEASE_MS / 8);
        await peer.jobs.sweep(0, 1);
      }
      const taken = (await claim(peer.jobs)).map(({ id, lostLeases }) => [id, lostLeases] as const);
      expect(Object.fromEntries(taken)).toEqual(Object.fromEntries(ids.map((id) => [id, 0.25])));
    },
  },
  {
    name: 'renewing keeps a job for longer than its lease',
    run: async ({ jobs, peer, advance }) => {
      await jobs.enqueue([job('a')]);
      const mine = only(await claim(jobs));
      for (let times = 0; times < 5; times++) {
        advance(LEASE_MS - 1);
        expect(await jobs.renew(mine, LEASE_MS)).toBe(true);
        expect(await claim(peer.jobs)).toEqual([]);
      }
      expect(await jobs.finish(mine)).toBe('finished');
    },
  },
  {
    name: 'tries again at the time that was said, counting the attempt unless it is free',
    run: async ({ jobs, clock, advance }) => {
      await jobs.enqueue([job('a')]);
      expect(await jobs.retryAt(only(await claim(jobs)), clock.now() + 100)).toBe(true);
      expect(await claim(jobs)).toEqual([]);
      advance(100);
      const second = only(await claim(jobs));
      expect(second).toMatchObject({ attempts: 1, lostLeases: 0 });
      await jobs.retryAt(second, clock.now(), { free: true });
      expect(only(await claim(jobs))).toMatchObject({ attempts: 1, lostLeases: 0 });
    },
  },
  {
    name: 'hastens what is due later, and nothing else',
    run: async ({ jobs, peer, clock, advance }) => {
      expect(await jobs.hasten(KIND, 'a')).toBe(false);
      await jobs.enqueue([job('a'), { ...job('b'), dueAt: clock.now() + 50_000 }]);
      expect(await jobs.hasten(KIND, 'a')).toBe(false);
      const first = only(await claim(jobs));
      expect(first.id).toBe('a');
      expect(await peer.jobs.hasten(KIND, 'a')).toBe(false);
      expect(await jobs.retryAt(first, clock.now() + 100_000)).toBe(true);
      expect(await claim(jobs)).toEqual([]);
      const told: string[] = [];
      const stop = jobs.onDue((kind) => told.push(kind));
      expect(await peer.jobs.hasten(KIND, 'a')).toBe(true);
      expect(await jobs.hasten(KIND, 'a')).toBe(false);
      expect(await jobs.hasten(KIND, 'b')).toBe(true);
      expect(told).toContain(KIND);
      stop();
      const again = await claim(peer.jobs);
      expect(idsOf(again).toSorted()).toEqual(['a', 'b']);
      expect(again.find(({ id }) => id === 'a')).toMatchObject({ attempts: 1, dueAt: clock.now() });
      for (const each of again) expect(await jobs.finish(each)).toBe('finished');
      advance(200_000);
      expect(await claim(jobs)).toEqual([]);
    },
  },
  {
    name: 'passes over contexts that are not admitted, and they are next once they are',
    run: async ({ jobs, peer }) => {
      await jobs.enqueue([job('a1', 'a'), job('a2', 'a'), job('a3', 'a'), job('b1', 'b'), job('b2', 'b')]);
      const most = (limits: Readonly<Record<string, number>>) => (context: string, claimed: number) =>
        claimed < (limits[context] ?? 0);
      const some = await jobs.claim({ kind: KIND, limit: 10, leaseMs: LEASE_MS, admits: most({ a: 2, b: 1 }) });
      expect(idsOf(some).toSorted()).toEqual(['a1', 'a2', 'b1']);
      expect(await peer.jobs.claim({ kind: KIND, limit: 10, leaseMs: LEASE_MS, admits: () => false })).toEqual([]);
      expect(idsOf(await peer.jobs.claim({ kind: KIND, limit: 1, leaseMs: LEASE_MS, admits: most({ b: 9 }) }))).toEqual(
        ['b2'],
      );
      expect(idsOf(await claim(jobs))).toEqual(['a3']);
    },
  },
  {
    name: 'finds the one context that is admitted behind many that are not',
    run: async ({ jobs }) => {
      await jobs.enqueue(Array.from({ length: 50 }, (_, n) => job(`j${n}`, `context-${n}`)));
      const admits = (context: string) => context === 'context-49';
      expect(idsOf(await jobs.claim({ kind: KIND, limit: 4, leaseMs: LEASE_MS, admits }))).toEqual(['j49']);
    },
  },
  {
    name: 'knows since when a job waits for what is not its fault',
    run: async ({ jobs, clock, advance }) => {
      await jobs.enqueue([job('a')]);
      const first = only(await claim(jobs));
      expect(first.waitingSince).toBeUndefined();
      advance(1_000);
      await jobs.retryAt(first, clock.now());
      const second = only(await claim(jobs));
      expect(second.waitingSince).toBeUndefined();
      const since = clock.now();
      await jobs.retryAt(second, since + 10, { free: true });
      advance(10);
      const third = only(await claim(jobs));
      expect(third.waitingSince).toBe(since);
      await jobs.retryAt(third, clock.now() + 10, { free: true });
      advance(10);
      expect(only(await claim(jobs))).toMatchObject({ waitingSince: since, attempts: 1 });
    },
  },
  {
    name: 'gives back what was released, as it was',
    run: async ({ jobs, peer }) => {
      await jobs.enqueue([job('a')]);
      await jobs.release(only(await claim(jobs)));
      expect(only(await claim(peer.jobs))).toMatchObject({ attempts: 0, lostLeases: 0 });
    },
  },
  {
    name: 'counts by state, and tells since when the longest waiting is due',
    run: async ({ jobs, clock, advance }) => {
      expect(await jobs.oldestDue(KIND)).toBeUndefined();
      const first = clock.now();
      await jobs.enqueue([job('a'), job('b', 'other'), job('c', 'tenant', first + 60_000)]);
      advance(5_000);
      await jobs.enqueue([job('d')]);
      expect(await jobs.oldestDue(KIND)).toBe(first);
      expect(await counted(jobs)).toEqual({ waiting: 3, delayed: 1, claimed: 0 });
      const claims = await claim(jobs, 2);
      expect(await counted(jobs)).toEqual({ waiting: 1, delayed: 1, claimed: 2 });
      expect(await jobs.oldestDue(KIND)).toBe(first + 5_000);
      for (const mine of claims) await jobs.finish(mine);
      expect(await counted(jobs)).toEqual({ waiting: 1, delayed: 1, claimed: 0 });
    },
  },
  {
    name: 'tells at once that something is due, and not after one has stopped listening',
    run: async ({ jobs, clock }) => {
      const told: string[] = [];
      const stop = jobs.onDue((kind) => told.push(kind));
      await jobs.enqueue([job('a')]);
      expect(told).toEqual([KIND]);
      await jobs.enqueue([job('b', 'tenant', clock.now() + 1_000)]);
      expect(told).toEqual([KIND]);
      stop();
      await jobs.enqueue([job('c')]);
      expect(told).toEqual([KIND]);
    },
  },
  {
    name: 'refuses an id that another queue could not hold, with all that came with it',
    run: async ({ jobs }) => {
      for (const id of ['', 'a:b', '123', 'x'.repeat(129), 'a b'])
        await expect(jobs.enqueue([job('good'), job(id)])).rejects.toThrow();
      expect(await claim(jobs)).toEqual([]);
      await jobs.enqueue([job('good')]);
      expect(await claim(jobs)).toHaveLength(1);
    },
  },
];

export function jobsContract(name: string, open: Open<LibrarySubject>): void {
  describeContract(`${name} keeps the jobs contract`, jobsCases, open);
}
