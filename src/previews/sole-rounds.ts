// Rounds in the background that one process at a time does, of all that share a backend: at most one at a time here, and none after the end.
import type { Clock } from '../kernel/ports/clock.js';
import type { Leases } from '../kernel/ports/leases.js';
import { Rounds } from './rounds.js';
import { SoleTurn } from './sole-turn.js';

export interface SoleRoundsOptions {
  /** Of the lease. */
  readonly name: string;
  readonly intervalMs: number;
  /** Absent where no other process shares the backend. */
  readonly leases: Leases | undefined;
  readonly clock: Clock;
  /** One round; ends early once `signal` aborts. */
  readonly work: (turn: Pick<SoleTurn, 'isMine'>, signal: AbortSignal) => Promise<void>;
  /** Asked before the turn is taken, which costs more; absent: every round takes it. */
  readonly isWanted?: () => Promise<boolean>;
  /** Told of a round that failed, but not of one that the end interrupted; the next one comes all the same. */
  readonly onFailure: (error: unknown) => void;
}

export class SoleRounds {
  private readonly rounds: Rounds;
  private readonly ending = new AbortController();

  constructor({ intervalMs, work, isWanted, onFailure, ...turnOf }: SoleRoundsOptions) {
    const turn = new SoleTurn(turnOf);
    const { signal } = this.ending;
    this.rounds = new Rounds({
      intervalMs,
      async work() {
        if ((await isWanted?.()) !== false) await turn.run(() => work(turn, signal));
      },
      onFailure(error) {
        if (!signal.aborted) onFailure(error);
      },
    });
  }

  /** A round at once, and then every `intervalMs`. Keeps no process alive. */
  start(): void {
    this.rounds.start();
  }

  /** One round now, or the one that is running. Never rejects. */
  round(): Promise<void> {
    return this.rounds.now();
  }

  /** Begins no more rounds by itself; resolves once the one that is running has ended, which it does as soon as it may. */
  async close(): Promise<void> {
    this.ending.abort();
    await this.rounds.close();
  }
}
