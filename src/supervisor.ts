// Several HTTP processes on one port: forks them, replaces those that die, adds up their metrics, and stops them together.
// Holds no state of the service: catalog, blobs and leases are shared on disk.
import cluster, { type Worker } from 'node:cluster';
import type { Logger } from './kernel/ports/logger.js';
import type { MetricsSnapshot } from './telemetry/snapshot.js';

/** A worker that lives this long was healthy: the next failure starts again with no delay. */
const HEALTHY_AFTER_MS = 10_000;
const MAX_RESTART_DELAY_MS = 5_000;
/** A worker that does not tell its figures in time is left out of this scrape. */
const SNAPSHOT_TIMEOUT_MS = 1_000;
/** Beyond the drain limit, for what cannot be drained. */
const KILL_AFTER_DRAIN_MS = 5_000;
/** Ctrl-C reaches a process from the terminal and again from npm: that is one wish, not two. */
export const SAME_SIGNAL_MS = 1_000;

/** Parent to worker. */
type Question =
  | { readonly kind: 'tell-snapshot'; readonly id: number }
  | { readonly kind: 'sum'; readonly id: number; readonly snapshots: readonly MetricsSnapshot[] };
/** Worker to parent. */
type Answer =
  | { readonly kind: 'snapshot'; readonly id: number; readonly snapshot: MetricsSnapshot }
  | { readonly kind: 'ask-sum'; readonly id: number }
  | { readonly kind: 'ready' };

export interface SupervisorOptions {
  readonly workers: number;
  /** Servers that a worker listens with. */
  readonly servers: number;
  readonly drainTimeoutMs: number;
  /** SIGHUP is for the workers, which read files again; else it ends the process. */
  readonly handsOnHangUp: boolean;
  readonly logger: Logger;
}

/**
 * Runs until a signal stops it, or until a worker ends before any has ever listened: what keeps the first from starting
 * keeps the next from it too, and has been logged. Resolves with the exit code of the whole.
 */
export async function superviseWorkers({
  workers,
  servers,
  drainTimeoutMs,
  handsOnHangUp,
  logger,
}: SupervisorOptions): Promise<number> {
  const figures = new Map<number, (snapshot: MetricsSnapshot) => void>();
  let questions = 0;
  let stopping = false;
  let everListened = false;
  let giveUp: (code: number) => void = () => undefined;
  const cannotStart = new Promise<number>((resolve) => {
    giveUp = resolve;
  });
  const listening = new WeakMap<Worker, number>();
  cluster.on('listening', (worker) => {
    const count = (listening.get(worker) ?? 0) + 1;
    listening.set(worker, count);
    if (count >= servers) everListened = true;
  });
  // Workers accept by themselves. Node's other way, where the parent accepts and hands connections on, leaves those that
  // it was handing to a dying worker hanging for ever: no answer and no reset (seen with kill -9 under load).
  cluster.schedulingPolicy = cluster.SCHED_NONE;

  const start = (index: number, failures: number): void => {
    const worker = cluster.fork({ _PROOFSHEET_WORKER_INDEX: String(index) });
    const startedAt = performance.now();
    worker.on('message', (message: Answer) => {
      if (message.kind === 'snapshot') figures.get(message.id)?.(message.snapshot);
      if (message.kind === 'ask-sum') void sum(worker, message.id);
    });
    worker.once('exit', (code, signal) => {
      if (stopping) return;
      if (!everListened) return giveUp(code ?? 1);
      const failed = performance.now() - startedAt < HEALTHY_AFTER_MS ? failures + 1 : 0;
      const delayMs = failed === 0 ? 0 : Math.min(MAX_RESTART_DELAY_MS, 100 * 2 ** failed);
      logger.error({ worker: index, code, signal, restartInMs: delayMs }, 'a worker ended; another takes its place');
      setTimeout(() => !stopping && start(index, failed), delayMs);
    });
  };

  const snapshotOf = (worker: Worker): Promise<MetricsSnapshot | undefined> =>
    new Promise((resolve) => {
      const id = questions++;
      const settle = (snapshot?: MetricsSnapshot): void => {
        clearTimeout(timer);
        figures.delete(id);
        resolve(snapshot);
      };
      const timer = setTimeout(settle, SNAPSHOT_TIMEOUT_MS);
      figures.set(id, settle);
      worker.send({ kind: 'tell-snapshot', id } satisfies Question, (error) => error && settle());
    });

  const sum = async (asker: Worker, id: number): Promise<void> => {
    const snapshots = await Promise.all(livingWorkers().map(snapshotOf));
    if (asker.isConnected()) {
      asker.send({
        kind: 'sum',
        id,
        snapshots: snapshots.filter((snapshot) => snapshot !== undefined),
      } satisfies Question);
    }
  };

  for (let index = 0; index < workers; index++) start(index, 0);
  if (handsOnHangUp)
    process.on('SIGHUP', () => {
      // One that is only starting has no handler yet, would end, and looks at the file's age by itself.
      for (const worker of livingWorkers()) if (listening.has(worker)) worker.process.kill('SIGHUP');
    });
  const stopped = new Promise<'signal'>((resolve) => {
    let stoppingSince: number | undefined;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        stoppingSince ??= performance.now();
        resolve('signal');
        if (performance.now() - stoppingSince < SAME_SIGNAL_MS) return;
        logger.warn({ signal }, 'asked to stop again; the workers end at once');
        for (const worker of livingWorkers()) worker.process.kill('SIGKILL');
      });
    }
  });
  const end = await Promise.race([stopped, cannotStart]);
  stopping = true;
  const code = await stopAll(drainTimeoutMs + KILL_AFTER_DRAIN_MS);
  return end === 'signal' ? code : end;
}

function livingWorkers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker): worker is Worker => worker?.isConnected() === true);
}

async function stopAll(limitMs: number): Promise<number> {
  const codes = await Promise.all(
    livingWorkers().map(
      (worker) =>
        new Promise<number>((resolve) => {
          const timer = setTimeout(() => worker.process.kill('SIGKILL'), limitMs);
          worker.once('exit', (code, signal) => {
            clearTimeout(timer);
            // One that was only starting had no handler yet and nothing in hand: the signal's own way of ending it is right.
            resolve(signal === 'SIGTERM' || signal === 'SIGINT' ? 0 : (code ?? 1));
          });
          worker.process.kill('SIGTERM');
        }),
    ),
  );
  return Math.max(0, ...codes);
}

/** This process's index among the workers; `undefined` when it serves alone. */
export function workerIndex(): number | undefined {
  const text = process.env._PROOFSHEET_WORKER_INDEX;
  return cluster.isWorker && text !== undefined ? Number(text) : undefined;
}

/**
 * A worker's side: tells its own figures when asked, and gets those of all workers.
 * Resolves with its own alone when the parent does not answer in time.
 */
export function connectToSupervisor(own: () => Promise<MetricsSnapshot>): () => Promise<readonly MetricsSnapshot[]> {
  const waiting = new Map<number, (snapshots: readonly MetricsSnapshot[]) => void>();
  let questions = 0;
  process.on('message', (message: Question) => {
    if (message.kind === 'sum') waiting.get(message.id)?.(message.snapshots);
    if (message.kind === 'tell-snapshot') {
      void own().then((snapshot) => process.send?.({ kind: 'snapshot', id: message.id, snapshot } satisfies Answer));
    }
  });
  return () =>
    new Promise((resolve, reject) => {
      const id = questions++;
      const settle = (snapshots: readonly MetricsSnapshot[]): void => {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(snapshots);
      };
      const timer = setTimeout(
        () => void own().then((snapshot) => settle([snapshot]), reject),
        2 * SNAPSHOT_TIMEOUT_MS,
      );
      waiting.set(id, settle);
      process.send?.({ kind: 'ask-sum', id } satisfies Answer);
    });
}
