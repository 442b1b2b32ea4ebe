// The import as a whole over an embedded library, with an origin, tenants and previews in memory.
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isZoomed } from '../../src/http/dialects/registry.js';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import type { Context, GroupRef } from '../../src/kernel/image-key.js';
import type { TenantId } from '../../src/kernel/library/ids.js';
import type { ImportJob } from '../../src/kernel/library/import-job.js';
import type { Tenant } from '../../src/kernel/library/tenant.js';
import type { Fetched, FetchRequest, SourceFetcher } from '../../src/kernel/ports/source-fetcher.js';
import type { Tenants } from '../../src/kernel/ports/tenants.js';
import type { DeliveryAttempt, WebhookMessage, WebhookSender } from '../../src/kernel/ports/webhook-sender.js';
import { WatchedClock } from '../../src/kernel/watched-clock.js';
import { replayCallback } from '../../src/library/callback-worker.js';
import { guardedOriginals } from '../../src/library/guarded-originals.js';
import { ImportWorker } from '../../src/library/import-worker.js';
import { JobRunner } from '../../src/library/job-runner.js';
import { LibraryService } from '../../src/library/library-service.js';
import { Links } from '../../src/library/links.js';
import { RetryTally } from '../../src/library/retry-tally.js';
import { UploadService } from '../../src/library/upload-service.js';
import { UploadWorker } from '../../src/library/upload-worker.js';
import { WebhookService } from '../../src/library/webhook-service.js';
import { FakeLogger } from './fake-logger.js';
import { FakeMetrics } from './fake-metrics.js';
import { FakePreviews } from './fake-previews.js';
import { openTestLibrary } from './library.js';

/** What an origin answers: bytes, or whatever the fetcher says of it. */
export type Answer = Buffer | Exclude<Fetched, { kind: 'fetched' }> | ((request: FetchRequest) => Promise<Fetched>);

export class FakeFetcher implements SourceFetcher {
  readonly asked: FetchRequest[] = [];
  /** By the path of the URL; others are not found. */
  readonly answers = new Map<string, Answer>();

  constructor(private readonly dir: string) {}

  async fetch(request: FetchRequest): Promise<Fetched> {
    this.asked.push(request);
    const answer = this.answers.get(new URL(request.url).pathname);
    if (answer === undefined) return failure('source-not-found', { status: 404 });
    if (typeof answer === 'function') return answer(request);
    if (!Buffer.isBuffer(answer)) return answer;
    return this.fetched(answer);
  }

  async fetched(bytes: Buffer, contentType = 'image/jpeg'): Promise<Fetched> {
    const path = join(this.dir, `fetched-${randomUUID()}`);
    await writeFile(path, bytes);
    const file = { path, digest: digestOf(bytes), md5: 'f'.repeat(32), bytes: bytes.length };
    return { kind: 'fetched', file, contentType, validators: { finalUrl: 'https://example.com/', etag: '"1"' } };
  }

  async close(): Promise<void> {}
}

/** Takes what it is sent, and answers as it is told. */
export class FakeSender implements WebhookSender {
  readonly sent: WebhookMessage[] = [];
  next: Omit<DeliveryAttempt, 'durationMs'> = { fault: undefined, status: 200, answer: 'thanks' };

  async send(message: WebhookMessage): Promise<DeliveryAttempt> {
    this.sent.push(message);
    return { ...this.next, durationMs: 1 };
  }

  async close(): Promise<void> {}
}

export function failure(
  reason: Extract<Fetched, { kind: 'failed' }>['reason'],
  more: Partial<Extract<Fetched, { kind: 'failed' }>> = {},
): Fetched & { kind: 'failed' } {
  return { kind: 'failed', reason, message: 'it is as it is', isTransient: false, wasTried: true, ...more };
}

export class FakeTenants implements Tenants {
  /** May change, as the file may. */
  constructor(public tenants: readonly Tenant[]) {}

  get isEmpty(): boolean {
    return this.tenants.length === 0;
  }
  list = () => this.tenants;
  byId = (id: TenantId) => this.tenants.find((tenant) => tenant.id === id);
  byContext = (context: Context) => {
    const [tenant, ...others] = this.tenants.filter((known) => known.context === context);
    return others.length === 0 ? tenant : undefined;
  };
  byToken = () => undefined;
  byApiKey = () => undefined;
}

export function tenantOf(facts: Partial<Tenant> = {}): Tenant {
  return {
    id: 'agency' as TenantId,
    name: 'Agency',
    context: 'tenant' as Context,
    quota: {},
    webhookSecrets: [],
    onExisting: 'update',
    ...facts,
  };
}

export async function openImportFlow(tenant = tenantOf()) {
  const library = await openTestLibrary();
  const { clock, dataDir, assets, jobs } = library;
  /** Contents that were taken down; a test adds them. */
  const blocked = new Set<Digest>();
  const originals = guardedOriginals(library.originals, (content) => blocked.has(content));
  const watched = new WatchedClock(clock);
  const tmpDir = join(dataDir, 'tmp');
  await mkdir(tmpDir, { recursive: true });
  const [fetcher, previews] = [new FakeFetcher(tmpDir), new FakePreviews(clock)];
  const [logger, metrics, tenants] = [new FakeLogger(), new FakeMetrics(), new FakeTenants([tenant])];
  /** What tiles were made of, and what the next making of them fails with. */
  const tiled: GroupRef[] = [];
  const tiling: { failNext?: Error } = {};
  const shared = { assets, originals, previews, tmpDir };
  const tile = async (ref: GroupRef): Promise<void> => {
    tiled.push(ref);
    if (tiling.failNext) throw take(tiling);
  };
  const worker = new ImportWorker({
    ...shared,
    fetcher,
    tenants,
    maxSourceBytes: 1_000_000,
    clock: watched,
    logger,
    share: () => 0.5,
    isZoomed,
    tile,
  });
  const uploadWorker = new UploadWorker({
    ...{ ...shared, uploads: library.uploads, clock: watched, logger, isZoomed, tile },
  });
  const service = new LibraryService({ ...shared, maxItems: 1_000, maxOpenImports: 100 });
  const retries = new RetryTally(metrics);
  const runner = (concurrency = 4) =>
    new JobRunner({
      jobs,
      kind: 'import-item',
      concurrency,
      handle: worker.run,
      clock: watched,
      logger,
      metrics,
      retries,
      share: () => 0.5,
    });
  return {
    ...library,
    originals,
    blocked,
    tenant,
    tenants,
    tmpDir,
    fetcher,
    sender: new FakeSender(),
    previews,
    worker,
    uploadWorker,
    service,
    runner,
    retries,
    logger,
    metrics,
    tiled,
    tiling,
  };
}

/** What uploads and links are made of, as a server gives it to its edge. */
export function uploadsOf({
  assets,
  uploads,
  originals,
  tenants,
  clock,
  grants,
}: Awaited<ReturnType<typeof openImportFlow>>) {
  return {
    grants,
    now: () => clock.now(),
    uploads: new UploadService({
      assets,
      uploads,
      originals,
      tenants,
      clock,
      maxOpenSlots: 100,
      maxSourceBytes: 1_000_000,
    }),
    links: new Links(() => [{ id: 'main', secret: 'a secret of sixteen characters' }], clock),
  };
}

/** What operators have in hand of webhooks, as a server gives it to its edge. */
export function webhooksOf({
  assets,
  jobs,
  deliveries,
  endpoints,
  folders,
  retries,
  sender,
}: Awaited<ReturnType<typeof openImportFlow>>) {
  const webhooks = new WebhookService({ endpoints, deliveries, jobs, sender });
  return {
    deliveries,
    folders,
    webhooks,
    retries: retries.list,
    replay: (job: ImportJob) => replayCallback(assets, jobs, job),
  };
}

function take(tiling: { failNext?: Error }): Error | undefined {
  const error = tiling.failNext;
  delete tiling.failNext;
  return error;
}
