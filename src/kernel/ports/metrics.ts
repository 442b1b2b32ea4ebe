// The port for what is counted, by name.

export type Labels = Readonly<Record<string, string>>;

/** Everything that can be counted, by name; units, buckets and help texts stand in telemetry/metric-table.ts. */
export type CounterName =
  | 'http_requests_total'
  | 'cache_hits_total'
  | 'cache_misses_total'
  | 'conversions_total'
  | 'conversion_cpu_seconds_total'
  | 'decodes_total'
  | 'encodes_total'
  | 'converter_exits_total'
  | 'upload_bytes_total'
  | 'sent_bytes_total'
  | 'evictions_total'
  | 'swept_blobs_total'
  | 'damaged_blobs_total'
  | 'damaged_records_total'
  | 'healed_previews_total'
  | 'deduplicated_uploads_total'
  | 'refusals_total'
  | 'pyramids_total'
  | 'jobs_total'
  | 'job_retries_total'
  | 'errors_total'
  | 'fetches_total'
  | 'fetched_bytes_total'
  | 'webhook_attempts_total'
  | 'cdn_purges_total';

export type HistogramName =
  | 'http_request_duration_seconds'
  | 'conversion_duration_seconds'
  | 'queue_wait_seconds'
  | 'pyramid_duration_seconds'
  | 'blob_read_seconds'
  | 'fetch_duration_seconds';

export type GaugeName =
  | 'queue_depth'
  | 'queue_peak'
  | 'queue_recent_peak'
  | 'keys'
  | 'groups'
  | 'oldest_entry_age_seconds'
  | 'tier_bytes'
  | 'in_flight_bytes'
  | 'in_flight_budget_bytes'
  | 'converters'
  | 'http_requests_in_flight'
  | 'event_loop_lag_seconds'
  | 'jobs_queued'
  | 'job_oldest_due_seconds'
  | 'library_assets'
  | 'library_bytes'
  | 'background_jobs'
  | 'cdn_purge_wait_seconds';

export interface GaugeSample {
  readonly labels?: Labels;
  readonly value: number;
}

/** A counter with its labels decided. */
export interface CountingSlot {
  add(by?: number): void;
}

/** A histogram with its labels decided. */
export interface ObservingSlot {
  observe(seconds: number): void;
}

/** Slots are looked up once, for places that count thousands of times per second: then counting is one addition. */
export interface MetricSlots {
  counterSlot(name: CounterName, labels?: Labels): CountingSlot;
  histogramSlot(name: HistogramName, labels?: Labels): ObservingSlot;
}

export interface Metrics {
  count(name: CounterName, labels?: Labels, by?: number): void;
  observe(name: HistogramName, seconds: number, labels?: Labels): void;
  /** Registers a gauge that is read when it is asked for, never in between. */
  gauge(name: GaugeName, read: () => number | readonly GaugeSample[] | Promise<number | readonly GaugeSample[]>): void;
}
