// The Metrics port over plain numbers. prom-client adds the figures of the Node process and writes the text at scrape
// time; between scrapes it is never called.
import { setTimeout as sleep } from 'node:timers/promises';
import { collectDefaultMetrics, type MetricObject, Registry } from 'prom-client';
import type { CounterName, GaugeName, HistogramName, Labels, Metrics } from '../kernel/ports/metrics.js';
import { BoxCounts } from './box-counts.js';
import { COUNTERS, type CounterRule, GAUGES, type GaugeRule, HISTOGRAMS, METRIC_PREFIX } from './metric-table.js';
import { CounterSlot, HistogramSlot, SlotSet } from './slots.js';
import type { MergeWay, MetricFamily, MetricsSnapshot, Sample } from './snapshot.js';

export type { MetricsSnapshot } from './snapshot.js';

type GaugeReader = Parameters<Metrics['gauge']>[1];

/** A gauge that takes longer is left out of this scrape: one slow tier must not hide all other figures. */
const GAUGE_DEADLINE_MS = 1_000;

/**
 * How often Node's own figures look for lag. Each look wakes the process, at 10 ms for 1 % of a core; its quantiles contain the interval,
 * so that a long one would look like lag to who watches `nodejs_eventloop_lag_*`.
 */
const NODE_LAG_RESOLUTION_MS = 25;

/** The metrics of this process. */
export class ProcessMetrics implements Metrics {
  private readonly counters = new Map<CounterName, SlotSet<CounterSlot>>();
  private readonly histograms = new Map<HistogramName, SlotSet<HistogramSlot>>();
  private readonly gauges = new Map<GaugeName, GaugeReader>();
  private readonly nodeMetrics = new Registry();
  /** Which boxes are asked for, and what answers. */
  readonly boxes = new BoxCounts();

  /** `operations`: by their dialects, the closed sets of values of both labels; everything else is counted as `other`. */
  constructor(operations: Readonly<Record<string, readonly string[]>> = {}) {
    const dialects = { values: Object.keys(operations) };
    const names = { values: [...new Set(Object.values(operations).flat())] };
    const rulesOf = ({ labels }: CounterRule): CounterRule['labels'] =>
      'dialect' in labels ? { ...labels, dialect: dialects, operation: names } : labels;
    // No dialect is asked for what is another's.
    const canBe = ({ dialect, operation }: Labels): boolean =>
      dialect === undefined || (operation !== undefined && operations[dialect]?.includes(operation) === true);
    for (const name of namesOf(COUNTERS))
      this.counters.set(name, new SlotSet(rulesOf(COUNTERS[name]), (labels) => new CounterSlot(labels), canBe));
    for (const name of namesOf(HISTOGRAMS)) {
      const { bucketsSeconds } = HISTOGRAMS[name];
      const make = (labels: Labels) => new HistogramSlot(labels, bucketsSeconds);
      this.histograms.set(name, new SlotSet(rulesOf(HISTOGRAMS[name]), make, canBe));
    }
    collectDefaultMetrics({
      register: this.nodeMetrics,
      prefix: METRIC_PREFIX,
      eventLoopMonitoringPrecision: NODE_LAG_RESOLUTION_MS,
    });
  }

  count(name: CounterName, labels: Labels = {}, by = 1): void {
    this.counterSlot(name, labels).add(by);
  }

  observe(name: HistogramName, seconds: number, labels: Labels = {}): void {
    this.histogramSlot(name, labels).observe(seconds);
  }

  gauge(name: GaugeName, read: GaugeReader): void {
    this.gauges.set(name, read);
  }

  /** The counter with its labels decided once, for places that count thousands of times per second. */
  counterSlot(name: CounterName, labels: Labels = {}): CounterSlot {
    return slotsOf(this.counters, name).of(labels);
  }

  /** The histogram with its labels decided once. */
  histogramSlot(name: HistogramName, labels: Labels = {}): HistogramSlot {
    return slotsOf(this.histograms, name).of(labels);
  }

  /** What a counter has counted under the labels that `fits`, all of them unless given. */
  total(name: CounterName, fits: (labels: Labels) => boolean = () => true): number {
    let sum = 0;
    for (const { labels, value } of slotsOf(this.counters, name).all()) if (fits(labels)) sum += value;
    return sum;
  }

  /** All figures of this moment. A gauge that fails or is late is left out, and counted as an `internal` error. */
  async snapshot(): Promise<MetricsSnapshot> {
    const gauges = await Promise.all([...this.gauges].map(([name, read]) => this.gaugeFamily(name, read)));
    return [
      ...namesOf(COUNTERS).map((name) => counterFamily(name, slotsOf(this.counters, name))),
      ...namesOf(HISTOGRAMS).map((name) => histogramFamily(name, slotsOf(this.histograms, name))),
      ...gauges.filter((family) => family !== undefined),
      this.boxes.family(),
      ...(await this.nodeFamilies()),
    ];
  }

  private async gaugeFamily(name: GaugeName, read: GaugeReader): Promise<MetricFamily | undefined> {
    const { help, type = 'gauge', labels: known, mergeOf }: GaugeRule = GAUGES[name];
    const told = await this.readGauge(read);
    if (told === undefined) return undefined;
    const samples = (typeof told === 'number' ? [{ value: told }] : told).map(({ labels = {}, value }): Sample => {
      const kept = Object.fromEntries(Object.entries(labels).filter(([label]) => includes(known, label)));
      return { name: METRIC_PREFIX + name, labels: kept, value, merge: mergeOf(kept) };
    });
    return { name: METRIC_PREFIX + name, help, type, merge: 'sum', samples: samples.filter(isTellable) };
  }

  private async readGauge(read: GaugeReader): Promise<Awaited<ReturnType<GaugeReader>> | undefined> {
    const settled = new AbortController();
    const late = sleep(GAUGE_DEADLINE_MS, 'late' as const, { signal: settled.signal, ref: false });
    late.catch(() => undefined); // Ends by our own abort below.
    try {
      const told = await Promise.race([Promise.resolve().then(read), late]);
      if (told !== 'late') return told;
    } catch {
      // Counted below: a figure that cannot be told is no reason to tell none.
    } finally {
      settled.abort();
    }
    this.count('errors_total', { error: 'internal' });
    return undefined;
  }

  private async nodeFamilies(): Promise<MetricFamily[]> {
    const families = await this.nodeMetrics.getMetricsAsJSON();
    return families.filter(isRightlyNamed).map((family) => ({
      name: family.name,
      help: family.help,
      // prom-client's types call it an enum, its code keeps the plain word.
      type: family.type as unknown as MetricFamily['type'],
      merge: (family.aggregator as MergeWay | undefined) ?? 'sum',
      samples: family.values
        .map((value) => ({
          name: 'metricName' in value && typeof value.metricName === 'string' ? value.metricName : family.name,
          labels: definedLabels(value.labels),
          value: value.value,
        }))
        .filter(isTellable),
    }));
  }
}

function counterFamily(name: CounterName, slots: SlotSet<CounterSlot>): MetricFamily {
  const samples = [...slots.all()].map((slot) => ({
    name: METRIC_PREFIX + name,
    labels: slot.labels,
    value: slot.value,
  }));
  return { name: METRIC_PREFIX + name, help: COUNTERS[name].help, type: 'counter', merge: 'sum', samples };
}

function histogramFamily(name: HistogramName, slots: SlotSet<HistogramSlot>): MetricFamily {
  const full = METRIC_PREFIX + name;
  const samples = [...slots.all()].flatMap((slot): Sample[] => {
    let cumulated = 0;
    const buckets = [...slot.counts].map((count, index) => {
      cumulated += count;
      return {
        name: `${full}_bucket`,
        labels: { ...slot.labels, le: slot.boundsSeconds[index] ?? '+Inf' },
        value: cumulated,
      };
    });
    return [
      ...buckets,
      { name: `${full}_sum`, labels: slot.labels, value: slot.sumSeconds },
      { name: `${full}_count`, labels: slot.labels, value: cumulated },
    ];
  });
  return { name: full, help: HISTOGRAMS[name].help, type: 'histogram', merge: 'sum', samples };
}

function namesOf<N extends string>(table: Readonly<Record<N, unknown>>): N[] {
  // A literal table has exactly the keys of its type.
  return Object.keys(table) as N[];
}

function slotsOf<N, S>(all: ReadonlyMap<N, SlotSet<S>>, name: N): SlotSet<S> {
  const slots = all.get(name);
  if (slots === undefined) throw new RangeError(`expected a metric of the table, got ${String(name)}`);
  return slots;
}

/**
 * prom-client sums some of its gauges up under names of counters (`..._active_handles_total`), which Prometheus' checker refuses;
 * whoever wants the sum has it from the gauge itself.
 */
function isRightlyNamed({ name, type }: MetricObject): boolean {
  // Its types call it an enum, its code keeps the plain word.
  return !name.endsWith('_total') || (type as unknown as string) === 'counter';
}

/** JSON has no NaN and no Infinity: a figure that does not exist yet is not told. */
function isTellable(sample: Sample): boolean {
  return Number.isFinite(sample.value);
}

function includes(values: readonly string[], value: string): boolean {
  return values.includes(value);
}

function definedLabels(labels: Partial<Record<string, string | number>>): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(labels).filter((pair): pair is [string, string | number] => pair[1] !== undefined),
  );
}
