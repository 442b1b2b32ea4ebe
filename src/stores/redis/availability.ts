// Whether the shared tier is of use: asks through its coherence, refuses data that is not ours, and says when it comes and goes.
import type { ProofsheetError } from '../../kernel/errors.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Logger } from '../../kernel/ports/logger.js';
import { Coherence, type CoherenceState } from './coherence.js';
import { withDeadline } from './deadline.js';
import type { Link } from './link.js';
import type { NodeMemory } from './node-memory.js';
import type { RedisDeadlines } from './session.js';
import type { Troubles } from './troubles.js';

export interface AvailabilityOptions {
  /** The connection that is told of changes. */
  readonly records: Link;
  readonly bulk: Link;
  readonly memory: NodeMemory;
  readonly troubles: Troubles;
  readonly deadlines: RedisDeadlines;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Resolves with why the data that is there is not ours to use. */
  readonly refusalOfData: () => Promise<ProofsheetError | undefined>;
}

export class Availability {
  readonly coherence: Coherence;
  /** Resolves once the data can be used, or is known not to be ours. */
  readonly settled: Promise<void>;
  private settle: () => void = () => {};
  private wasTracked = false;
  private refusedFor: Error | undefined;

  constructor(private readonly options: AvailabilityOptions) {
    const { records, memory, deadlines, clock } = options;
    this.settled = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.coherence = new Coherence({
      doubtMs: deadlines.getMs,
      clock,
      hear: () => records.connection.pingAll(),
      ping: () => this.ping(),
      readiness: () => records.connection.readiness(),
      forgetAll: () => memory.forgetAll(),
      onState: (state) => this.entered(state),
    });
  }

  get isUp(): boolean {
    return this.wasTracked && this.options.records.isUp;
  }

  /** Why the data is not ours to use; nothing is asked any more then. */
  get refused(): Error | undefined {
    return this.refusedFor;
  }

  private async ping(): Promise<void> {
    const { records, bulk, troubles, deadlines, logger, refusalOfData } = this.options;
    try {
      await withDeadline(deadlines.setMs, records.connection.pingAll());
      // Asked anew after every outage: the server may have been replaced by one with other data.
      this.refusedFor = await withDeadline(deadlines.setMs, refusalOfData());
    } catch (error) {
      troubles.command(error);
      throw error;
    }
    if (this.refusedFor === undefined) return;
    for (const link of [records, bulk]) link.block(this.refusedFor);
    logger.error({ error: this.refusedFor }, 'the data in Redis is not ours to use');
    this.settle();
    this.coherence.close();
  }

  private entered(state: CoherenceState): void {
    const { records, bulk, memory, troubles, logger } = this.options;
    memory.spoilReadings();
    if (state === 'tracked') {
      troubles.over();
      records.cameBack();
      bulk.cameBack();
      this.settle();
    }
    // A moment's doubt is not worth an alarm.
    if (state === 'doubtful' || this.wasTracked === (state === 'tracked')) return;
    this.wasTracked = state === 'tracked';
    if (this.wasTracked) logger.info({}, 'the shared tier is there');
    else logger.warn({ state }, 'the shared tier is away');
  }
}
