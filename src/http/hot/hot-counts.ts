// Counts prepared answers by slots that are looked up once: as many as there are routes with pictures.
import type { MetricSlots } from '../../kernel/ports/metrics.js';
import type { AskedLabels } from '../replies/asked.js';
import type { HotStatus } from './hot-lane.js';

/** Counts one answer by what was asked and its status, with its bytes and its time. */
export type HotCounts = (asked: AskedLabels, status: HotStatus, bodyBytes: number, seconds: number) => void;

export function createHotCounts(metrics: MetricSlots): HotCounts {
  const slotsOf = ({ dialect, operation }: AskedLabels, status: '200' | '206' | '304') => ({
    requests: metrics.counterSlot('http_requests_total', { dialect, operation, status }),
    duration: metrics.histogramSlot('http_request_duration_seconds', { dialect, operation, status }),
  });
  type Slots = Record<HotStatus, ReturnType<typeof slotsOf>>;
  const byDialect = new Map<string, Map<string, Slots>>();
  const slotsFor = (asked: AskedLabels): Slots => {
    const byOperation = byDialect.get(asked.dialect) ?? new Map<string, Slots>();
    byDialect.set(asked.dialect, byOperation);
    const slots = { 200: slotsOf(asked, '200'), 206: slotsOf(asked, '206'), 304: slotsOf(asked, '304') };
    byOperation.set(asked.operation, slots);
    return slots;
  };
  const sentBytes = metrics.counterSlot('sent_bytes_total');
  return (asked, status, bodyBytes, seconds) => {
    const slots = (byDialect.get(asked.dialect)?.get(asked.operation) ?? slotsFor(asked))[status];
    slots.requests.add();
    slots.duration.observe(seconds);
    sentBytes.add(bodyBytes);
  };
}
