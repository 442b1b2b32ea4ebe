// What the library tells of itself: gauges over its records and its queue, and its part of the status page.
import type { LibraryFigures } from './http/status/status-page.js';
import type { Assets } from './kernel/ports/assets.js';
import type { Clock } from './kernel/ports/clock.js';
import type { Deliveries } from './kernel/ports/deliveries.js';
import { JOB_KINDS, type JobKind, type JobState, type Jobs } from './kernel/ports/jobs.js';
import type { Metrics } from './kernel/ports/metrics.js';

interface Sources {
  readonly assets: Pick<Assets, 'usage'>;
  readonly jobs: Pick<Jobs, 'counts' | 'oldestDue'>;
  readonly deliveries: Pick<Deliveries, 'failing'>;
}

/** What is counted when it is asked for. */
export function registerLibraryGauges(metrics: Metrics, { assets, jobs }: Sources, clock: Clock): void {
  metrics.gauge('jobs_queued', async () =>
    (await jobs.counts()).map(({ kind, state, jobs: value }) => ({ labels: { kind, state }, value })),
  );
  metrics.gauge('job_oldest_due_seconds', () =>
    Promise.all(
      JOB_KINDS.map(async (kind) => ({ labels: { kind }, value: await oldestDueSeconds(jobs, kind, clock) })),
    ),
  );
  metrics.gauge('library_assets', async () => (await assets.usage()).assets);
  metrics.gauge('library_bytes', async () => (await assets.usage()).bytes);
}

/** What the status page shows, of all tenants together. */
export async function libraryFigures({ assets, jobs, deliveries }: Sources, clock: Clock): Promise<LibraryFigures> {
  const [usage, counts, failing] = await Promise.all([assets.usage(), jobs.counts(), deliveries.failing()]);
  const queues = JOB_KINDS.map(async (kind) => {
    const of = (state: JobState) => counts.find((count) => count.kind === kind && count.state === state)?.jobs ?? 0;
    const due = await oldestDueSeconds(jobs, kind, clock);
    return { kind, waiting: of('waiting'), delayed: of('delayed'), claimed: of('claimed'), oldestDueSeconds: due };
  });
  return {
    ...usage,
    queues: await Promise.all(queues),
    failingReceivers: failing.length,
    disabledReceivers: failing.filter(({ state }) => state.disabled !== undefined).length,
  };
}

async function oldestDueSeconds(jobs: Pick<Jobs, 'oldestDue'>, kind: JobKind, clock: Clock): Promise<number> {
  const due = await jobs.oldestDue(kind);
  return due === undefined ? 0 : Math.max(0, clock.now() - due) / 1_000;
}
