// Previews of assets that the cache has lost, made again: once for all who ask at the same time, and few at a time, since those who
// read need no leave and each of them takes a copy of an original.
import { ProofsheetError } from '../kernel/errors.js';
import type { GroupRef } from '../kernel/image-key.js';

const MAX_REMAKES = 16;
const RETRY_SECONDS = 2;

export class Remakes {
  private readonly underWay = new Map<string, Promise<void>>();

  /** Rides along with what is under way for the group, or begins it. Throws `overloaded`, and what `remake` throws. */
  async run({ context, imageKey }: GroupRef, remake: () => Promise<void>): Promise<void> {
    const key = JSON.stringify([context, imageKey]);
    const begun = this.underWay.get(key);
    if (begun !== undefined) return begun;
    if (this.underWay.size >= MAX_REMAKES)
      throw new ProofsheetError('overloaded', 'too many previews are being made again; please try again', {
        retryAfterSeconds: RETRY_SECONDS,
      });
    const remade = remake().finally(() => this.underWay.delete(key));
    this.underWay.set(key, remade);
    return remade;
  }
}
