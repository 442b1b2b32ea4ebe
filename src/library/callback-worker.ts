// Tells whoever asked that an import has ended: one delivery, from the job that the import's end left in the queue. At least once, with
// the same id each time; the words are those of the dialect that the import came in by.

import type { ImportId } from '../kernel/library/ids.js';
import type { ImportJob } from '../kernel/library/import-job.js';
import type { Assets } from '../kernel/ports/assets.js';
import type { Claim, Jobs } from '../kernel/ports/jobs.js';
import type { Tenants } from '../kernel/ports/tenants.js';
import { Deliverer, type DelivererDeps } from './deliverer.js';
import type { Ending, Hold } from './job-runner.js';
import { JobTenants } from './job-tenant.js';
import type { Letter } from './letter.js';

export interface CallbackWorkerDeps extends DelivererDeps {
  readonly assets: Assets;
  readonly tenants: Tenants;
  /** What the dialect of an import says of its end; `undefined`: it says nothing. */
  readonly letterOf: (job: ImportJob, secrets: readonly string[]) => Letter | undefined;
}

export class CallbackWorker {
  private readonly jobTenants: JobTenants;
  private readonly deliverer: Deliverer;

  constructor(private readonly deps: CallbackWorkerDeps) {
    this.jobTenants = new JobTenants(deps.tenants, deps.clock);
    this.deliverer = new Deliverer(deps);
  }

  readonly run = async (claim: Claim, hold: Hold): Promise<Ending> => {
    const { assets, letterOf, logger } = this.deps;
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
    return this.deliverer.deliver(claim, { id: `import_${job.id}`, url, tenant, letter }, hold);
  };
}

/** Says it once more, whatever became of it before, also where it waits for its next try; `false` when the import is not known or asked for no callback. */
export async function replayCallback(assets: Assets, jobs: Jobs, job: ImportJob): Promise<boolean> {
  const { id, context } = job;
  if (job.finishedAt === undefined || job.callback === undefined) return false;
  if ((await assets.findImport(context, id)) === undefined) return false;
  await jobs.enqueue([{ kind: 'callback', id, context }]);
  await jobs.hasten('callback', id);
  return true;
}
