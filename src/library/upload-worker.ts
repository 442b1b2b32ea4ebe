// One committed slot, from its bytes to a version: previews are made of them, and what they are is told in the commit that ends it, which
// the queue fences; a crash anywhere costs a second run. A version that cannot be made leaves the asset as it was.
import { createHash, randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asProofsheetError, type ErrorName } from '../kernel/errors.js';
import { type GroupRef, type ImageKey, libraryContextOf } from '../kernel/image-key.js';
import { embeddedFactsOf } from '../kernel/library/embedded-facts.js';
import { faultWaitMs, MAX_PATIENCE_MS, type Reason, reasonOfError } from '../kernel/library/reason.js';
import { parseSlotName, type SlotRef } from '../kernel/library/upload.js';
import { slotOf } from '../kernel/library/upload-changes.js';
import type { AgingClock } from '../kernel/ports/clock.js';
import type { Claim } from '../kernel/ports/jobs.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Originals } from '../kernel/ports/originals.js';
import type { SlotOutcome, Uploads } from '../kernel/ports/uploads.js';
import { releaseMemory } from '../kernel/release-memory.js';
import type { Previews } from '../previews/answers.js';
import type { Ending, Hold } from './job-runner.js';

/** A slot whose holder died so often in the middle of it is not tried again: it may be what they died of. */
const MAX_LOST_LEASES = 5;
/** Some half a millisecond of hashing. */
const PIECE_BYTES = 512 * 1024;
/** What says that this server has too much to do: it passes when that is done, however long it takes. */
const BUSY: ReadonlySet<ErrorName> = new Set(['overloaded', 'over-quota', 'shared-tier-unreachable']);

export interface UploadWorkerDeps {
  readonly uploads: Uploads;
  readonly originals: Originals;
  readonly previews: Pick<Previews, 'cache'>;
  /** On the originals' file system. */
  readonly tmpDir: string;
  readonly clock: AgingClock;
  readonly logger: Logger;
  /** Has tiles made of a picture; absent where nobody zooms. */
  readonly tile?: (ref: GroupRef, signal: AbortSignal) => Promise<void>;
  /** Whether what came that way (`CameBy.via`) is to be zoomed into: then it is only there once its tiles are. */
  readonly isZoomed?: (via: string) => boolean;
  /** 0 to 1, by chance; for tests. */
  readonly share?: () => number;
}

export class UploadWorker {
  constructor(private readonly deps: UploadWorkerDeps) {}

  readonly run = async (claim: Claim, hold: Hold): Promise<Ending> => {
    const slot = parseSlotName(claim.id);
    const asset = slot && (await this.deps.uploads.findSlot(slot));
    const found = slot && asset && slotOf(asset, slot.slotId);
    const received = found?.received;
    // Erased, or ended by a run that died before it could say so.
    if (slot === undefined || found === undefined || received === undefined) return { kind: 'done' };
    if (claim.lostLeases >= MAX_LOST_LEASES)
      return failed(slot, { code: 'internal', message: 'its processing was interrupted too often' });
    const { digest, bytes } = received;
    await hold.note('converting');
    const path = join(this.deps.tmpDir, `slot-${randomUUID()}`);
    try {
      if (!(await this.deps.originals.copyTo(digest, path)))
        return failed(slot, { code: 'internal', message: 'its bytes are lost; upload them again' });
      // Nobody waits for it, as a client would while it sends.
      const md5 = received.md5 ?? (await md5Of(path));
      const ref = { context: libraryContextOf(claim.context), imageKey: digest as string as ImageKey };
      const { source } = await this.deps.previews.cache(ref, { path, digest, bytes });
      if (found.via !== undefined && this.deps.isZoomed?.(found.via)) await this.deps.tile?.(ref, hold.giveUp);
      const { type, widthPx, heightPx } = source.info;
      const embedded = { ...embeddedFactsOf(source.metadata), ...(source.info.hasAlpha && { hasAlpha: 1 }) };
      return ended(slot, { kind: 'made', picture: { type, widthPx, heightPx, md5, embedded } });
    } catch (error) {
      if (hold.giveUp.aborted) throw error;
      return this.notMade(slot, claim, error);
    } finally {
      await rm(path, { force: true });
    }
  };

  /** What the bytes are to blame for is final; what this server lacks is waited for. */
  private notMade(slot: SlotRef, claim: Claim, thrown: unknown): Ending {
    const { clock, logger, share = Math.random } = this.deps;
    const error = asProofsheetError(thrown);
    const code = reasonOfError(error.code);
    if (code !== undefined && !(error.uncertain && claim.attempts === 0))
      return failed(slot, { code, message: error.message });
    const reason: Reason = { code: 'internal', message: error.message };
    if (error.code === 'internal') logger.warn({ error }, 'an upload could not be processed');
    const now = clock.now();
    const ageMs = claim.waitingSince === undefined ? 0 : Math.max(0, clock.agesCountFrom() - claim.waitingSince);
    const isLate = ageMs > MAX_PATIENCE_MS && !BUSY.has(error.code);
    if (isLate && claim.attempts > 0) return failed(slot, reason);
    const at = now + (error.retryAfterSeconds ?? 0) * 1_000 + faultWaitMs(ageMs, share());
    return { kind: 'again', at, retry: { reason, free: code === undefined && !isLate } };
  }
}

/** A file in pieces, between which other work has its turn. */
async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  const file = await open(path);
  const buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, PIECE_BYTES);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
    releaseMemory(buffer);
  }
}

function ended(slot: SlotRef, outcome: SlotOutcome): Ending {
  return { kind: 'done', effects: { slot, outcome } };
}

function failed(slot: SlotRef, reason: Reason): Ending {
  return ended(slot, { kind: 'failed', reason });
}
