// Several HTTP processes on one port: forks them, replaces those that die, asks each what all have to tell, and stops them together.
// Holds no state of the service: catalog, blobs and leases are shared on disk.
import cluster, { type Worker } from 'node:cluster';
import type { Tree } from './config/load-config.js';
import type { Logger } from './kernel/ports/logger.js';

/** A worker that lives this long was healthy: the next failure starts again with no delay. */
const HEALTHY_AFTER_MS = 10_000;
const MAX_RESTART_DELAY_MS = 5_000;
/** A worker that does not tell its figures in time is left out of this answer. */
const TELLING_TIMEOUT_MS = 1_000;
/** Beyond the drain limit, for what cannot be drained. */
const KILL_AFTER_DRAIN_MS = 5_000;
/** Ctrl-C reaches a process from the terminal and again from npm: that is one wish, not two. */
export const SAME_SIGNAL_MS = 1_000;

/** What all workers can be asked: their metrics, how they are, and that with their past. What is told is plain JSON. */
export type Topic = 'metrics' | 'standing' | 'past';

/** Parent to worker. */
type Question =
  | { readonly kind: 'tell'; readonly topic: Topic; readonly id: number }
  | { readonly kind: 'all'; readonly topic: Topic; readonly id: number; readonly told: readonly unknown[] }
  | Given;
/** The settings to go by, to begin with and whenever they were read again. They hold secrets; only the two processes see them. */
interface Given {
  readonly kind: 'settings';
  readonly given: Tree;
}
/** Worker to parent. */
type Answer =
  | { readonly kind: 'told'; readonly id: number; readonly told: unknown }
  | { readonly kind: 'ask-all'; readonly topic: Topic; readonly id: number }
  | { readonly kind: 'ask-settings' };

/** What this process tells of a topic, `own`, is asked for by the others; the function asks all, and this one. */
export type Connect = <T>(topic: Topic, own: () => Promise<T>) => () => Promise<readonly T[]>;

export interface SupervisorOptions {
  readonly workers: number;
  /** Servers that a worker listens with. */
  readonly servers: number;
  readonly drainTimeoutMs: number;
  /** What all workers go by, also those that take another's place later. */
  readonly settings: () => Tree;
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
  settings,
  logger,
}: SupervisorOptions): Promise<number> {
  const asked = new Map<number, (told: unknown) => void>();
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
      if (message.kind === 'told') asked.get(message.id)?.(message.told);
      if (message.kind === 'ask-settings') tellSettings(worker, settings());
      if (message.kind === 'ask-all') void tellAll(worker, message.topic, message.id);
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

  const toldBy = (worker: Worker, topic: Topic): Promise<unknown> =>
    new Promise((resolve) => {
      const id = questions++;
      const settle = (told?: unknown): void => {
        clearTimeout(timer);
        asked.delete(id);
        resolve(told);
      };
      const timer = setTimeout(settle, TELLING_TIMEOUT_MS);
      asked.set(id, settle);
      worker.send({ kind: 'tell', topic, id } satisfies Question, (error) => error && settle());
    });

  const tellAll = async (asker: Worker, topic: Topic, id: number): Promise<void> => {
    const told = await Promise.all(livingWorkers().map((worker) => toldBy(worker, topic)));
    if (!asker.isConnected()) return;
    asker.send({ kind: 'all', topic, id, told: told.filter((each) => each !== undefined) } satisfies Question);
  };

  for (let index = 0; index < workers; index++) start(index, 0);
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

/** All workers go by `given` from now on; those that are only starting once they serve. */
export function tellAllSettings(given: Tree): void {
  for (const worker of livingWorkers()) tellSettings(worker, given);
}

function tellSettings(worker: Worker, given: Tree): void {
  // A worker that ends meanwhile needs none.
  worker.send({ kind: 'settings', given } satisfies Question, () => undefined);
}

/** A worker's side: resolves with the settings to begin with; `onNews` gets them again whenever they were read again. */
export function settingsOfSupervisor(onNews: (given: Tree) => void): Promise<Tree> {
  return new Promise((resolve) => {
    let isFirst = true;
    process.on('message', (message: Question) => {
      if (message.kind !== 'settings') return;
      if (isFirst) resolve(message.given);
      else onNews(message.given);
      isFirst = false;
    });
    process.send?.({ kind: 'ask-settings' } satisfies Answer);
  });
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
            resolve(['SIGTERM', 'SIGINT', 'SIGHUP'].includes(signal) ? 0 : (code ?? 1));
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
 * A worker's side: tells its own when asked, and gets what all workers tell. Resolves with its own alone when the parent does not
 * answer in time.
 */
export function connectToSupervisor<T>(topic: Topic, own: () => Promise<T>): () => Promise<readonly T[]> {
  const waiting = new Map<number, (told: readonly T[]) => void>();
  let questions = 0;
  process.on('message', (message: Question) => {
    if (message.kind === 'settings' || message.topic !== topic) return;
    // What is told of a topic is what its `own` has told, in this process or in one of the same program.
    if (message.kind === 'all') waiting.get(message.id)?.(message.told as readonly T[]);
    else void own().then((told) => process.send?.({ kind: 'told', id: message.id, told } satisfies Answer));
  });
  return () =>
    new Promise((resolve, reject) => {
      const id = questions++;
      const settle = (told: readonly T[]): void => {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(told);
      };
      const timer = setTimeout(() => void own().then((told) => settle([told]), reject), 2 * TELLING_TIMEOUT_MS);
      waiting.set(id, settle);
      process.send?.({ kind: 'ask-all', topic, id } satisfies Answer);
    });
}
