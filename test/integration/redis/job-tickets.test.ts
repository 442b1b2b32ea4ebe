// BullMQ as the engine of the library's jobs: a node is woken by what another made due, holds a ticket until its work has ended, and
// leaves nothing in Redis. And what BullMQ alone cannot keep, which is why the records decide what is done.
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Context } from '../../../src/kernel/image-key.js';
import type { Claim } from '../../../src/kernel/ports/jobs.js';
import { JobTickets } from '../../../src/stores/redis/library/job-tickets.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { Gate, until } from '../../support/gate.js';
import { openTestRedisLibrary } from '../../support/redis-library.js';
import { redisOfFile } from '../../support/redis-of-file.js';
import { newPrefix, openTestStore, realClock, type TestStore } from '../../support/redis-store.js';

const KIND = 'webhook';
const job = (id: string, context = 'tenant', dueAt?: number) =>
  ({
    kind: KIND,
    id,
    context: context as Context,
    ...(dueAt !== undefined && { dueAt }),
  }) as const;

const redis = redisOfFile();
const connections: Redis[] = [];
const connection = () => {
  const made = new Redis(redis.servers.url, { maxRetriesPerRequest: null });
  made.on('error', () => undefined);
  connections.push(made);
  return made;
};
afterAll(() => {
  for (const made of connections) made.disconnect();
});

describe('the library with BullMQ', () => {
  type Library = Awaited<ReturnType<typeof openTestRedisLibrary>>;
  let store: TestStore;
  let keyPrefix: string;
  let opened: Library[];

  beforeEach(async () => {
    keyPrefix = newPrefix();
    store = await openTestStore(redis.servers.url, keyPrefix);
    opened = [];
  });
  afterEach(async () => {
    await Promise.all(opened.map((library) => library.close()));
    await store.close();
  });

  async function open(): Promise<Library> {
    const library = await openTestRedisLibrary(redis.servers.url, keyPrefix, store.originals, {
      clock: realClock,
      leaseNow: () => Date.now(),
      engine: (address) => new JobTickets({ address, keyPrefix, connectTimeoutMs: 5_000, logger: new FakeLogger() }),
    });
    opened.push(library);
    return library;
  }

  const claim = ({ jobs }: Library, limit = 10) => jobs.claim({ kind: KIND, limit, leaseMs: 60_000 });
  const queue = () => new Queue(KIND, { prefix: `${keyPrefix}{jobs}`, connection: connection() });
  const ticketsIn = async (): Promise<number> => {
    const names = queue();
    const counts = await names.getJobCounts('wait', 'active', 'delayed', 'prioritized', 'completed', 'failed');
    await names.close();
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  };

  test('wakes another node for what is due, and for what becomes due later, without being asked', async () => {
    const [adding, working] = [await open(), await open()];
    expect(await claim(working)).toEqual([]);
    let woken = 0;
    working.jobs.onDue((kind) => {
      if (kind === KIND) woken++;
    });
    await adding.jobs.enqueue([job('now')]);
    await until(() => woken > 0, 'the other node to be woken');
    const [first] = await claim(working);
    expect(first?.id).toBe('now');
    woken = 0;
    await working.jobs.retryAt(first as Claim, Date.now() + 300);
    await adding.jobs.enqueue([job('later', 'tenant', Date.now() + 600)]);
    await until(async () => woken > 0 && (await claim(working)).length > 0, 'the retry');
    woken = 0;
    await until(async () => woken > 0 && (await claim(working)).length > 0, 'the delayed one');
  });

  test('holds a ticket until the work has ended, and keeps nothing of what is over', async () => {
    const node = await open();
    await claim(node);
    const claims: Claim[] = [];
    let taking: Promise<unknown> = Promise.resolve();
    node.jobs.onDue(() => {
      taking = taking.then(async () => claims.push(...(await claim(node))));
    });
    await node.jobs.enqueue([job('a')]);
    await until(() => claims.length === 1, 'the job');
    await taking;
    await node.jobs.finish(claims[0] as Claim);
    await node.jobs.enqueue(Array.from({ length: 30 }, (_, n) => job(`more-${n}`)));
    await until(() => claims.length === 31, 'all jobs');
    for (const one of claims.slice(1)) await node.jobs.finish(one);
    await until(async () => (await ticketsIn()) === 0, 'no ticket to be left');
    const names: string[] = [];
    for await (const some of redis.client.scanIterator({ MATCH: `${keyPrefix}{jobs}*`, COUNT: 1_000 }))
      names.push(...some);
    expect(names.filter((name) => !/:(?:meta|events|id|marker|stalled-check|stalled)$/.test(name))).toEqual([]);
  });

  test('a server without it is no reason to lose work: jobs are found by asking', async () => {
    const [adding, working] = [await open(), await open()];
    await adding.jobs.enqueue([job('a')]);
    // Somebody empties the queues: the records are all that counts.
    const names: string[] = [];
    for await (const some of redis.client.scanIterator({ MATCH: `${keyPrefix}{jobs}*`, COUNT: 1_000 }))
      names.push(...some);
    if (names.length > 0) await redis.client.del(names);
    expect((await claim(working)).map(({ id }) => id)).toEqual(['a']);
  });
});

describe('BullMQ alone', () => {
  let prefix: string;
  let ending: (() => Promise<unknown>)[];
  beforeEach(() => {
    prefix = `{${newPrefix()}}`;
    ending = [];
  });
  afterEach(async () => {
    for (const end of ending) await end();
  });

  function queue(name = 'q'): Queue {
    const made = new Queue(name, { prefix, connection: connection() });
    ending.push(() => made.close());
    return made;
  }

  test('ends a job and shows what it did in two commits: who comes second after a lost lock shows it twice', async () => {
    const jobs = queue();
    const gate = new Gate();
    gate.shut();
    let runs = 0;
    const workerOf = (isFirst: boolean) => {
      const worker = new Worker(
        'q',
        async () => {
          runs++;
          // Its event loop stands, or its machine does: no renewal meanwhile.
          if (isFirst) await gate.pass();
          await redis.client.incr(`${prefix}:effects`);
        },
        {
          prefix,
          connection: connection(),
          lockDuration: 300,
          stalledInterval: 200,
          lockRenewTime: 60_000,
          maxStalledCount: 5,
        },
      );
      worker.on('error', () => undefined);
      ending.push(() => worker.close(true));
      return worker;
    };
    workerOf(true);
    await jobs.add('j', {});
    await until(() => runs === 1, 'the first holder');
    workerOf(false);
    await until(async () => (await redis.client.get(`${prefix}:effects`)) === '1', 'the second holder to be done');
    // Its lock is not BullMQ's any more, but nothing stops its effects: they are no part of the commit that asks for the lock.
    gate.open();
    await until(
      async () => (await redis.client.get(`${prefix}:effects`)) === '2',
      'the first holder to show its effects too',
    );
  });

  test('serves tenants in the order in which they came: one job behind a flood waits for all of it', async () => {
    const jobs = queue();
    await jobs.addBulk(Array.from({ length: 500 }, (_, n) => ({ name: 'big', data: { n } })));
    await jobs.add('small', {});
    const done: string[] = [];
    const worker = new Worker('q', async ({ name }) => done.push(name), { prefix, connection: connection() });
    worker.on('error', () => undefined);
    ending.push(() => worker.close(true));
    await until(() => done.includes('small'), 'the small job');
    expect(done.indexOf('small')).toBe(500);
  });
});
