// What a file of rows is to the benchmark, and what it is run with.
import type { Comparison } from './comparison.js';
import type { PeerTool } from './tools.js';

export interface RunOptions {
  /** Rounds of every comparison, 1 or more; the official run has at least 5. */
  readonly rounds: number;
  /** Length of one round of load, s. */
  readonly seconds: number;
  /** Conversions of row 14; 10,000 in the official run. */
  readonly conversions: number;
  /** Groups of rows 11 to 13; 1,000,000 in the official run. */
  readonly groups: number;
  /** Assets of row 41; 1,000,000 in the official run. */
  readonly assets: number;
  /** Tells what is going on, on stderr. */
  readonly log: (text: string) => void;
}

/** Rows that share their preparation. */
export interface RowGroup {
  readonly rows: readonly number[];
  /** What has to be installed before. */
  readonly needs: readonly PeerTool[];
  /** Runs those of `rows` that were asked for. */
  run(rows: readonly number[], options: RunOptions): Promise<readonly Comparison[]>;
}
