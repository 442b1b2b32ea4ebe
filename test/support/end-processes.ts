// Runs in every test file: whatever the file has started and not ended is ended when its last test is over, what it has replaced
// is put back for the next file in this process, and what the file took of the processor is told to the reporter.
import { isMainThread } from 'node:worker_threads';
import { afterAll, expect, vi } from 'vitest';
import { cpuMsOf, endAll } from './processes.js';

declare module 'vitest' {
  interface TaskMeta {
    /** Processor time of a file that had a process to itself, and of what it has started; see closing-line-reporter.ts. */
    cpuMs?: number;
  }
}

/** On the process, not in this module, which each file has anew: what the files before this one took in it. */
const EARLIER = Symbol.for('proofsheet.cpu-ms');
const earlier = globalThis as { [EARLIER]?: number };

const found = { ...process.env };
/** What the file found, and settings of ours; libraries set some of their own, as libvips does. */
const environmentNow = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => name in found || /^_?PROOFSHEET_/.test(name)));

// biome-ignore lint/correctness/noEmptyPattern: vitest takes no other form of a first argument that is not used.
afterAll(({}, file) => {
  // Those that still run at the end count as well.
  if (isMainThread) {
    const allMs = cpuMsOf(process.pid);
    // The first one has taken what it is to start a process too.
    file.meta.cpuMs = allMs - (earlier[EARLIER] ?? 0);
    earlier[EARLIER] = allMs;
  }
  endAll();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  expect(environmentNow(), 'the environment as the file found it').toEqual(found);
});
