// How prepared answers are counted: by figures that are looked up once.
import type { HotStatus } from './http/hot/hot-lane.js';
import type { ProcessMetrics } from './telemetry/metrics.js';

/** Counts prepared answers by slots that are looked up once: as many as there are operations with pictures. */
export function hotAnswersOf(metrics: ProcessMetrics): (operation: string, status: HotStatus, seconds: number) => void {
  const slotsOf = (operation: string, status: '200' | '206' | '304') => ({
    requests: metrics.counterSlot('http_requests_total', { operation, status }),
    duration: metrics.histogramSlot('http_request_duration_seconds', { operation, status }),
  });
  const byOperation = new Map<string, Record<HotStatus, ReturnType<typeof slotsOf>>>();
  return (operation, status, seconds) => {
    let slots = byOperation.get(operation);
    if (slots === undefined) {
      slots = { 200: slotsOf(operation, '200'), 206: slotsOf(operation, '206'), 304: slotsOf(operation, '304') };
      byOperation.set(operation, slots);
    }
    slots[status].requests.add();
    slots[status].duration.observe(seconds);
  };
}
