// What changes do to an import and its items, whoever keeps them: pure functions from the record as it was to the record as it is.
import type { NewImport } from '../ports/assets.js';
import {
  type EndedItems,
  endedCount,
  type ImportItem,
  type ImportJob,
  type ItemStage,
  NONE_ENDED,
} from './import-job.js';
import type { Reason } from './reason.js';

/** The receiver of a callback must have had the time to store the import's id. */
const CALLBACK_AFTER_MS = 1_000;

/** How an item ends. */
export type EndedItem = Pick<ImportItem, 'reason' | 'assetId' | 'versionNumber' | 'picture'> & {
  readonly state: keyof EndedItems;
};

/** The job of a batch of which `skipped` items are final from the start. `now`: Unix ms. */
export function acceptedJob(wanted: NewImport, skipped: number, now: number): ImportJob {
  const { id, context, tenantId, dialect, system, callback, items } = wanted;
  return {
    id,
    context,
    ...(tenantId !== undefined && { tenantId }),
    dialect,
    ...(system !== undefined && { system }),
    items: items.length,
    ended: { ...NONE_ENDED, skipped },
    ...(callback && { callback }),
    acceptedAt: now,
  };
}

/** Whether the import that has the id of `wanted` gives way to it. */
export function mayReplace({ context, startsAnew = false }: NewImport, before: ImportJob): boolean {
  return startsAnew && before.context === context && before.finishedAt !== undefined;
}

export function itemAtStage(item: ImportItem, state: ItemStage): ImportItem {
  const { reason: _, nextAttemptAt: __, ...rest } = item;
  return { ...rest, state };
}

/** `at`: Unix ms. */
export function itemToRetry(
  item: ImportItem,
  { attempts, at, reason }: { readonly attempts: number; readonly at: number; readonly reason: Reason | undefined },
): ImportItem {
  return { ...item, state: 'queued', attempts, nextAttemptAt: at, ...(reason && { reason }) };
}

/**
 * What was to be written to its asset is there, or nowhere: it may be large, and is not read with every look at the import. The end is
 * an attempt as well, unless it is `free`; of the job, which goes with it, it is not counted.
 */
export function endedItem(item: ImportItem, ended: EndedItem, free = false): ImportItem {
  const { reason: _, nextAttemptAt: __, metadata: ___, ...rest } = item;
  return { ...rest, ...ended, attempts: item.attempts + (free ? 0 : 1) };
}

/** The job after one more of its items ended as `state`; with `finishedAt` when that was the last one. */
export function jobAfter(job: ImportJob, state: keyof EndedItems, now: number): ImportJob {
  const ended = { ...job.ended, [state]: job.ended[state] + 1 };
  return { ...job, ended, ...(endedCount(ended) === job.items && { finishedAt: now }) };
}

/** When (Unix ms) whoever asked for it is told that the import has ended; soon, whatever the clock said when it was accepted. */
export function callbackDueAt({ acceptedAt }: Pick<ImportJob, 'acceptedAt'>, now: number): number {
  return Math.min(now + CALLBACK_AFTER_MS, Math.max(now, acceptedAt + CALLBACK_AFTER_MS));
}
