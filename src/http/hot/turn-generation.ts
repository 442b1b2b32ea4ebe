// The catalog's generation, asked at most once per turn of the event loop: asking costs a tenth of a hit. Must not know
// what it is asked for.
import type { Catalog } from '../../kernel/ports/catalog.js';

/**
 * Far fewer than the 1,024 events that libuv takes from the kernel at once: a turn that is so full that it asks the
 * kernel for more events before it ends is told of changes all the same.
 */
const MAX_REQUESTS = 64;

/**
 * Why once per turn is enough for "seen by the next request": a turn handles the sockets that were readable when it
 * began, so a request that is sent after a change was acknowledged arrives on a socket that was silent until then, and is
 * handled by a later turn. The one exception is a socket that is readable because of an earlier request: what is
 * pipelined behind that may have arrived after the turn began. Such a request asks for itself (`pipelined`).
 */
export class TurnGeneration {
  private known: number | undefined;
  private requests = 0;

  constructor(private readonly catalog: Pick<Catalog, 'generation'>) {}

  /** A generation that is not older than the arrival of the request that is being handled. */
  forRequest(pipelined: boolean): number {
    if (pipelined) return this.catalog.generation();
    if (this.known !== undefined && this.requests++ < MAX_REQUESTS) return this.known;
    if (this.known === undefined) setImmediate(this.endTurn);
    this.requests = 0;
    this.known = this.catalog.generation();
    return this.known;
  }

  /** Immediates run right behind the events of the turn, and before the kernel is asked for more. */
  private readonly endTurn = (): void => {
    this.known = undefined;
  };
}
