// The figures of one process at one moment as plain JSON, so that those of several processes can be sent, merged, read by
// the status page and rendered for Prometheus as if they were one.
import { Gauge, type Metric, Registry } from 'prom-client';
import type { CounterName, GaugeName, HistogramName, Labels } from '../kernel/ports/metrics.js';
import { METRIC_PREFIX } from './metric-table.js';

export interface Sample {
  /** Differs from the family's name for the parts of a histogram (`_bucket`, `_sum`, `_count`). */
  readonly name: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Overrides the family's way. */
  readonly merge?: MergeWay;
}

/** How samples of several processes become one; `omit`: they do not. */
export type MergeWay = 'sum' | 'max' | 'min' | 'first' | 'average' | 'omit';

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly merge: MergeWay;
  readonly samples: readonly Sample[];
}

/** Survives JSON and IPC unchanged. */
export type MetricsSnapshot = readonly MetricFamily[];

/** Prometheus' text format 0.0.4, and OpenMetrics 1.0, which its servers ask for first. */
export type MetricsForm = 'prometheus' | 'openmetrics';

/** The Content-Type of `renderSnapshot`'s text. */
export const METRICS_CONTENT_TYPES = {
  prometheus: Registry.PROMETHEUS_CONTENT_TYPE,
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
} as const satisfies Record<MetricsForm, string>;

/** One snapshot for several processes. That of a single process is left as it is. */
export function mergeSnapshots(snapshots: readonly MetricsSnapshot[]): MetricsSnapshot {
  const [first, ...others] = snapshots;
  if (first === undefined) return [];
  if (others.length === 0) return first;
  const families = new Map<string, MetricFamily[]>();
  for (const family of snapshots.flat()) families.set(family.name, [...(families.get(family.name) ?? []), family]);
  return [...families.values()].flatMap((same) => {
    const [head] = same;
    return head === undefined ? [] : [{ ...head, samples: mergeSamples(head.merge, same) }];
  });
}

function mergeSamples(way: MergeWay, families: readonly MetricFamily[]): Sample[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of families.flatMap((family) => family.samples)) {
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [sample]);
    else group.push(sample);
  }
  return [...groups.values()].flatMap((group) => {
    const [head] = group;
    if (head === undefined) return [];
    const value = mergeValues(
      head.merge ?? way,
      group.map((sample) => sample.value),
    );
    return value === undefined ? [] : [{ ...head, value }];
  });
}

function mergeValues(way: MergeWay, values: readonly number[]): number | undefined {
  const sum = values.reduce((total, value) => total + value, 0);
  switch (way) {
    case 'sum':
      return sum;
    case 'average':
      return sum / values.length;
    case 'max':
      return Math.max(...values);
    case 'min':
      return Math.min(...values);
    case 'first':
      return values[0];
    case 'omit':
      return undefined;
  }
}

/** The snapshot as text, written by prom-client, in a `form` that it can be told in. */
export async function renderSnapshot(snapshot: MetricsSnapshot, form: MetricsForm = 'prometheus'): Promise<string> {
  const registry = new Registry();
  registry.setContentType(METRICS_CONTENT_TYPES[form] as typeof Registry.PROMETHEUS_CONTENT_TYPE);
  for (const family of snapshot)
    registry.registerMetric(new FamilyMetric(form === 'openmetrics' ? unsuffixed(family) : family));
  return registry.metrics();
}

/**
 * The form in which the snapshot can be told when `wanted` is asked for: in OpenMetrics every counter's sample ends in `_total`, and no
 * other family has its name without that (OpenMetrics 1.0, "Counter"). Names that were others' before ours need not keep to it.
 */
export function formFor(snapshot: MetricsSnapshot, wanted: MetricsForm): MetricsForm {
  const names = snapshot.map((family) => unsuffixed(family).name);
  const isTellable =
    new Set(names).size === names.length &&
    snapshot.every(({ type, samples }) => type !== 'counter' || samples.every(({ name }) => name.endsWith('_total')));
  return isTellable ? wanted : 'prometheus';
}

/** OpenMetrics names a counter without `_total`, which the library adds to its samples. */
function unsuffixed(family: MetricFamily): MetricFamily {
  if (family.type !== 'counter') return family;
  const without = (name: string) => name.replace(/_total$/, '');
  return {
    ...family,
    name: without(family.name),
    samples: family.samples.map((sample) => ({ ...sample, name: without(sample.name) })),
  };
}

/** A finished family in the shape prom-client renders from. */
class FamilyMetric extends Gauge {
  constructor(private readonly family: MetricFamily) {
    super({ name: family.name, help: family.help, registers: [] });
  }

  override async get(): ReturnType<Gauge['get']> {
    const { type, samples } = this.family;
    const values = samples.map(({ name, labels, value }) => ({ metricName: name, labels, value }));
    // prom-client's types call `type` an enum, its code keeps and prints the plain word.
    return { ...(await super.get()), type, values } as unknown as Awaited<ReturnType<Metric['get']>>;
  }
}

/** Labels that a sample must have, or what they must be. */
export type Where = Labels | ((labels: Sample['labels']) => boolean);

/** The sum of a counter's samples that have all of `where`; 0 when there are none. */
export function totalOf(snapshot: MetricsSnapshot, name: CounterName, where: Where = {}): number {
  return samplesOf(snapshot, name, where).reduce((sum, sample) => sum + sample.value, 0);
}

/** The sum of a gauge's samples that have all of `where`; `undefined` when the gauge told nothing. */
export function gaugeOf(snapshot: MetricsSnapshot, name: GaugeName, where: Where = {}): number | undefined {
  const samples = samplesOf(snapshot, name, where);
  return samples.length === 0 ? undefined : samples.reduce((sum, sample) => sum + sample.value, 0);
}

/**
 * The `quantile` (0 to 1; 0.5 is the median) in seconds of a histogram's observations that have all of `where`,
 * interpolated within its bucket as Prometheus' histogram_quantile does; `undefined` without observations.
 */
export function quantileOf(
  snapshot: MetricsSnapshot,
  name: HistogramName,
  quantile: number,
  where: Where = {},
): number | undefined {
  const cumulated = new Map<number, number>();
  for (const { labels, value } of samplesOf(snapshot, name, where, '_bucket')) {
    const bound = Number(labels.le === '+Inf' ? Number.POSITIVE_INFINITY : labels.le);
    cumulated.set(bound, (cumulated.get(bound) ?? 0) + value);
  }
  const buckets = [...cumulated].sort(([a], [b]) => a - b);
  const rank = quantile * (buckets.at(-1)?.[1] ?? 0);
  if (!(rank > 0)) return undefined;
  let [lower, below] = [0, 0];
  for (const [bound, count] of buckets) {
    if (count >= rank) return bound === Number.POSITIVE_INFINITY ? lower : within(lower, bound, below, count, rank);
    [lower, below] = [bound, count];
  }
  return lower;
}

function within(lower: number, upper: number, below: number, count: number, rank: number): number {
  return lower + ((upper - lower) * (rank - below)) / (count - below);
}

function samplesOf(snapshot: MetricsSnapshot, name: string, where: Where, part = ''): readonly Sample[] {
  const fits =
    typeof where === 'function'
      ? where
      : (labels: Sample['labels']) => Object.entries(where).every(([label, value]) => labels[label] === value);
  const family = snapshot.find((candidate) => candidate.name === METRIC_PREFIX + name);
  return (family?.samples ?? []).filter((sample) => sample.name === METRIC_PREFIX + name + part && fits(sample.labels));
}
