// The parent's note of the tiles whose pixels a child has, so that their bytes need not be sent again. It may be wrong: then the child
// says that it lacks some.
import type { Digest } from '../../kernel/digest.js';
import type { JobMessage } from '../protocol.js';
import { KEPT_PIXELS_MS, withoutTilesOf } from './region-job.js';

/** Not to the last moment: a message takes its time. */
const TRUSTED_MS = KEPT_PIXELS_MS - 500;

export class TilesOfChild {
  private digests: ReadonlySet<Digest> = new Set();
  private toldAtMs = 0;

  /** The message as it is to be sent now: of any other kind as it is, and a child has no tile any more when it has got that. */
  without(message: JobMessage): JobMessage {
    if (message.zoom?.kind !== 'region' || performance.now() - this.toldAtMs > TRUSTED_MS) this.forget();
    return withoutTilesOf(message, this.digests);
  }

  told(digests: readonly Digest[] | undefined): void {
    this.digests = new Set(digests);
    this.toldAtMs = performance.now();
  }

  /** Whether there was anything to forget. */
  forget(): boolean {
    const { size } = this.digests;
    this.digests = new Set();
    return size > 0;
  }
}
