// Opens a connection for as long as it takes. Knows no keys and no data.
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from './connection.js';

const REOPEN_MS = 500;

/** Some clients give up when nothing answers at first; a server that is late is waited for, until `signal` aborts. */
export async function keepOpen(
  connection: Connection,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await connection.open();
      return;
    } catch (error) {
      if (signal.aborted) return;
      onError(error);
      await delay(REOPEN_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
}
