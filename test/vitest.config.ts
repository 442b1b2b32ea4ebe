// How the tests run: real servers and child processes start here, so files run two at a time and may take a while.
import { defineConfig } from 'vitest/config';
import { ClosingLineReporter } from './support/closing-line-reporter.js';

export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    // The run's directory first: it is removed last.
    globalSetup: ['test/support/run-of-tests.ts', 'test/support/install-tools.ts'],
    setupFiles: ['test/support/end-processes.ts'],
    reporters: ['default', new ClosingLineReporter()],
    testTimeout: 30_000,
    hookTimeout: 180_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
