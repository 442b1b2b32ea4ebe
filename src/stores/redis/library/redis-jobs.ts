// The Jobs port on Redis: the queue stands beside the library's records, so that work ends and shows its effects in one commit. What
// wakes the nodes is told after each commit (see job-tickets.ts); whatever is not told is found by asking.
import { randomUUID } from 'node:crypto';
import type { Context } from '../../../kernel/image-key.js';
import { type ItemStage, parseItemWorkId } from '../../../kernel/library/import-job.js';
import { parseSlotName } from '../../../kernel/library/upload.js';
import {
  type Claim,
  type ClaimRequest,
  type Finish,
  type ItemRetry,
  JOB_KINDS,
  JOB_STATES,
  type Job,
  type JobCounts,
  type JobEffects,
  type JobKind,
  type Jobs,
  type NewJob,
} from '../../../kernel/ports/jobs.js';
import type { Script } from '../link.js';
import type { Held } from './commit-script.js';
import { CLAIM, COUNTS, HASTEN, OLDEST_DUE, RELEASE, RENEW, TAKE_BACK } from './job-scripts.js';
import type { LibraryChanges, OnDue } from './library-changes.js';
import { hashOf } from './library-keys.js';
import { jobRecordIn } from './library-records.js';
import { decodeRecord } from './library-session.js';

/** Contexts looked at for the job that waits longest: more have something due only where there are more tenants than this. */
const MAX_CONTEXTS = 10_000;
const ID = /^(?![0-9]+$)[A-Za-z0-9._-]{1,128}$/;
/** Jobs of one commit: a server that runs a script serves nobody else. */
const MAX_ENQUEUED = 20_000;

/** Those that wait for jobs in this process, and what tells the other nodes. */
export interface JobBell {
  readonly ring: OnDue;
  onDue(listener: (kind: JobKind) => void): () => void;
  /** So many jobs are claimed at once here: as many may be announced to this process. */
  claiming(kind: JobKind, limit: number): void;
  /** A claim of this process has ended, however it did. */
  ended(claim: Claim): void;
  claimed(claims: readonly Claim[]): void;
  close(): Promise<void>;
}

export class RedisJobs implements Jobs {
  /** This process, in the book of who has what in hand. */
  private readonly holder = randomUUID();
  /** Where the next look for old keys begins. */
  private readonly cursors = new Map<JobKind, string>();
  /** Those that have or had work, by their hashes. */
  private readonly contexts = new Map<string, Context>();

  constructor(
    private readonly changes: LibraryChanges,
    private readonly bell: JobBell,
  ) {}

  async enqueue(added: readonly NewJob[], key?: string): Promise<void> {
    for (const { id } of added) if (!ID.test(id)) throw new Error('expected a job id of 1 to 128 of A-Z a-z 0-9 . - _');
    if (added.length > MAX_ENQUEUED) throw new Error(`expected at most ${MAX_ENQUEUED} jobs, got ${added.length}`);
    const [first] = added;
    if (first === undefined) return;
    const { keys } = this.changes.session;
    await this.changes.write(async ({ transaction, addJob }) => {
      if (key !== undefined) {
        const place = { key: keys.jobKeys(first.kind), field: hashOf(key) };
        if ((await transaction.text(place)) !== undefined) return;
        transaction.setText(place, String(transaction.now));
      }
      for (const job of added) addJob(job);
    });
  }

  async claim({ kind, limit, leaseMs, admits }: ClaimRequest): Promise<readonly Claim[]> {
    this.bell.claiming(kind, limit);
    const claims: Claim[] = [];
    // Twice at most: where contexts have work that are not known here, they are looked up and asked for.
    for (const isLast of [false, true]) {
      const left = limit - claims.length;
      const shares = admits ? JSON.stringify(this.sharesOf(admits, left, countOf(claims))) : '';
      const [claimed, unknown] = await this.claimSome(kind, left, leaseMs, shares);
      claims.push(...claimed);
      if (isLast || unknown.length === 0 || claims.length === limit || !(await this.learn(unknown))) break;
    }
    this.bell.claimed(claims);
    return claims;
  }

  private async claimSome(
    kind: JobKind,
    limit: number,
    leaseMs: number,
    shares: string,
  ): Promise<readonly [claims: readonly Claim[], unknown: readonly string[]]> {
    const { clock, leaseNow, logger } = this.changes.session;
    const reply = await this.run(CLAIM, [kind, clock.now(), leaseNow(), leaseMs, limit, shares, this.holder]);
    const [claimed, unknown] = reply as readonly [ClaimReply[], string[]];
    const claims = claimed.flatMap(([id, [record, due, attempts, lost, fence, waiting]]) => {
      try {
        return { ...this.jobOf(kind, id, [record, due, attempts, lost, waiting]), fence: Number(fence) };
      } catch (error) {
        // It stays under its lease, and comes again: one that cannot be read is not a reason to do no other.
        logger.error({ error, kind, id }, 'a job cannot be read');
        return [];
      }
    });
    return [claims, unknown];
  }

  /** How many more each context that is known may have, by its hash. */
  private sharesOf(
    admits: NonNullable<ClaimRequest['admits']>,
    limit: number,
    claimed: ReadonlyMap<Context, number>,
  ): Readonly<Record<string, number>> {
    const shares = [...this.contexts].map(([hash, context]) => {
      const before = claimed.get(context) ?? 0;
      let share = 0;
      while (share < limit && admits(context, before + share)) share++;
      return [hash, share] as const;
    });
    return Object.fromEntries(shares);
  }

  /** Looks up which contexts are meant; `false` when none is found. As many are remembered as there are tenants with work. */
  private async learn(hashes: readonly string[]): Promise<boolean> {
    const { link, keys, deadlines } = this.changes.session;
    const reply = await link.send(keys.contexts, ['HMGET', keys.contexts, ...hashes], deadlines.scriptMs);
    const before = this.contexts.size;
    for (const context of reply as (string | null)[])
      if (typeof context === 'string') this.contexts.set(hashOf(context), context as Context);
    return this.contexts.size > before;
  }

  async renew({ kind, id, fence }: Claim, leaseMs: number): Promise<boolean> {
    const { leaseNow } = this.changes.session;
    return (await this.run(RENEW, [kind, id, fence, leaseNow(), leaseMs])) === 1;
  }

  async note(claim: Claim, stage: ItemStage): Promise<boolean> {
    const item = claim.kind === 'import-item' ? parseItemWorkId(claim.id) : undefined;
    const slot = claim.kind === 'upload' ? parseSlotName(claim.id) : undefined;
    const outcome = await this.changes.write(async ({ imports, uploads }) => {
      if (item) await imports.noteStage(item.importId, item.index, stage);
      if (slot) await uploads.noteProcessing(slot);
    }, heldBy(claim));
    return outcome !== 'lost';
  }

  async finish(claim: Claim, effects?: JobEffects): Promise<Finish> {
    const outcome = await this.changes.write(async ({ imports, uploads, transaction }) => {
      if (effects && 'slot' in effects) await uploads.settle(effects);
      else if (effects && (await imports.settleItem(effects)) === 'original-missing') return 'original-missing';
      transaction.change(['finish']);
      return 'finished';
    }, heldBy(claim));
    if (outcome !== 'original-missing') this.bell.ended(claim);
    return outcome;
  }

  async retryAt(claim: Claim, at: number, { reason, free = false }: ItemRetry = {}): Promise<boolean> {
    const attempts = claim.attempts + (free ? 0 : 1);
    const item = claim.kind === 'import-item' ? parseItemWorkId(claim.id) : undefined;
    const outcome = await this.changes.write(
      async ({ imports, transaction }) => {
        transaction.change(['retry', String(attempts), String(at), free ? '1' : '0']);
        if (item) await imports.noteRetry(item.importId, item.index, { attempts, at, reason });
      },
      heldBy(claim),
      at,
    );
    this.bell.ended(claim);
    return outcome !== 'lost';
  }

  async release(claim: Claim): Promise<boolean> {
    const { kind, id, fence } = claim;
    const released = (await this.run(RELEASE, [kind, id, fence, this.changes.session.clock.now()])) === 1;
    this.bell.ended(claim);
    if (released) this.changes.dueAgain(kind, 1);
    return released;
  }

  async hasten(kind: JobKind, id: string): Promise<boolean> {
    const hastened = (await this.run(HASTEN, [kind, id, this.changes.session.clock.now()])) === 1;
    if (hastened) this.changes.dueAgain(kind, 1);
    return hastened;
  }

  async find(kind: JobKind, id: string): Promise<Job | undefined> {
    const { link, keys, deadlines } = this.changes.session;
    const key = keys.job(kind, id);
    const fields = ['record', 'due', 'attempts', 'lost', 'waiting'];
    const [record, ...rest] = (await link.send(key, ['HMGET', key, ...fields], deadlines.getMs)) as Texts;
    return typeof record === 'string' ? this.jobOf(kind, id, [record, ...rest]) : undefined;
  }

  async counts(): Promise<readonly JobCounts[]> {
    const counts = (await this.run(COUNTS, [this.changes.session.clock.now(), ...JOB_KINDS])) as number[];
    return JOB_KINDS.flatMap((kind, at) =>
      JOB_STATES.map((state, column) => ({ kind, state, jobs: counts[at * JOB_STATES.length + column] ?? 0 })),
    );
  }

  async oldestDue(kind: JobKind): Promise<number | undefined> {
    const due = await this.run(OLDEST_DUE, [kind, this.changes.session.clock.now(), MAX_CONTEXTS]);
    return due === null ? undefined : Number(due);
  }

  async sweep(before: number, limit: number): Promise<number> {
    const { clock, leaseNow } = this.changes.session;
    let forgotten = 0;
    for (const kind of JOB_KINDS) {
      const lost = Number(await this.run(TAKE_BACK, [kind, clock.now(), leaseNow()]));
      if (lost > 0) this.changes.dueAgain(kind, lost);
      forgotten += await this.forgetKeys(kind, before, limit);
    }
    return forgotten;
  }

  onDue(listener: (kind: JobKind) => void): () => void {
    return this.bell.onDue(listener);
  }

  async close(): Promise<void> {
    await this.bell.close();
  }

  /** A page of the keys at a time, wherever the last one ended: few are used, and all of them are looked at in the end. */
  private async forgetKeys(kind: JobKind, before: number, limit: number): Promise<number> {
    const { link, keys, deadlines } = this.changes.session;
    const key = keys.jobKeys(kind);
    const cursor = this.cursors.get(kind) ?? '0';
    const [next, fields] = (await link.send(
      key,
      ['HSCAN', key, cursor, 'COUNT', String(limit)],
      deadlines.scriptMs,
    )) as [string, string[]];
    this.cursors.set(kind, next);
    const old = fields.filter((_, at) => at % 2 === 0 && Number(fields[at + 1]) < before);
    if (old.length > 0) await link.send(key, ['HDEL', key, ...old], deadlines.scriptMs);
    return old.length;
  }

  private run(script: Script, args: readonly (string | number)[]): Promise<unknown> {
    const { link, keys, deadlines } = this.changes.session;
    return link.run(script, { keys: [keys.base], args }, deadlines.scriptMs);
  }

  private jobOf(kind: JobKind, id: string, [record, due, attempts, lost, waiting]: Texts): Job {
    const { session } = this.changes;
    const place = { key: session.keys.job(kind, id), field: 'record' };
    const facts = decodeRecord(session, place, String(record), jobRecordIn);
    const numbers = { dueAt: Number(due), attempts: Number(attempts), lostLeases: Number(lost) };
    return { kind, id, ...facts, ...numbers, ...(typeof waiting === 'string' && { waitingSince: Number(waiting) }) };
  }
}

type Texts = readonly (string | null | undefined)[];
type ClaimReply = readonly [id: string, row: Texts];

function heldBy({ kind, id, fence }: Claim): Held {
  return [kind, id, String(fence)];
}

function countOf(claims: readonly Claim[]): ReadonlyMap<Context, number> {
  const counts = new Map<Context, number>();
  for (const { context } of claims) counts.set(context, (counts.get(context) ?? 0) + 1);
  return counts;
}
