// The names that the original's Grafana board asks for, made of our own figures at scrape time; nothing is counted twice. Its medians
// are of all that happened since the start, from our histograms: to half a bucket, not to a millisecond.
import { METRIC_PREFIX, NAMED_BOXES, OTHER } from './metric-table.js';
import {
  gaugeOf,
  type MetricFamily,
  type MetricsSnapshot,
  quantileOf,
  type Sample,
  totalOf,
  type Where,
} from './snapshot.js';

/** What the figures do not tell by themselves. */
export interface ImageConverterFacts {
  readonly maxGroups: number;
  /** Bytes; infinite where the store itself sets the limit. */
  readonly maxBytes: number;
  readonly uptimeSeconds: number;
}

/** What the original counts a request as; the spelling of its values is not public. Everything else is no request of its. */
export const REQUEST_OF_OPERATION: Readonly<Record<string, 'get' | 'cache' | 'cacheandget' | 'admin'>> = {
  getImage: 'get',
  getImageAndMetadata: 'get',
  getMetadata: 'get',
  getImages: 'get',
  sheet: 'get',
  cacheImage: 'cache',
  cacheAndGetImage: 'cacheandget',
  cacheAndGetImageAndMetadata: 'cacheandget',
  clearImages: 'admin',
  clearImagesByKey: 'admin',
  getKeyCount: 'admin',
  getKeys: 'admin',
  getRefusals: 'admin',
  clearRefusals: 'admin',
  status: 'admin',
};
/** What our metrics call its dialect; others may have operations of the same names. */
export const ITS_DIALECT = 'image-converter';
const REQUESTS = ['get', 'cache', 'cacheandget', 'admin'] as const;
/** Ours, by the original's names. */
const QUEUES = ['instant', 'medium', 'background'] as const;
/** The original's image cache among the groups of its object cache. */
const GROUP = { group: 'OX_IC' };
const MS = 1_000;
/** Its word for "no limit". */
const UNLIMITED = -1;

/** The original's families over `snapshot`, which is that of all processes. */
export function imageConverterFamilies(snapshot: MetricsSnapshot, facts: ImageConverterFacts): readonly MetricFamily[] {
  const requests = (where: Where) => totalOf(snapshot, 'http_requests_total', where);
  const evicted = totalOf(snapshot, 'evictions_total');
  const reads = { get: durableReads(snapshot), put: totalOf(snapshot, 'encodes_total'), remove: evicted };
  const ages = gaugeOf(snapshot, 'oldest_entry_age_seconds') ?? 0;
  const bytes = storedBytes(snapshot);
  const groups = gaugeOf(snapshot, 'groups') ?? 0;
  const maxBytes = Number.isFinite(facts.maxBytes) ? facts.maxBytes : UNLIMITED;
  return [
    gauge('imageconverter_cache_hit_ratio', 'Reads that found their image, of all reads.', one(hitRatio(requests))),
    gauge('imageconverter_cache_key_count', 'Distinct image keys.', one(gaugeOf(snapshot, 'keys') ?? 0)),
    gauge('imageconverter_cache_size', 'Bytes of all blobs.', one(bytes)),
    counter('imageconverter_request_count_total', 'Requests.', one(requests(isRequest))),
    counter(
      'imageconverter_request_count',
      'Requests, by kind.',
      byRequest((is) => requests(is)),
    ),
    gauge(
      'imageconverter_request_median_time_ms',
      'Median time of a request, by kind.',
      byRequest((is) => medianMs(snapshot, 'http_request_duration_seconds', is)),
    ),
    counter(
      'imageconverter_request_limitreached_count',
      'Requests refused because of a limit, by kind.',
      byRequest((is) => requests((labels) => is(labels) && (labels.status === '429' || labels.status === '503'))),
    ),
    counter(
      'imageconverter_keys_processed_count',
      'Images converted.',
      one(totalOf(snapshot, 'conversions_total', { result: 'ok' })),
    ),
    gauge(
      'imageconverter_keys_processed_median_time_ms',
      'Median time of a conversion.',
      one(medianMs(snapshot, 'conversion_duration_seconds')),
    ),
    gauge(
      'imageconverter_queue_peak_count',
      'Most conversions that waited at once in the last five minutes, by queue.',
      byQueue((priority) => gaugeOf(snapshot, 'queue_recent_peak', { priority }) ?? 0),
    ),
    gauge(
      'imageconverter_queue_median_time_ms',
      'Median time that a conversion waited, by queue.',
      byQueue((priority) => medianMs(snapshot, 'queue_wait_seconds', { priority })),
    ),
    counter(
      'imageconverter_convert_dimensions',
      `Previews answered, by asked and answering box: the ${NAMED_BOXES} most frequent of each process, and the rest.`,
      dimensions(snapshot),
    ),
    gauge('objectcache_items_current_count', 'Image groups.', ofGroup(groups)),
    gauge('objectcache_items_maximum_count', 'Most image groups.', ofGroup(facts.maxGroups)),
    gauge('objectcache_size_current_bytes', 'Bytes of all blobs.', ofGroup(bytes)),
    gauge('objectcache_size_maximum_bytes', 'Most bytes of all blobs; -1 without a limit.', ofGroup(maxBytes)),
    counter('objectcache_request_count', 'Blobs read and stored and entries removed, by kind.', byObjectRequest(reads)),
    counter('objectcache_request_count_total', 'The same together.', ofGroup(reads.get + reads.put + reads.remove)),
    gauge('objectcache_request_medianduration_ms', 'Median time of a read, by kind.', [
      { labels: { ...GROUP, request: 'get' }, value: medianMs(snapshot, 'blob_read_seconds') },
    ]),
    gauge('objectcache_oldest_modification_ms', 'Time since the last use of the oldest entry.', ofGroup(ages * MS)),
    gauge('process_uptime_seconds', 'Time since the start.', one(facts.uptimeSeconds)),
  ];
}

type Value = Pick<Sample, 'labels' | 'value'>;
type LabelTest = (labels: Sample['labels']) => boolean;

function family(type: MetricFamily['type'], name: string, help: string, values: readonly Value[]): MetricFamily {
  return { name, help, type, merge: 'sum', samples: values.map((value) => ({ name, ...value })) };
}

function gauge(name: string, help: string, values: readonly Value[]): MetricFamily {
  return family('gauge', name, help, values);
}

function counter(name: string, help: string, values: readonly Value[]): MetricFamily {
  return family('counter', name, help, values);
}

function one(value: number): readonly Value[] {
  return [{ labels: {}, value }];
}

function ofGroup(value: number): readonly Value[] {
  return [{ labels: GROUP, value }];
}

function byRequest(count: (is: LabelTest) => number): readonly Value[] {
  return REQUESTS.map((request) => ({
    labels: { request },
    value: count((labels) => requestOf(labels) === request),
  }));
}

function byQueue(figure: (priority: string) => number): readonly Value[] {
  return QUEUES.map((queue) => ({ labels: { queue }, value: figure(queue) }));
}

function byObjectRequest(counts: Readonly<Record<string, number>>): readonly Value[] {
  return Object.entries(counts).map(([request, value]) => ({ labels: { ...GROUP, request }, value }));
}

function requestOf({ dialect, operation }: Sample['labels']): string | undefined {
  const name = String(operation);
  return dialect === ITS_DIALECT && Object.hasOwn(REQUEST_OF_OPERATION, name) ? REQUEST_OF_OPERATION[name] : undefined;
}

function isRequest(labels: Sample['labels']): boolean {
  return requestOf(labels) !== undefined;
}

/** 1 before anything was read: nothing was missed. */
function hitRatio(requests: (where: Where) => number): number {
  const reads = (statuses: readonly string[]) =>
    requests((labels) => requestOf(labels) === 'get' && statuses.includes(String(labels.status)));
  const [hits, misses] = [reads(['200', '206', '304']), reads(['404'])];
  return hits + misses === 0 ? 1 : hits / (hits + misses);
}

/** 0 before anything was measured. */
function medianMs(snapshot: MetricsSnapshot, name: Parameters<typeof quantileOf>[1], where?: Where): number {
  return (quantileOf(snapshot, name, 0.5, where) ?? 0) * MS;
}

/** Reads of the store proper; memory is no object cache. */
function durableReads(snapshot: MetricsSnapshot): number {
  const isDurable: LabelTest = ({ tier }) => tier !== 'memory';
  return totalOf(snapshot, 'cache_hits_total', isDurable) + totalOf(snapshot, 'cache_misses_total', isDurable);
}

/** Of the tier that counts: the shared one where there is one. A node's own copies are none of it. */
function storedBytes(snapshot: MetricsSnapshot): number {
  const ofTier = (tier: string) =>
    gaugeOf(snapshot, 'tier_bytes', (labels) => labels.tier === tier && labels.kind !== 'any');
  return ofTier('shared') ?? ofTier('disk') ?? 0;
}

/** `200x150~cover` is told in two labels, the box and its scale type. */
function dimensions(snapshot: MetricsSnapshot): readonly Value[] {
  const boxes = snapshot.find(({ name }) => name === `${METRIC_PREFIX}boxes_total`)?.samples ?? [];
  return boxes.map(({ labels: { asked, answered, type }, value }) => {
    const [request = OTHER, scaleType = asked === OTHER ? OTHER : 'contain'] = String(asked).split('~');
    return {
      labels: { request, target: String(answered).split('~')[0] ?? OTHER, scaleType, format: String(type) },
      value,
    };
  });
}
