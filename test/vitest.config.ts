// How the tests run: which project a file is of, how many run at a time, and in which order.
import { defineConfig } from 'vitest/config';
import { ClosingLineReporter } from './support/closing-line-reporter.js';
import { PATIENCE_MS } from './support/gate.js';
import { LongestFirst } from './support/longest-first.js';
import { PROJECT_NAMES, projectOf, testFiles } from './support/projects.js';

const root = new URL('..', import.meta.url).pathname;
const files = testFiles();

/**
 * Files at a time. Those without processes of their own only compute: as many as there are cores, and before the others. Much
 * of the others' time is waiting, for processes, timers and disks: one more keeps two cores busy. With two more, each file took
 * twice as long, and what is judged by a server's own deadlines met them.
 */
const CORES = 2;
const WAITING = CORES + 1;

/** The same in all projects. */
const TOGETHER = {
  root,
  setupFiles: ['test/support/end-processes.ts', 'test/support/equal-bytes.ts'],
  testTimeout: 120_000,
  hookTimeout: 180_000,
  expect: { poll: { timeout: PATIENCE_MS, interval: 20 } },
  pool: 'forks',
  maxWorkers: WAITING,
} as const;

export default defineConfig({
  test: {
    root,
    // Once for all projects, not once for each. The run's directory first: it is removed last.
    globalSetup: ['test/support/run-of-tests.ts', 'test/support/install-tools.ts'],
    reporters: ['default', new ClosingLineReporter()],
    maxWorkers: WAITING,
    sequence: { sequencer: LongestFirst },
    projects: PROJECT_NAMES.map((name) => ({
      test: {
        ...TOGETHER,
        setupFiles: [...TOGETHER.setupFiles, ...(name === 'api' ? ['test/support/check-fetched-answers.ts'] : [])],
        // Those that load the server from its source share processes, and what these have loaded: that takes a second and more of
        // the processor, and half of the quick ones' time was that. A file leaves nothing behind for the next one
        // (end-processes.ts), and no part of src/ keeps anything at the level of its module.
        isolate: name !== 'quick' && name !== 'api',
        ...(name === 'quick' && { pool: 'threads' as const, maxWorkers: CORES }),
        sequence: { groupOrder: name === 'quick' ? 0 : 1 },
        name,
        include: files.filter((path) => projectOf(path) === name).map((path) => `test/${path}`),
      },
    })),
  },
});
