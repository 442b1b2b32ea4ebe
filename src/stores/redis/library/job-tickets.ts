// The engine that wakes the nodes: BullMQ. For every job that becomes due, now or later, it is given a ticket, the right to do one piece of
// work; a node takes as many tickets as it has hands free, holds each until its work has ended, and a ticket whose node died is given to
// another. Which work that is, and that it is done once, the library's records decide (docs/ARCHITECTURE.md tells why).
import { type ConnectionOptions, Queue, Worker } from 'bullmq';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { type Claim, JOB_KINDS, type JobKind } from '../../../kernel/ports/jobs.js';
import type { Logger } from '../../../kernel/ports/logger.js';
import type { RedisAddress } from '../../../kernel/redis-url.js';
import type { Due } from './library-changes.js';
import { LocalBell } from './local-bell.js';
import type { JobBell } from './redis-jobs.js';

export interface JobTicketsOptions {
  readonly address: RedisAddress;
  /** PEM text of the authority that signed the servers' certificates. */
  readonly caPem?: string;
  readonly keyPrefix: string;
  readonly connectTimeoutMs: number;
  readonly logger: Logger;
}

/** More jobs that become due in one commit are found by who has done one of them, and by asking. */
const MAX_TICKETS = 256;
/** Tickets on their way: with more, the server does not take them, and jobs are found by asking. */
const MAX_PENDING = 1_000;
/** How long a ticket is offered here: no longer than until jobs are asked for anyway. */
const OFFER_MS = 1_000;
/** As long as a lease, so that a ticket is given to another node about when its job is. */
const LOCK_MS = 15_000;
const STALLED_EVERY_MS = 5_000;
const RECONNECT_MS = 500;
/** Events nobody listens to; BullMQ keeps about 10,000 unless it is told otherwise. */
const KEPT_EVENTS = 100;
const CLOSE_MS = 2_000;
/** What is over is gone: BullMQ keeps it for ever by default. */
const RETENTION = { removeOnComplete: true, removeOnFail: true } as const;

export class JobTickets extends LocalBell implements JobBell {
  private readonly connection: Redis | Cluster;
  private readonly queues = new Map<JobKind, Queue>();
  private readonly workers = new Map<JobKind, Worker>();
  /** Offers of tickets that no claim has taken, oldest first. */
  private readonly offers = new Map<JobKind, Set<() => void>>();
  /** By the fence of its claim, what gives the ticket back. */
  private readonly held = new Map<number, () => void>();
  private pending = 0;
  private isClosing = false;

  constructor(private readonly options: JobTicketsOptions) {
    super();
    this.connection = clientOf(options, false);
    this.connection.on('error', this.onError);
  }

  override readonly ring = (due: readonly Due[], now: number): void => {
    this.ringHere(due, now);
    for (const { kind, at, jobs } of due) this.issue(kind, Math.min(jobs, MAX_TICKETS), Math.max(0, at - now));
  };

  override claiming(kind: JobKind, limit: number): void {
    const worker = this.workers.get(kind) ?? this.startWorker(kind, limit);
    // The first claim of a runner is for all its hands.
    if (worker && worker.concurrency < limit) worker.concurrency = limit;
  }

  override claimed(claims: readonly Claim[]): void {
    for (const { kind, fence } of claims) {
      const offers = this.offers.get(kind);
      const [giveBack] = offers ?? [];
      if (giveBack === undefined) continue;
      offers?.delete(giveBack);
      this.held.set(fence, giveBack);
    }
  }

  override ended({ fence }: Claim): void {
    this.held.get(fence)?.();
    this.held.delete(fence);
  }

  override async close(): Promise<void> {
    this.isClosing = true;
    for (const giveBack of [...this.held.values(), ...[...this.offers.values()].flatMap((set) => [...set])]) giveBack();
    const closing = [...this.workers.values(), ...this.queues.values()].map((part) => part.close());
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([Promise.allSettled(closing), late]);
    clearTimeout(timer);
    for (const worker of this.workers.values()) worker.close(true).catch(this.onError);
    this.connection.disconnect();
  }

  private issue(kind: JobKind, tickets: number, delay: number): void {
    if (this.isClosing || this.pending >= MAX_PENDING) return;
    this.pending += tickets;
    const opts = { ...RETENTION, ...(delay > 0 && { delay: Math.ceil(delay) }) };
    this.queueOf(kind)
      .addBulk(Array.from({ length: tickets }, () => ({ name: kind, data: null, opts })))
      .catch(this.onError)
      .finally(() => {
        this.pending -= tickets;
      });
  }

  private queueOf(kind: JobKind): Queue {
    const known = this.queues.get(kind);
    if (known) return known;
    const queue = new Queue(kind, {
      ...this.named,
      connection: this.connection as ConnectionOptions,
      streams: { events: { maxLen: KEPT_EVENTS } },
    });
    queue.on('error', this.onError);
    this.queues.set(kind, queue);
    return queue;
  }

  private startWorker(kind: JobKind, concurrency: number): Worker | undefined {
    if (this.isClosing || !JOB_KINDS.includes(kind)) return undefined;
    // Waits in the server for the next ticket, so it has connections of its own.
    const connection = clientOf(this.options, true);
    connection.on('error', this.onError);
    const worker = new Worker(kind, () => this.offer(kind), {
      ...this.named,
      connection: connection as ConnectionOptions,
      concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_EVERY_MS,
      ...RETENTION_OF_WORKER,
    });
    worker.on('error', this.onError);
    worker.on('closed', () => connection.disconnect());
    this.workers.set(kind, worker);
    return worker;
  }

  /** Resolves when the work that a claim took the ticket for has ended, or nobody has taken it. */
  private offer(kind: JobKind): Promise<void> {
    if (this.isClosing) return Promise.resolve();
    const offers = this.offers.get(kind) ?? new Set();
    this.offers.set(kind, offers);
    return new Promise((resolve) => {
      const giveBack = (): void => {
        clearTimeout(timer);
        offers.delete(giveBack);
        resolve();
      };
      const timer = setTimeout(() => {
        // One that a claim has taken is no offer any more, and stays until that ends.
        if (offers.has(giveBack)) giveBack();
      }, OFFER_MS);
      offers.add(giveBack);
      this.ringHere([{ kind, at: 0, jobs: 1 }], 0);
    });
  }

  private get named() {
    // One hash tag for all queues: BullMQ's scripts touch several keys of a queue at a time.
    return { prefix: `${this.options.keyPrefix}{jobs}` };
  }

  /** Told quietly: whether the server is there, the library's own connection says, and nothing is lost with a ticket. */
  private readonly onError = (error: unknown): void => {
    if (!this.isClosing) this.options.logger.debug({ error }, 'BullMQ met an error; jobs are found by asking');
  };
}

const RETENTION_OF_WORKER = { removeOnComplete: { count: 0 }, removeOnFail: { count: 0 } } as const;

function clientOf({ address, caPem, connectTimeoutMs }: JobTicketsOptions, isBlocking: boolean): Redis | Cluster {
  const shared: RedisOptions = {
    ...(address.user !== undefined && { username: address.user }),
    ...(address.password !== undefined && { password: address.password }),
    ...(address.tls && { tls: caPem === undefined ? {} : { ca: caPem } }),
    connectTimeout: connectTimeoutMs,
    // A ticket that cannot be taken now is not kept for later, or adding one would wait for as long as the server is away.
    enableOfflineQueue: isBlocking,
    maxRetriesPerRequest: isBlocking ? null : 1,
    retryStrategy: () => RECONNECT_MS * (0.5 + Math.random()),
  };
  const nodes = address.nodes.map(({ host, port }) => ({ host, port }));
  switch (address.kind) {
    case 'standalone':
      return new Redis({ ...shared, ...nodes[0], db: address.database });
    case 'sentinel':
      return new Redis({
        ...shared,
        sentinels: nodes,
        name: address.masterName ?? '',
        ...(address.tls && { sentinelTLS: caPem === undefined ? {} : { ca: caPem }, enableTLSForSentinelMode: true }),
        sentinelRetryStrategy: () => RECONNECT_MS,
      });
    case 'cluster':
      return new Cluster(nodes, {
        redisOptions: shared,
        enableOfflineQueue: isBlocking,
        clusterRetryStrategy: () => RECONNECT_MS,
      });
  }
}
