// Builds and starts a program, and again at every change: what is built wrong leaves the last good one running.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Restarting {
  /** Directories whose changes count, with all below them. */
  readonly watched: readonly string[];
  /** False: it cannot be built as it is. Says itself why. */
  readonly build: () => Promise<boolean>;
  /** Starts what was built; it ends at SIGTERM. */
  readonly launch: () => ChildProcess;
  /** Ends everything. */
  readonly signal: AbortSignal;
}

/** An editor writes several files, or one in several steps. */
const SETTLE_MS = 100;

/** Resolves when the signal has aborted and the program has ended. */
export async function restartOnChange({ watched, build, launch, signal }: Restarting): Promise<void> {
  let changes = 0;
  const changed = new EventTarget();
  const watchers = watched.map((directory) =>
    watch(directory, { recursive: true }, () => {
      changes++;
      changed.dispatchEvent(new Event('change'));
    }),
  );
  let running: ChildProcess | undefined;
  try {
    while (!signal.aborted) {
      const built = changes;
      if (await build()) {
        await end(running);
        if (!signal.aborted) running = launch();
      }
      // What changed meanwhile has not been built.
      if (changes === built) await nextOf(changed, signal);
      if (!signal.aborted) await sleep(SETTLE_MS);
    }
  } finally {
    for (const watcher of watchers) watcher.close();
    await end(running);
  }
}

async function nextOf(changed: EventTarget, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await once(changed, 'change', { signal }).catch(() => undefined);
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
