// The port of the tenants: who is meant by a credential. The answers may change at any time, since the file behind it may.
import type { Context } from '../image-key.js';
import type { TenantId } from '../library/ids.js';
import type { Recognised, Tenant } from '../library/tenant.js';

export interface Tenants {
  /** Without one every library dialect is shut. */
  readonly isEmpty: boolean;
  list(): readonly Tenant[];
  byId(id: TenantId): Tenant | undefined;
  /** The only one that has it; `undefined` also where several share it, since none may stand for another. */
  byContext(context: Context): Tenant | undefined;
  /** Whose bearer token it is, and what it may do. Takes one time for all tokens. */
  byToken(token: string): Recognised | undefined;
  /** By an organisation's id and its API key, as one pair. */
  byApiKey(organisationId: string, apiKey: string): Recognised | undefined;
}
