// The real clock. Everything else is handed a Clock, so that tests decide what time it is.
import { performance } from 'node:perf_hooks';
import type { Clock } from '../kernel/ports/clock.js';

/** The machine's wall clock, and Node's monotonic one (ms since the process started). */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
