// Says for whom a start waits. LMDB opens its files under the write lock, and waits for that inside the library: no timer of this
// thread runs meanwhile, so another thread speaks.
import { Worker } from 'node:worker_threads';

/** A start that takes longer than this is waiting. */
const FIRST_MS = 1_000;
const AGAIN_MS = 10_000;

/**
 * The other thread: writes the line that it was given, as a logger would, until it is ended. Nobody may read the output, or the system
 * may not take it just now; then the next one is as good.
 */
const TELLER = `
const { writeSync } = require('node:fs');
const { workerData } = require('node:worker_threads');
const since = Date.now();
const tell = () => {
  const time = new Date().toISOString();
  const line = JSON.stringify({ level: 'warn', time, ...workerData.fields, waitedMs: Date.now() - since, message: workerData.message });
  try { writeSync(1, line + '\\n'); } catch {}
};
setTimeout(() => { tell(); setInterval(tell, workerData.againMs); }, workerData.firstMs);
`;

/**
 * Opens by `work`; while that takes longer than a second, a line on standard output tells so, with `fields`. Without `fields` there is
 * nobody to wait for, and no thread is begun.
 */
export async function tellingWaits<T>(
  fields: Readonly<Record<string, unknown>> | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (fields === undefined) return work();
  const message = 'waiting for another process, which is writing to the catalog of this data directory';
  const teller = new Worker(TELLER, {
    eval: true,
    workerData: { fields, message, firstMs: FIRST_MS, againMs: AGAIN_MS },
  });
  // A thread that cannot be had costs a line.
  teller.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    teller.once('online', resolve);
    teller.once('error', () => resolve());
  });
  try {
    return await work();
  } finally {
    await teller.terminate();
  }
}
