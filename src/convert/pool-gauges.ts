// What the pool tells of itself: at each scrape, and of each conversion.
import { PRIORITIES } from '../kernel/ports/converter.js';
import type { Metrics } from '../kernel/ports/metrics.js';
import type { ConverterSlot } from './converter-slot.js';
import type { JobQueue, Queued } from './job-queue.js';
import type { MemoryBudget } from './memory-budget.js';
import type { WorkCounts } from './protocol.js';

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

/** What a conversion did, as its child tells. */
export function countWork(metrics: Metrics, { decodes, encodes, cpuSeconds = 0 }: WorkCounts): void {
  metrics.count('conversion_cpu_seconds_total', {}, cpuSeconds);
  for (const [purpose, times] of Object.entries(decodes))
    if (times > 0) metrics.count('decodes_total', { purpose }, times);
  for (const [type, times] of Object.entries(encodes)) metrics.count('encodes_total', { type }, times);
}
