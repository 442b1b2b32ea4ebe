// One item of an import, from its URL to its asset: fetch, make previews, keep the original, and say how it ended. What it does is
// idempotent up to the commit that ends it, which the queue fences; a crash anywhere costs a second run.
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { asProofsheetError, type ErrorName } from '../kernel/errors.js';
import { type GroupRef, type ImageKey, libraryContextOf } from '../kernel/image-key.js';
import type { DescribedAsset } from '../kernel/library/asset.js';
import { embeddedFactsOf } from '../kernel/library/embedded-facts.js';
import { newAssetId } from '../kernel/library/ids.js';
import { type ImportItem, type ImportJob, isFinal, parseItemWorkId } from '../kernel/library/import-job.js';
import { faultWaitMs, MAX_PATIENCE_MS, type Reason, reasonOfError, retryWaitMs } from '../kernel/library/reason.js';
import type { Tenant } from '../kernel/library/tenant.js';
import type { Assets, ItemEffects, ItemOutcome } from '../kernel/ports/assets.js';
import type { AgingClock } from '../kernel/ports/clock.js';
import type { Claim } from '../kernel/ports/jobs.js';
import type { Logger } from '../kernel/ports/logger.js';
import type { Originals } from '../kernel/ports/originals.js';
import type { Fetched, FetchedFile, FetchFailure, SourceFetcher } from '../kernel/ports/source-fetcher.js';
import type { Tenants } from '../kernel/ports/tenants.js';
import type { Previews } from '../previews/answers.js';
import { linkOrCopy, unlinkIfThere } from '../previews/making.js';
import type { Ending, Hold } from './job-runner.js';
import { JobTenants } from './job-tenant.js';

/** An item whose holder died so often in the middle of it, and of it alone, is not tried again: it may be what they died of. */
const MAX_LOST_LEASES = 5;
/** Between two looks whether a host is asked again: by chance, up to this many ms. */
const NOT_ASKED_WAIT_MS = 10_000;

/** What says that this server has too much to do: it passes when that is done, however long it takes. */
const BUSY: ReadonlySet<ErrorName> = new Set(['overloaded', 'over-quota', 'shared-tier-unreachable']);

type Counting = Pick<ItemEffects, 'free'>;
/** How an item ends for which no host was asked: by no attempt. */
const UNASKED: Counting = { free: true };

const UNKNOWN_TENANT: Reason = { code: 'internal', message: 'its tenant is not known here; it waits until it is' };

export interface ImportWorkerDeps {
  readonly assets: Assets;
  readonly originals: Originals;
  readonly fetcher: SourceFetcher;
  readonly previews: Previews;
  readonly tenants: Tenants;
  /** On the originals' file system. */
  readonly tmpDir: string;
  readonly maxSourceBytes: number;
  readonly clock: AgingClock;
  readonly logger: Logger;
  /** Has tiles made of a picture; absent where nobody zooms. */
  readonly tile?: (ref: GroupRef, signal: AbortSignal) => Promise<void>;
  /** Whether what comes in by a dialect is to be zoomed into: then it is only there once its tiles are. */
  readonly isZoomed?: (dialect: string) => boolean;
  /** 0 to 1, by chance; for tests. */
  readonly share?: () => number;
}

/** What is known of an item before anybody is asked. */
interface Work {
  readonly claim: Claim;
  readonly item: ImportItem;
  readonly job: ImportJob;
  readonly tenant: Tenant;
  readonly known: DescribedAsset | undefined;
}

export class ImportWorker {
  private readonly jobTenants: JobTenants;

  constructor(private readonly deps: ImportWorkerDeps) {
    this.jobTenants = new JobTenants(deps.tenants, deps.clock);
  }

  readonly run = async (claim: Claim, hold: Hold): Promise<Ending> => {
    const named = parseItemWorkId(claim.id);
    const [job, item] = named
      ? await Promise.all([
          this.deps.assets.findImport(claim.context, named.importId),
          this.deps.assets.findItem(named.importId, named.index),
        ])
      : [];
    // Forgotten, or ended by a run that died before it could say so.
    if (job === undefined || item === undefined || isFinal(item.state)) return { kind: 'done' };
    const tenant = this.jobTenants.of(job, job.acceptedAt);
    if (tenant === 'gone') return ended(item, { kind: 'cancelled' }, UNASKED);
    if ('laterAt' in tenant)
      return { kind: 'again', at: tenant.laterAt, retry: { reason: UNKNOWN_TENANT, free: true } };
    if (claim.lostLeases >= MAX_LOST_LEASES)
      return failed(item, { code: 'internal', message: 'its processing was interrupted too often' }, UNASKED);
    const known = item.reference && (await this.deps.assets.findByReference(claim.context, item.reference));
    if (known && tenant.onExisting === 'skip' && (await this.isThere(known)))
      return ended(item, { kind: 'unchanged', assetId: known.asset.id }, UNASKED);
    return this.fetch({ claim, item, job, tenant, known }, hold);
  };

  private async fetch(work: Work, hold: Hold): Promise<Ending> {
    const { item, tenant, known } = work;
    await hold.note('fetching');
    const validators = await this.validatorsOf(known);
    let fetched: Fetched;
    try {
      fetched = await this.deps.fetcher.fetch({
        url: item.url,
        context: tenant.context,
        ...(tenant.allowedHosts && { allowedHosts: tenant.allowedHosts }),
        maxBytes: this.deps.maxSourceBytes,
        ...(validators && { validators }),
        signal: hold.giveUp,
      });
    } catch (error) {
      if (hold.giveUp.aborted) throw error;
      return this.notStored(work, error, undefined);
    }
    if (fetched.kind === 'failed') return this.notFetched(work, fetched);
    if (fetched.kind === 'not-modified')
      return known ? ended(item, { kind: 'unchanged', assetId: known.asset.id }) : failed(item, { code: 'internal' });
    return this.store(work, fetched, hold);
  }

  /** Only where the bytes that they are about are still there: a picture that was lost is brought again. */
  private async validatorsOf(known: DescribedAsset | undefined) {
    if (known?.asset.validators === undefined) return undefined;
    return (await this.isThere(known)) ? known.asset.validators : undefined;
  }

  private async isThere({ version }: DescribedAsset): Promise<boolean> {
    return version !== undefined && this.deps.originals.isThere(version);
  }

  private notFetched({ claim, item }: Work, failure: FetchFailure): Ending {
    const { reason: code, status, message, isTransient, wasTried, isBusy = false, retryAfterMs } = failure;
    const reason: Reason = { code, ...(status !== undefined && { status }), message };
    if (!isTransient) return failed(item, reason, wasTried ? {} : UNASKED);
    const now = this.deps.clock.now();
    // A host that was not even asked costs no attempt. One that we leave alone after failures is not waited for for ever; where it is
    // we who are busy with it, no picture is given up.
    if (!wasTried)
      return !isBusy && this.waitedMs(claim) > MAX_PATIENCE_MS
        ? failed(item, reason, UNASKED)
        : {
            kind: 'again',
            at: now + (retryAfterMs ?? 0) + this.share() * NOT_ASKED_WAIT_MS,
            retry: { reason, free: true },
          };
    const wait = retryWaitMs(claim.attempts + 1, this.share(), retryAfterMs);
    return wait === undefined ? failed(item, reason) : { kind: 'again', at: now + wait, retry: { reason } };
  }

  private async store(work: Work, fetched: Extract<Fetched, { kind: 'fetched' }>, hold: Hold): Promise<Ending> {
    const { file, contentType } = fetched;
    // The previews' own name for it goes when they are made; this one lasts until the original has its own.
    const path = join(this.deps.tmpDir, `import-${randomUUID()}`);
    try {
      await hold.note('converting');
      return await this.convert(work, fetched, file, path, hold).catch((error: unknown) => {
        if (hold.giveUp.aborted) throw error;
        return this.notStored(work, error, contentType);
      });
    } finally {
      await Promise.all([unlinkIfThere(path), unlinkIfThere(file.path)]);
    }
  }

  private async convert(
    work: Work,
    { validators }: Extract<Fetched, { kind: 'fetched' }>,
    file: FetchedFile,
    path: string,
    hold: Hold,
  ): Promise<Ending> {
    const { item, claim, tenant, job } = work;
    const { maxBytes } = tenant.quota;
    // Before it is converted or kept: what is refused takes no room on the disk.
    if (maxBytes !== undefined && !(await this.deps.assets.hasRoom(claim.context, file, maxBytes)))
      return failed(item, { code: 'over-quota' });
    const tile = this.deps.isZoomed?.(job.dialect) === true ? this.deps.tile : undefined;
    const upload = { path: file.path, digest: file.digest, bytes: file.bytes };
    const imageKey = file.digest as string as ImageKey;
    await linkOrCopy(file.path, path);
    const ref: GroupRef = { context: libraryContextOf(claim.context), imageKey };
    const { info, metadata } = (await this.deps.previews.cache(ref, upload)).source;
    const embedded = { ...embeddedFactsOf(metadata), ...(info.hasAlpha && { hasAlpha: 1 }) };
    if (tile) await hold.note('storing');
    await this.deps.originals.keep(file.digest, path, file.bytes);
    if (tile) {
      await hold.note('tiling');
      await tile(ref, hold.giveUp);
    }
    const { digest, md5, bytes } = file;
    const { type, widthPx, heightPx } = info;
    return ended(item, {
      kind: 'arrived',
      newId: item.becomes ?? newAssetId(),
      arrival: {
        original: { digest, md5, bytes, type, widthPx, heightPx },
        title: item.title,
        ...fileNameOf(item, file),
        mediaType: item.mediaType ?? 'image',
        metadata: item.metadata ?? {},
        createdVia: 'import',
        ...(item.reference && { reference: item.reference }),
        ...(validators && { validators }),
        ...(Object.keys(embedded).length > 0 && { embedded }),
      },
      ...(tenant.quota.maxBytes !== undefined && { maxBytes: tenant.quota.maxBytes }),
    });
  }

  /** What the source is to blame for is final; what this server lacks is waited for. */
  private notStored({ item, claim }: Work, thrown: unknown, contentType: string | undefined): Ending {
    const error = asProofsheetError(thrown);
    const code = reasonOfError(error.code);
    const now = this.deps.clock.now();
    if (code === undefined || (error.uncertain && claim.attempts === 0)) {
      const reason: Reason = { code: 'internal', message: error.message };
      if (error.code === 'internal') this.deps.logger.warn({ error }, 'an item of an import could not be stored');
      const ageMs = this.waitedMs(claim);
      const isLate = ageMs > MAX_PATIENCE_MS && !BUSY.has(error.code);
      // Nobody fails by the first fault, however long the queue was before: one more attempt, which is counted.
      if (isLate && claim.attempts > 0) return failed(item, reason);
      const at = now + (error.retryAfterSeconds ?? 0) * 1_000 + faultWaitMs(ageMs, this.share());
      return { kind: 'again', at, retry: { reason, free: code === undefined && !isLate } };
    }
    // A page of a login, say, with a status of success: better called what it is than a picture of a type that is off.
    const isOther = code === 'type-not-enabled' && contentType !== undefined && !contentType.startsWith('image/');
    return isOther
      ? failed(item, { code: 'not-an-image', message: `expected an image, got ${contentType.slice(0, 100)}` })
      : failed(item, { code, message: error.message });
  }

  /** Ms since its first refusal by no fault of its own: how long it was in the queue before counts for nothing. */
  private waitedMs({ waitingSince }: Claim): number {
    return waitingSince === undefined ? 0 : Math.max(0, this.deps.clock.agesCountFrom() - waitingSince);
  }

  private share(): number {
    return this.deps.share?.() ?? Math.random();
  }
}

function fileNameOf(item: ImportItem, file: FetchedFile): { readonly fileName?: string } {
  const fileName = item.fileName ?? file.fileName;
  return fileName === undefined ? {} : { fileName };
}

function ended({ importId, index }: ImportItem, outcome: ItemOutcome, counting: Counting = {}): Ending {
  return { kind: 'done', effects: { importId, index, outcome, ...counting } };
}

function failed(item: ImportItem, reason: Reason, counting?: Counting): Ending {
  return ended(item, { kind: 'failed', reason }, counting);
}
