// A server process whose wall clock a test sets while it runs; monotonic time goes on, as it does when a machine's is set.
import { renameSync, writeFileSync } from 'node:fs';
import { run } from '../processes.js';
import { requireTool } from '../tools.js';

export interface SetClock {
  /** For the server to be started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** Seen by the next look at the clock. */
  set(hours: number): void;
}

/** `file`: where the offset is kept; for this clock alone. */
export async function setClock(file: string): Promise<SetClock> {
  const faketime = await requireTool('faketime');
  // Only the tool knows where its library lies.
  const { stdout } = await run(faketime, ['-m', '-f', '+0', await requireTool('printenv'), 'LD_PRELOAD']);
  const set = (hours: number): void => {
    // By a rename, since the server may be reading.
    writeFileSync(`${file}.new`, `${hours < 0 ? '' : '+'}${hours}h\n`);
    renameSync(`${file}.new`, file);
  };
  set(0);
  return {
    environment: {
      LD_PRELOAD: stdout.trim(),
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    set,
  };
}
