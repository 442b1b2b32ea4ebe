// Tenants: who may use the library, by which credentials, and how much. Values only; where they come from is not known here.
import type { Context } from '../image-key.js';
import type { Mark } from '../recipe/recipe.js';
import type { HostRule } from '../source-url.js';
import type { ExistingRule } from './asset.js';
import type { TenantId } from './ids.js';
import type { Quota } from './quota.js';

/** Scopes of a token are compared as texts: writing does not imply reading. */
export type Scopes = ReadonlySet<string>;

export interface Tenant {
  readonly id: TenantId;
  readonly name: string;
  /** Where its groups, its assets and its imports live; another's are invisible to it. */
  readonly context: Context;
  /** A UUID in lower case: who a client of Micrio says it is. */
  readonly organisationId?: string;
  /** Who a client of Mediagraph says it is. */
  readonly organizationNumber?: number;
  /** The folder that is there from the start, 6 characters. */
  readonly rootFolderId?: string;
  /** Hosts it may have fetched from and called back; absent: all public ones. */
  readonly allowedHosts?: readonly HostRule[];
  readonly quota: Quota;
  /** `whsec_<base64>`: what deliveries are signed with; all of them sign, so that one can take another's place. */
  readonly webhookSecrets: readonly string[];
  /** What its downloads are marked with where that is asked for. */
  readonly watermark?: Mark;
  /** What becomes of a picture that is known already. */
  readonly onExisting: ExistingRule;
}

/** A tenant as it was recognised. */
export interface Recognised {
  readonly tenant: Tenant;
  /** What this credential may do; `undefined`: everything. */
  readonly scopes?: Scopes;
}

/** Whether a person means this tenant by the text: its id or its name. */
export function isCalled({ id, name }: Tenant, text: string): boolean {
  return id === text || name === text;
}

export function mayDo({ scopes }: Recognised, scope: string): boolean {
  return scopes === undefined || scopes.has(scope);
}
