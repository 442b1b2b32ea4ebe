// Counts prepared answers by slots that are looked up once: as many as there are operations with pictures.
import type { MetricSlots } from '../../kernel/ports/metrics.js';
import type { HotStatus } from './hot-lane.js';

/** Counts one answer by its operation and status, with its bytes and its time. */
export type HotCounts = (operation: string, status: HotStatus, bodyBytes: number, seconds: number) => void;

export function createHotCounts(metrics: MetricSlots): HotCounts {
  const slotsOf = (operation: string, status: '200' | '206' | '304') => ({
    requests: metrics.counterSlot('http_requests_total', { operation, status }),
    duration: metrics.histogramSlot('http_request_duration_seconds', { operation, status }),
  });
  const byOperation = new Map<string, Record<HotStatus, ReturnType<typeof slotsOf>>>();
  const sentBytes = metrics.counterSlot('sent_bytes_total');
  return (operation, status, bodyBytes, seconds) => {
    let slots = byOperation.get(operation);
    if (slots === undefined) {
      slots = { 200: slotsOf(operation, '200'), 206: slotsOf(operation, '206'), 304: slotsOf(operation, '304') };
      byOperation.set(operation, slots);
    }
    slots[status].requests.add();
    slots[status].duration.observe(seconds);
    sentBytes.add(bodyBytes);
  };
}
