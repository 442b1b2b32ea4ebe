// How late the event loop is, measured by Node itself and told since the last scrape.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from '../kernel/ports/metrics.js';

/** Every look wakes the process: at 10 ms that is 1 % of a core of a server that has nothing to do, at 25 ms half of it. */
const RESOLUTION_MS = 25;
const NS_PER_SECOND = 1e9;

/** How often the recent lag is looked at; a lag is noticed at the latest when it ends. */
const LOOK_MS = 250;

export interface EventLoopWatch {
  /** How late a timer was lately, in ms: the last look, or half of what it was at the one before. */
  recentLagMs(): number;
  close(): void;
}

/** Registers `event_loop_lag_seconds` (quantiles 0.5, 0.99 and 1) at `metrics`. `close` ends the measurement. */
export function watchEventLoop(metrics: Metrics): EventLoopWatch {
  let recentMs = 0;
  let lookedAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    recentMs = Math.max(now - lookedAt - LOOK_MS, recentMs / 2, 0);
    lookedAt = now;
  }, LOOK_MS);
  timer.unref();

  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  metrics.gauge('event_loop_lag_seconds', () => {
    const samples = ['0.5', '0.99', '1'].map((quantile) => ({
      labels: { quantile },
      value: delays.count === 0 ? 0 : lagSeconds(delays.percentile(Number(quantile) * 100)),
    }));
    delays.reset();
    return samples;
  });
  return {
    recentLagMs: () => recentMs,
    close() {
      clearInterval(timer);
      delays.disable();
    },
  };
}

/** Node measures the time between two ticks of a timer: the timer's own interval is no lag. */
function lagSeconds(betweenTicksNs: number): number {
  return Math.max(0, betweenTicksNs / NS_PER_SECOND - RESOLUTION_MS / 1000);
}
