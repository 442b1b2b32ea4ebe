// The real clock. Everything else is handed a Clock, so that tests decide what time it is.
import { performance } from 'node:perf_hooks';
import type { AgingClock } from '../kernel/ports/clock.js';

/**
 * The machine's wall clock, and Node's monotonic one (ms since the process started). Remembers nothing: whoever takes away by age for
 * longer than a command watches it.
 */
export const systemClock: AgingClock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  agesCountFrom: () => Date.now(),
};
