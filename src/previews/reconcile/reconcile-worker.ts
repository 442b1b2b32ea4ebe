// Does what was asked of the reconciling: source after source, one conversion at a time and behind everything that somebody waits for,
// at the pace that is set, noting how far it is, so that whoever goes on begins there. Previews of before serve until theirs is made.
import { setTimeout as delay } from 'node:timers/promises';
import { type Digest, parseDigest } from '../../kernel/digest.js';
import { type ErrorName, ProofsheetError } from '../../kernel/errors.js';
import { DEFAULT_CONTEXT } from '../../kernel/image-key.js';
import type { Leases } from '../../kernel/ports/leases.js';
import type { Logger } from '../../kernel/ports/logger.js';
import { changeOf, parseControl, type ReconcileControl, type ReconcileProgress } from '../../kernel/reconcile.js';
import type { SourceRecord } from '../../kernel/source.js';
import { SoleRounds, type SoleRoundsOptions } from '../sole-rounds.js';
import type { SourceMaker } from '../source-maker.js';
import { CONTROL, PROGRESS, ReconcileService, type ReconcileServiceDeps } from './reconcile-service.js';

const INTERVAL_MS = 1_000;
/** How long a pause or a stop may take to be seen. */
const NOTE_MS = 500;
/** Of the server as it is at the moment, not of the source: its queue is full, it stops, its disk or Redis takes nothing. */
const REFUSED_FOR_NOW: ReadonlySet<ErrorName> = new Set(['overloaded', 'shared-tier-unreachable', 'storage-full']);
const IDLE = { priority: 'background', context: DEFAULT_CONTEXT } as const;

export interface ReconcileWorkerDeps extends ReconcileServiceDeps {
  readonly maker: Pick<SourceMaker, 'finish' | 'makeFromKept'>;
  /** Absent where no other process shares the store. */
  readonly leases?: Leases;
  readonly logger: Logger;
}

export class ReconcileWorker {
  private readonly rounds: SoleRounds;
  private readonly service: ReconcileService;

  constructor(private readonly deps: ReconcileWorkerDeps) {
    const { leases, clock, logger } = deps;
    this.service = new ReconcileService(deps);
    this.rounds = new SoleRounds({
      ...{ name: 'reconcile', intervalMs: INTERVAL_MS, leases, clock },
      isWanted: () => this.isWanted(),
      work: this.work,
      onFailure: (error) => logger.debug({ error }, 'reconciling is tried again'),
    });
  }

  start(): void {
    this.rounds.start();
  }

  /** One round now, or the one that is running. Never rejects. */
  round(): Promise<void> {
    return this.rounds.round();
  }

  close(): Promise<void> {
    return this.rounds.close();
  }

  private async isWanted(): Promise<boolean> {
    const standing = await this.service.standing();
    return standing !== undefined && !standing.progress.isOver && standing.control.wanted === 'running';
  }

  private readonly work: SoleRoundsOptions['work'] = async (turn, signal) => {
    const { walk, catalog, clock, notes, sequence, preConvert } = this.deps;
    // Anew: another process may have done some of it since.
    const begun = await this.service.standing();
    if (begun === undefined || begun.progress.isOver) return;
    let { control, progress }: { control: ReconcileControl; progress: ReconcileProgress } = begun;
    let notedAt = clock.monotonic();
    const after = progress.cursor === undefined ? undefined : parseDigest(progress.cursor);
    for await (const digests of walk.sources(after)) {
      for (const cursor of digests) {
        const record = await catalog.findSource(cursor);
        const change = record && changeOf(record, sequence, preConvert);
        if (record && change?.state === 'outdated') {
          const begunAt = clock.monotonic();
          const made = await this.made(record, progress);
          // What cannot be made costs as much as what can, so it keeps the pace too; and what is refused is tried in the next round.
          if (made !== undefined) await keepPace(control, clock.monotonic() - begunAt, signal);
          else return notes.write(PROGRESS, { ...progress, at: clock.now() });
          progress = made;
        }
        const isStuck = change?.state === 'stuck';
        progress = { ...progress, cursor, looked: progress.looked + 1, stuck: progress.stuck + Number(isStuck) };
        if (signal.aborted || clock.monotonic() - notedAt >= NOTE_MS) {
          notedAt = clock.monotonic();
          await notes.write(PROGRESS, { ...progress, at: clock.now() });
          const now = parseControl(await notes.read(CONTROL));
          const isOurs = now?.run === control.run && now.wanted === 'running' && !signal.aborted;
          if (now === undefined || !isOurs || !(await turn.isMine())) return;
          control = now;
        }
      }
    }
    await notes.write(PROGRESS, { ...progress, at: clock.now(), isOver: true });
  };

  /** What cannot be made is counted, and stays as it is. `undefined`: it was refused for the moment, and is the first of the next round. */
  private async made(record: SourceRecord, progress: ReconcileProgress): Promise<ReconcileProgress | undefined> {
    const { maker, clock, logger, preConvert, sequence } = this.deps;
    const begunAt = clock.monotonic();
    const [first] = sequence.formats;
    try {
      await (preConvert || first === undefined ? maker.finish(record, IDLE) : maker.makeFromKept(record, first, IDLE));
      const seconds = (clock.monotonic() - begunAt) / 1_000;
      return { ...progress, made: progress.made + 1, seconds: progress.seconds + seconds };
    } catch (error) {
      if (error instanceof ProofsheetError && REFUSED_FOR_NOW.has(error.code)) return undefined;
      logger.warn({ error, source: record.digest satisfies Digest }, 'a source could not be brought up to date');
      return { ...progress, failed: progress.failed + 1 };
    }
  }
}

async function keepPace({ perMinute }: ReconcileControl, tookMs: number, signal: AbortSignal): Promise<void> {
  const restMs = perMinute > 0 ? 60_000 / perMinute - tookMs : 0;
  if (restMs > 0) await delay(restMs, undefined, { signal }).catch(() => undefined);
}
