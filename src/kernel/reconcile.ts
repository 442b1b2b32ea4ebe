// Bringing stored records to the sequence of today: what of a record is to be made, what goes by it, and how far the work is. Pure rules.
import { missingFormats, usesAlpha } from './on-demand.js';
import { planSequence, type Sequence } from './sequence.js';
import { otherPreviews, ownPreviews, recordFor, type SourceRecord } from './source.js';

/** What bringing one record up to date comes to. */
export interface RecordChange {
  /** `current`: nothing is to be done. `stuck`: its source is no longer kept, so that it stays as it is until the next upload. */
  readonly state: 'current' | 'outdated' | 'stuck';
  /** Previews that are made. */
  readonly makes: number;
  /** Previews that go, and their bytes: those of the latest other sequences stay, for servers that make these. */
  readonly drops: number;
  readonly dropsBytes: number;
  /** Previews that stay in use by nobody of this sequence, and their bytes. */
  readonly keeps: number;
  readonly keepsBytes: number;
}

const NO_CHANGE: RecordChange = { state: 'current', makes: 0, drops: 0, dropsBytes: 0, keeps: 0, keepsBytes: 0 };

/** `isWhole`: the sequence is made as a whole, and not preview by preview as they are asked for. */
export function changeOf(record: SourceRecord, sequence: Sequence, isWhole: boolean): RecordChange {
  const current = recordFor(record, sequence.id);
  const isOfSequence = current.sequenceId === sequence.id;
  const missing = isOfSequence ? missingFormats(current, sequence) : sequence.formats;
  const isCurrent = isOfSequence && current.complete && (!isWhole || missing.length === 0);
  if (isCurrent) {
    // Nothing is made of it, so that nothing goes either.
    const others = record.previews.filter(({ sequenceId = record.sequenceId }) => sequenceId !== sequence.id);
    return { ...NO_CHANGE, keeps: others.length, keepsBytes: bytesOf(others) };
  }
  if (!record.sourceKept) return { ...NO_CHANGE, state: 'stuck' };
  const planned = planSequence(
    record.info,
    usesAlpha(record),
    isWhole ? sequence.formats : sequence.formats.slice(0, 1),
  );
  const made = new Set(isOfSequence ? ownPreviews(current).flatMap(({ formats }) => formats) : []);
  const makes = planned.filter(({ formats }) => !formats.some(({ text }) => made.has(text))).length;
  const kept = otherPreviews(record, sequence.id);
  const names = new Set([...kept, ...(isOfSequence ? ownPreviews(current) : [])].map(({ digest }) => digest));
  const gone = record.previews.filter(({ digest }) => !names.has(digest));
  return {
    state: 'outdated',
    makes,
    ...{ drops: gone.length, dropsBytes: bytesOf(gone), keeps: kept.length, keepsBytes: bytesOf(kept) },
  };
}

function bytesOf(previews: readonly { readonly bytes: number }[]): number {
  return previews.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Of all sources. */
export interface ReconcilePlan {
  readonly sources: number;
  readonly current: number;
  readonly outdated: number;
  readonly stuck: number;
  readonly makes: number;
  readonly drops: number;
  readonly dropsBytes: number;
  readonly keeps: number;
  readonly keepsBytes: number;
  /** Bytes of all previews that stand now, and how many they are: what is made will be about as large. */
  readonly previews: number;
  readonly previewBytes: number;
}

export const EMPTY_PLAN: ReconcilePlan = {
  ...{ sources: 0, current: 0, outdated: 0, stuck: 0, makes: 0, drops: 0, dropsBytes: 0 },
  ...{ keeps: 0, keepsBytes: 0, previews: 0, previewBytes: 0 },
};

export function withRecord(plan: ReconcilePlan, record: SourceRecord, change: RecordChange): ReconcilePlan {
  return {
    sources: plan.sources + 1,
    current: plan.current + Number(change.state === 'current'),
    outdated: plan.outdated + Number(change.state === 'outdated'),
    stuck: plan.stuck + Number(change.state === 'stuck'),
    makes: plan.makes + change.makes,
    drops: plan.drops + change.drops,
    dropsBytes: plan.dropsBytes + change.dropsBytes,
    keeps: plan.keeps + change.keeps,
    keepsBytes: plan.keepsBytes + change.keepsBytes,
    previews: plan.previews + record.previews.length,
    previewBytes: plan.previewBytes + bytesOf(record.previews),
  };
}

/** Bytes of what is made, by the mean of what stands. */
export function madeBytesOf({ makes, previews, previewBytes }: ReconcilePlan): number {
  return previews === 0 ? 0 : Math.round((makes * previewBytes) / previews);
}

/** What is asked of the work: by whom it is done is another matter. */
export interface ReconcileControl {
  /** Of this run; a new one looks at everything anew. */
  readonly run: string;
  readonly wanted: 'running' | 'paused' | 'stopped';
  /** Sources that are made in a minute at most; 0 sets no limit. */
  readonly perMinute: number;
  /** Unix ms. */
  readonly startedAt: number;
}

/** How far it is. */
export interface ReconcileProgress {
  readonly run: string;
  /** The last source that was looked at; the next begins behind it. */
  readonly cursor?: string;
  readonly looked: number;
  readonly made: number;
  readonly failed: number;
  readonly stuck: number;
  /** Of conversions, waiting included. */
  readonly seconds: number;
  /** Unix ms. */
  readonly at: number;
  readonly isOver: boolean;
}

export function begunProgress(run: string, at: number): ReconcileProgress {
  return { run, looked: 0, made: 0, failed: 0, stuck: 0, seconds: 0, at, isOver: false };
}

const WANTED = ['running', 'paused', 'stopped'] as const;

/** What was noted of the work; `undefined` for anything that is not that, by whomever it was noted. */
export function parseControl(noted: unknown): ReconcileControl | undefined {
  const { run, wanted, perMinute, startedAt } = (noted ?? {}) as Partial<ReconcileControl>;
  const known = WANTED.find((each) => each === wanted);
  if (typeof run !== 'string' || known === undefined || !areAmounts(perMinute, startedAt)) return undefined;
  return { run, wanted: known, perMinute: Number(perMinute), startedAt: Number(startedAt) };
}

/** As `parseControl`. */
export function parseProgress(noted: unknown): ReconcileProgress | undefined {
  const progress = (noted ?? {}) as Partial<ReconcileProgress>;
  const { run, cursor, looked, made, failed, stuck, seconds, at, isOver } = progress;
  if (!areAmounts(looked, made, failed, stuck, seconds, at)) return undefined;
  const isText = typeof run === 'string' && (cursor === undefined || typeof cursor === 'string');
  return isText && typeof isOver === 'boolean' ? (progress as ReconcileProgress) : undefined;
}

function areAmounts(...amounts: readonly unknown[]): boolean {
  return amounts.every((amount) => typeof amount === 'number' && Number.isFinite(amount) && amount >= 0);
}
