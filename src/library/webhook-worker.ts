// Tells an endpoint what became of an asset: one delivery, from the job that the change left in the queue in its own commit. At least
// once, with the same id each time; no order is promised.
import type { DescribedAsset } from '../kernel/library/asset.js';
import { type Endpoint, type Notice, noticeIn } from '../kernel/library/endpoint.js';
import type { Tenant } from '../kernel/library/tenant.js';
import type { Assets } from '../kernel/ports/assets.js';
import type { Endpoints } from '../kernel/ports/endpoints.js';
import type { Claim } from '../kernel/ports/jobs.js';
import type { Tenants } from '../kernel/ports/tenants.js';
import { Deliverer, type DelivererDeps } from './deliverer.js';
import type { Ending, Hold } from './job-runner.js';
import { JobTenants } from './job-tenant.js';
import type { Letter } from './letter.js';

/** What is to be said to an endpoint. */
export interface NoticeFacts {
  readonly notice: Notice;
  readonly endpoint: Endpoint;
  readonly tenant: Tenant;
  /** Also one in the trash; `undefined` once it is erased. */
  readonly described: DescribedAsset | undefined;
}

/** What the dialect of the endpoints says of a change; `undefined`: it says nothing. */
export type NoticeLetter = (facts: NoticeFacts) => Promise<Letter | undefined>;

export interface WebhookWorkerDeps extends DelivererDeps {
  readonly assets: Pick<Assets, 'findAsset'>;
  readonly endpoints: Pick<Endpoints, 'list' | 'change'>;
  readonly tenants: Tenants;
  readonly letterOf: NoticeLetter;
}

export class WebhookWorker {
  private readonly jobTenants: JobTenants;
  private readonly deliverer: Deliverer;

  constructor(private readonly deps: WebhookWorkerDeps) {
    this.jobTenants = new JobTenants(deps.tenants, deps.clock);
    this.deliverer = new Deliverer(deps);
  }

  readonly run = async (claim: Claim, hold: Hold): Promise<Ending> => {
    const { assets, endpoints, letterOf, logger } = this.deps;
    const { context } = claim;
    const notice = noticeIn(claim.payload);
    const endpoint = notice && (await endpoints.list(context)).find(({ id }) => id === notice.endpoint);
    // Taken away, or switched off, since.
    if (notice === undefined || !endpoint?.isEnabled) return { kind: 'done' };
    const tenant = this.jobTenants.of({ tenantId: endpoint.tenantId, context }, claim.enqueuedAt);
    if (tenant === 'gone') {
      logger.warn({ endpoint: endpoint.id }, 'a webhook is given up: its tenant has not been known for long');
      return { kind: 'done' };
    }
    if ('laterAt' in tenant) return { kind: 'again', at: tenant.laterAt, retry: { free: true } };
    const described = await assets.findAsset(context, notice.assetId);
    const letter =
      notice.body === undefined
        ? await letterOf({ notice, endpoint, tenant, described })
        : { body: notice.body, headers: {} };
    if (letter === undefined) return { kind: 'done' };
    const { body: _, ...known } = notice;
    const told = { notice: known, body: letter.body };
    const id = `asset_${claim.id.replaceAll('.', '_')}`;
    // A URL that was registered is switched off, as whoever answers so expects; a tenant can switch it on again.
    const onGone = async (): Promise<void> => {
      await endpoints.change(context, endpoint.id, { isEnabled: false });
      logger.warn({ endpoint: endpoint.id }, 'a webhook is switched off: its receiver answered 410');
    };
    return this.deliverer.deliver(claim, { id, url: endpoint.url, tenant, letter, told, onGone }, hold);
  };
}
