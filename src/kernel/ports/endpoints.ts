// The port of endpoints: who is told what becomes of the assets of a context. Every commit that changes an asset leaves the work of
// telling them in the queue, so that no crash comes between the two.
import type { Context } from '../image-key.js';
import type { Endpoint, WantedEndpoint } from '../library/endpoint.js';

export interface Endpoints {
  /** All of the context, by their ids. */
  list(context: Context): Promise<readonly Endpoint[]>;
  /** `undefined`: the context has `MAX_ENDPOINTS` already. */
  add(context: Context, wanted: WantedEndpoint): Promise<Endpoint | undefined>;
  /** `undefined` when there is none. */
  change(context: Context, id: number, change: Partial<WantedEndpoint>): Promise<Endpoint | undefined>;
  /** `false` when there is none. */
  remove(context: Context, id: number): Promise<boolean>;
}
