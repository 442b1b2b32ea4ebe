// Counting in a process of its own.
import { expect, test } from 'vitest';
import { runSync } from '../../support/processes.js';
import { NODE } from '../../support/tools.js';

test('metrics and the lag watch do not keep a process alive', () => {
  const script = `
    import { ProcessMetrics } from './dist/telemetry/metrics.js';
    import { watchEventLoop } from './dist/telemetry/event-loop-lag.js';
    const metrics = new ProcessMetrics();
    watchEventLoop(metrics);
    console.log((await metrics.snapshot()).some(({ name }) => name.endsWith('event_loop_lag_seconds')));`;
  const { stdout, stderr } = runSync(NODE, ['--input-type=module', '-e', script], {
    cwd: new URL('../../..', import.meta.url).pathname,
    timeout: 60_000,
  });
  expect({ said: stdout.trim(), stderr }).toEqual({ said: 'true', stderr: '' });
});
