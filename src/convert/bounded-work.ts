// Work that a file can make endless and that waits for nothing on its way, as decoders in WebAssembly do: it is ended after a time, and
// the process lives on.
import { readFileSync } from 'node:fs';
import { createContext, Script } from 'node:vm';

/** The work was ended. `wasWorking`: it had most of a processor meanwhile, so that the time went into it and not into waiting for one. */
export class TookTooLong extends Error {
  override readonly name = 'TookTooLong';

  constructor(readonly wasWorking: boolean) {
    super('the work took too long and was ended');
  }
}

const OWN_SHARE = 0.5;
/** USER_HZ of Linux. */
const TICK_MS = 10;

const room: { work: (() => unknown) | undefined } = { work: undefined };
let ending: { readonly script: Script; readonly context: object } | undefined;

/**
 * What `work` gives. Throws `TookTooLong` after `mostMs`: then it was ended where it stood, and nothing that it worked on may be used
 * again.
 */
export function withinTime<T>(mostMs: number, work: () => T): T {
  // V8 ends a script, and whatever it has called, at any turn of a loop, also of WebAssembly.
  ending ??= { script: new Script('work()'), context: createContext(room) };
  const [begunMs, usedMs] = [performance.now(), processorMs()];
  room.work = work;
  try {
    return ending.script.runInContext(ending.context, { timeout: Math.max(1, Math.ceil(mostMs)) }) as T;
  } catch (error) {
    // An error of the script's own realm.
    if ((error as { readonly code?: unknown } | undefined)?.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new TookTooLong(processorMs() - usedMs > OWN_SHARE * (performance.now() - begunMs));
  } finally {
    room.work = undefined;
  }
}

/** Of this thread alone, to 10 ms: others of the process work on other files meanwhile. */
function processorMs(): number {
  try {
    // proc(5): utime and stime are the 14th and 15th, the second is a name in parentheses that may hold anything.
    const [, fields = ''] = /^.*\) (.*)$/s.exec(readFileSync('/proc/thread-self/stat', 'latin1')) ?? [];
    const [user, system] = fields.split(' ').slice(11, 13).map(Number);
    if (user !== undefined && system !== undefined && Number.isFinite(user + system)) return (user + system) * TICK_MS;
  } catch {
    // Not on Linux: then of the whole process.
  }
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
