// Whose rights and secrets a job is done with: those of the tenant that sent it, and nobody else's. A process that does not know
// that tenant leaves the work to one that does; only what nobody has known for long is given up.
import type { Context } from '../kernel/image-key.js';
import type { ImportJob } from '../kernel/library/import-job.js';
import type { Tenant } from '../kernel/library/tenant.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Tenants } from '../kernel/ports/tenants.js';

/** Until a job whose tenant is not known here is looked at again, in ms. */
export const UNKNOWN_TENANT_WAIT_MS = 60_000;
/** How long this process has to have missed a tenant, and its job to have waited, before the job is given up, in ms. */
export const UNKNOWN_TENANT_PATIENCE_MS = 24 * 3_600_000;

/** The tenant; Unix ms when to look again; or `gone`, when its work is to be given up. */
export type JobTenant = Tenant | { readonly laterAt: number } | 'gone';

export class JobTenants {
  /** Since when (Unix ms) who is not known here has been missed, by tenant and context. */
  private readonly missedSince = new Map<string, number>();

  constructor(
    private readonly tenants: Tenants,
    private readonly clock: Clock,
  ) {}

  /** `waitsSince`: Unix ms from when the job's patience counts. */
  of({ tenantId, context }: Pick<ImportJob, 'tenantId' | 'context'>, waitsSince: number): JobTenant {
    const tenant = this.find(tenantId, context);
    const key = `${tenantId ?? ''} ${context}`;
    if (tenant !== undefined) {
      this.missedSince.delete(key);
      return tenant;
    }
    const now = this.clock.now();
    const missedSince = this.missedSince.get(key) ?? now;
    this.missedSince.set(key, missedSince);
    // Both: a process that has just begun, after days without any, has no right to give up what it cannot judge.
    const isGone = now - Math.max(missedSince, waitsSince) > UNKNOWN_TENANT_PATIENCE_MS;
    return isGone ? 'gone' : { laterAt: now + UNKNOWN_TENANT_WAIT_MS };
  }

  private find(id: ImportJob['tenantId'], context: Context): Tenant | undefined {
    // Accepted before the tenant was noted: told by the context, where that leaves no doubt.
    if (id === undefined) return this.tenants.byContext(context);
    const tenant = this.tenants.byId(id);
    // Who moved to another context has no rights in the one it left.
    return tenant?.context === context ? tenant : undefined;
  }
}
