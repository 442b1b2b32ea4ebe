// The port of servers that share a backend and tell each other how they are. What is told is lost without harm.
import type { ProcessReport } from '../process-report.js';

export interface Fleet {
  /** Replaces what this process has told before; it is forgotten a minute after it was told last. */
  tell(report: ProcessReport): Promise<void>;
  /** What all have told, this process too; what makes no sense is left out. */
  reports(): Promise<readonly ProcessReport[]>;
}
