// The port for the time.

export interface Clock {
  /** Unix time in ms; may jump. */
  now(): number;
  /** Ms since some fixed point; never goes back. For durations and deadlines. */
  monotonic(): number;
}
