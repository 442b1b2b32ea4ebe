// Tells whoever asked that an import has ended: one delivery, from the job that the import's end left in the queue. At least once, with
// the same id each time; the words are those of the dialect that the import came in by.

import { deliveryWaitMs, receiverOf } from '../kernel/library/delivery.js';
import type { ImportId } from '../kernel/library/ids.js';
import type { ImportJob } from '../kernel/library/import-job.js';
import type { Assets } from '../kernel/ports/assets.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { Deliveries, DeliveryEnd } from '../kernel/ports/deliveries.js';
import type { Claim, Jobs } from '../kernel/ports/jobs.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Tenants } from '../kernel/ports/tenants.js';
import type { DeliveryAttempt, WebhookSender } from '../kernel/ports/webhook-sender.js';
import type { Letter } from './answers.js';
import type { Ending, Hold } from './job-runner.js';
import { JobTenants } from './job-tenant.js';

export interface CallbackWorkerDeps {
  readonly assets: Assets;
  readonly tenants: Tenants;
  readonly sender: WebhookSender;
  readonly deliveries: Deliveries;
  /** What the dialect of an import says of its end; `undefined`: it says nothing. */
  readonly letterOf: (job: ImportJob, secrets: readonly string[]) => Letter | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 to 1, by chance; for tests. */
  readonly share?: () => number;
}

export class CallbackWorker {
  private readonly jobTenants: JobTenants;

  constructor(private readonly deps: CallbackWorkerDeps) {
    this.jobTenants = new JobTenants(deps.tenants, deps.clock);
  }

  readonly run = async (claim: Claim, hold: Hold): Promise<Ending> => {
    const { assets, deliveries, clock, letterOf, logger } = this.deps;
    const job = await assets.findImport(claim.context, claim.id as ImportId);
    // Forgotten.
    if (!job?.callback) return { kind: 'done' };
    const { url } = job.callback;
    const tenant = this.jobTenants.of(job, job.finishedAt ?? job.acceptedAt);
    if (tenant === 'gone') {
      logger.warn({ host: new URL(url).host }, 'a webhook is given up: its tenant has not been known for long');
      return { kind: 'done' };
    }
    if ('laterAt' in tenant) return { kind: 'again', at: tenant.laterAt, retry: { free: true } };
    const letter = letterOf(job, tenant.webhookSecrets);
    if (!letter) return { kind: 'done' };
    const at = await deliveries.admit(claim.context, receiverOf(url), clock.now());
    if (at === 'never') return this.end(claim, url, 'dead', undefined);
    if (at > clock.now()) return { kind: 'again', at, retry: { free: true } };
    const said = await this.deps.sender.send({
      id: deliveryId(job.id),
      url,
      body: letter.body,
      headers: letter.headers,
      secrets: tenant.webhookSecrets,
      ...(tenant.allowedHosts && { allowedHosts: tenant.allowedHosts }),
      signal: hold.giveUp,
    });
    return this.judge(claim, url, said);
  };

  private async judge(claim: Claim, url: string, said: DeliveryAttempt): Promise<Ending> {
    if (said.fault === undefined) return this.end(claim, url, 'delivered', said);
    // What policy forbids and what is gone for good stays so.
    const isFinal = said.fault === 'gone' || said.fault === 'address-forbidden';
    const wait = isFinal ? undefined : deliveryWaitMs(claim.attempts + 1, this.share(), said.retryAfterMs);
    if (wait === undefined) return this.end(claim, url, 'dead', said);
    await this.note(claim, url, 'again', said);
    return { kind: 'again', at: this.deps.clock.now() + wait };
  }

  private async end(claim: Claim, url: string, end: DeliveryEnd, said: DeliveryAttempt | undefined): Promise<Ending> {
    await this.note(claim, url, end, said);
    if (end === 'dead') {
      const { host, pathname: path } = new URL(url);
      this.deps.logger.warn(
        { host, path, fault: said?.fault ?? 'disabled' },
        'a webhook is not delivered and given up',
      );
    }
    return { kind: 'done' };
  }

  private async note(claim: Claim, url: string, end: DeliveryEnd, said: DeliveryAttempt | undefined): Promise<void> {
    const { deliveries, clock } = this.deps;
    const { context } = claim;
    const [at, receiver] = [clock.now(), receiverOf(url)];
    const id = deliveryId(claim.id);
    const attempt = claim.attempts + 1;
    await deliveries.note({ id, context, receiver, at, attempt, end, ...(said !== undefined && { said }) });
  }

  private share(): number {
    return this.deps.share?.() ?? Math.random();
  }
}

/** `webhook-id`: no dot, so that what is signed can be read in one way only. */
function deliveryId(importId: string): string {
  return `import_${importId}`;
}

/** Says it once more, whatever became of it before; `false` when the import is not known or asked for no callback. */
export async function replayCallback(assets: Assets, jobs: Jobs, job: ImportJob): Promise<boolean> {
  const { id, context } = job;
  if (job.finishedAt === undefined || job.callback === undefined) return false;
  if ((await assets.findImport(context, id)) === undefined) return false;
  await jobs.enqueue([{ kind: 'callback', id, context }]);
  return true;
}
