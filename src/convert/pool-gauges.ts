// What the pool tells of itself at each scrape.
import { PRIORITIES } from '../kernel/ports/converter.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import type { ConverterSlot } from './converter-slot.js';
import type { JobQueue, Queued } from './job-queue.js';
import type { MemoryBudget } from './memory-budget.js';

export function registerGauges(
  metrics: Metrics,
  queue: Pick<JobQueue<Queued>, 'depth' | 'peak' | 'recentPeak'>,
  budget: MemoryBudget,
  slots: readonly ConverterSlot[],
): void {
  metrics.gauge('queue_depth', () =>
    PRIORITIES.map((priority) => ({ labels: { priority }, value: queue.depth(priority) })),
  );
  metrics.gauge('queue_peak', () =>
    PRIORITIES.map((priority) => ({ labels: { priority }, value: queue.peak(priority) })),
  );
  metrics.gauge('queue_recent_peak', () =>
    PRIORITIES.map((priority) => ({ labels: { priority }, value: queue.recentPeak(priority) })),
  );
  metrics.gauge('in_flight_bytes', () => budget.inFlightBytes);
  metrics.gauge('in_flight_budget_bytes', () => budget.totalBytes);
  metrics.gauge('converters', () =>
    (['starting', 'idle', 'busy'] as const).map((state) => ({
      labels: { state },
      value: slots.filter((slot) => slot.state === state).length,
    })),
  );
}
