// The port for the time.

export interface Clock {
  /** Unix time in ms; may jump. */
  now(): number;
  /** Ms since some fixed point; never goes back. For durations and deadlines. */
  monotonic(): number;
}

/** A clock for what is taken away by its age. */
export interface AgingClock extends Clock {
  /**
   * Unix ms. A clock that is set forward makes nothing older, and who was dated while it was behind has his time all the same: ages
   * count from the clock as it was set at its earliest, but a day behind at most.
   */
  agesCountFrom(): number;
}
