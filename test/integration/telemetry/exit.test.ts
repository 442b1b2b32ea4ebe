// Counting in a process of its own.
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('metrics and the lag watch do not keep a process alive', () => {
  const script = `
    import { ProcessMetrics } from './dist/telemetry/metrics.js';
    import { watchEventLoop } from './dist/telemetry/event-loop-lag.js';
    const metrics = new ProcessMetrics();
    watchEventLoop(metrics);
    console.log((await metrics.snapshot()).some(({ name }) => name.endsWith('event_loop_lag_seconds')));`;
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: new URL('../../..', import.meta.url),
    timeout: 20_000,
    encoding: 'utf8',
  });
  expect(told.trim()).toBe('true');
});
