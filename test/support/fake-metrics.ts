// Metrics that remember what was counted, for tests that prove how often something happened.
import type {
  CounterName,
  GaugeName,
  GaugeSample,
  HistogramName,
  Labels,
  MetricSlots,
  Metrics,
} from '../../src/kernel/ports/metrics.js';

interface Counted {
  readonly name: CounterName;
  readonly labels: Labels;
  readonly by: number;
}

interface Observed {
  readonly name: HistogramName;
  readonly labels: Labels;
  readonly seconds: number;
}

/** Keeps every count, observation and gauge in order. */
export class FakeMetrics implements Metrics, MetricSlots {
  readonly counted: Counted[] = [];
  readonly observed: Observed[] = [];
  private readonly gauges = new Map<GaugeName, Parameters<Metrics['gauge']>[1]>();

  count(name: CounterName, labels: Labels = {}, by = 1): void {
    this.counted.push({ name, labels, by });
  }

  observe(name: HistogramName, seconds: number, labels: Labels = {}): void {
    this.observed.push({ name, labels, seconds });
  }

  counterSlot(name: CounterName, labels: Labels = {}) {
    return { add: (by = 1) => this.count(name, labels, by) };
  }

  histogramSlot(name: HistogramName, labels: Labels = {}) {
    return { observe: (seconds: number) => this.observe(name, seconds, labels) };
  }

  gauge(name: GaugeName, read: Parameters<Metrics['gauge']>[1]): void {
    this.gauges.set(name, read);
  }

  /** The sum of all counts of `name` whose labels include every one of `labels`. */
  total(name: CounterName, labels: Labels = {}): number {
    return this.counted
      .filter((count) => count.name === name && includes(count.labels, labels))
      .reduce((sum, count) => sum + count.by, 0);
  }

  /** The observations of `name`, in seconds, whose labels include every one of `labels`. */
  observations(name: HistogramName, labels: Labels = {}): readonly number[] {
    return this.observed
      .filter((observation) => observation.name === name && includes(observation.labels, labels))
      .map((observation) => observation.seconds);
  }

  /** What the gauge tells now; throws when nobody registered it. */
  async gaugeSamples(name: GaugeName): Promise<readonly GaugeSample[]> {
    const read = this.gauges.get(name);
    if (read === undefined) throw new Error(`expected a registered gauge, got ${name}`);
    const value = await read();
    return typeof value === 'number' ? [{ value }] : value;
  }

  /** Forgets counts and observations; gauges stay. */
  reset(): void {
    this.counted.length = 0;
    this.observed.length = 0;
  }
}

function includes(all: Labels, some: Labels): boolean {
  return Object.entries(some).every(([label, value]) => all[label] === value);
}
