// Puts the library together where tenants are configured: its records, the workers that import, the upkeep, and what is fetched with.

import type { ComposedTakedown } from './compose-takedown.js';
import type { ComposedZoom } from './compose-zoom.js';
import type { Config } from './config/schema.js';
import type { TenantsFile } from './config/tenants-file.js';
import type { LibraryFigures } from './http/status/status-page.js';
import type { UrlKey } from './kernel/credentials.js';
import type { ProofsheetError } from './kernel/errors.js';
import type { Context } from './kernel/image-key.js';
import { isCalled } from './kernel/library/tenant.js';
import type { AgingClock } from './kernel/ports/clock.js';
import type { Logger } from './kernel/ports/logger.js';
import type { Metrics } from './kernel/ports/metrics.js';
import type { Tenants } from './kernel/ports/tenants.js';
import type { Traces } from './kernel/ports/traces.js';
import type { LibraryUse } from './library/answers.js';
import { originalsOf } from './library/asset-holders.js';
import { CallbackWorker, type CallbackWorkerDeps, replayCallback } from './library/callback-worker.js';
import { guardedOriginals } from './library/guarded-originals.js';
import { ImportWorker } from './library/import-worker.js';
import { JobRunner } from './library/job-runner.js';
import type { Letter } from './library/letter.js';
import { LibraryService } from './library/library-service.js';
import { LibraryUpkeep } from './library/library-upkeep.js';
import { Links } from './library/links.js';
import { RetryTally } from './library/retry-tally.js';
import { UploadService } from './library/upload-service.js';
import { UploadWorker } from './library/upload-worker.js';
import { WebhookService } from './library/webhook-service.js';
import { type NoticeFacts, WebhookWorker } from './library/webhook-worker.js';
import { libraryFigures, registerLibraryGauges } from './library-figures.js';
import { openLibraryStore } from './open-library-store.js';
import type { Storage } from './open-storage.js';
import { openOutbound } from './outbound/open-outbound.js';
import { outboundSettingsOf, ownPlaces } from './outbound-settings.js';
import type { Drawings, Previews } from './previews/answers.js';
import type { ClockNotes } from './previews/clock-notes.js';

/** Receivers that hang hold the others up no longer than their deadline. */
const CALLBACKS_AT_ONCE = 16;

export interface LibraryParts {
  readonly previews: Previews;
  readonly drawings: Drawings | undefined;
  /** Closed with the library. */
  readonly tenants: TenantsFile;
  /** Where unfinished files are; of many machines, originals; where others share it, who has which turn. */
  readonly store: Pick<Storage, 'tmpDir' | 'originals' | 'leases'>;
  readonly clock: AgingClock;
  readonly clockNotes: ClockNotes;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Absent where nobody traces. */
  readonly traces?: Traces;
  /** The ports that this server listens on: never fetched from. */
  readonly ownPorts: () => readonly number[];
  /** What the dialect of an import says of its end. */
  readonly letterOf: CallbackWorkerDeps['letterOf'];
  /** What endpoints are told of a change of an asset. */
  readonly noticeLetterOf: (facts: NoticeFacts, use: LibraryUse) => Promise<Letter | undefined>;
  readonly isZoomed: (dialect: string) => boolean;
  readonly deep: Pick<ComposedZoom, 'zoom' | 'useOriginals'>;
  readonly version: string;
  /** Keys of signed links, as they hold now. */
  readonly urlKeys: () => readonly UrlKey[];
  /** This process looks after what is over; one of those that share the library does. */
  readonly looksAfter: boolean;
  /** Why nothing is to be converted now, while that is so. */
  readonly strain: () => ProofsheetError | undefined;
  /** What is blocked, and who asks which assets have what was taken down. */
  readonly takedown: Pick<ComposedTakedown, 'wasBlocked' | 'useLibrary'>;
  /** The id or name of the tenant whose jobs alone are done here; absent: everybody's. */
  readonly onlyTenant: string | undefined;
}

/** The library of one process, at work. */
export interface ComposedLibrary {
  readonly use: LibraryUse;
  /** For the status page. */
  readonly figures: () => Promise<LibraryFigures>;
  /** How what keeps it is; `undefined` where it is a part of this process. */
  state(): 'up' | 'down' | undefined;
  /** Reads the tenants file again. Never rejects. */
  reload(): Promise<void>;
  start(): void;
  /** Claims no more work, and resolves once what is in hand has ended or was given back, or after `limitMs`. */
  stop(limitMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Throws as `openLibraryStore` does. */
export async function composeLibrary(
  config: Config,
  {
    previews,
    drawings,
    tenants,
    store: { tmpDir, originals: sharedOriginals, leases },
    looksAfter,
    ownPorts,
    letterOf,
    noticeLetterOf,
    isZoomed,
    deep,
    version,
    urlKeys,
    strain,
    onlyTenant,
    takedown,
    ...ports
  }: LibraryParts,
): Promise<ComposedLibrary> {
  const { storage, library: settings, server, limits } = config;
  const { clock, metrics } = ports;
  const store = await openLibraryStore(config, { ...ports, tmpDir, sharedOriginals });
  const { assets, jobs, deliveries, endpoints, folders, uploads, grants } = store;
  const originals = guardedOriginals(store.originals, takedown.wasBlocked);
  takedown.useLibrary((contents, limit) => originalsOf(assets, contents, limit));
  const { maxSourceBytes } = limits;
  const outbound = openOutbound(outboundSettingsOf(config), {
    ...ports,
    ...{ dir: tmpDir, own: ownPlaces(ownPorts), userAgent: `Proofsheet/${version}` },
  });
  const { fetcher, sender } = outbound;
  deep.useOriginals(originals);
  const tile = deep.zoom.prepare.bind(deep.zoom);
  const shared = { ...ports, assets, originals, previews, tenants, tmpDir };
  const worker = new ImportWorker({ ...shared, fetcher, maxSourceBytes, tile, isZoomed });
  const only = onlyTenant === undefined ? undefined : contextOnlyOf(tenants, onlyTenant);
  const retries = new RetryTally(metrics);
  const running = { ...ports, ...(only && { only }), jobs, retries };
  const hands = Math.max(1, Math.floor(settings.importConcurrency / server.workers));
  const imports = new JobRunner({ ...running, kind: 'import-item', concurrency: hands, handle: worker.run });
  const processor = new UploadWorker({ ...ports, uploads, originals, previews, tmpDir, tile, isZoomed });
  const processing = new JobRunner({ ...running, kind: 'upload', concurrency: hands, handle: processor.run });
  const callback = new CallbackWorker({ ...ports, assets, tenants, sender, deliveries, letterOf });
  const callbacks = new JobRunner({
    ...running,
    kind: 'callback',
    concurrency: CALLBACKS_AT_ONCE,
    handle: callback.run,
  });
  const webhook = new WebhookWorker({
    ...{ ...ports, assets, endpoints, tenants, sender, deliveries },
    letterOf: async (facts) => noticeLetterOf(facts, use),
  });
  const webhooks = new JobRunner({ ...running, kind: 'webhook', concurrency: CALLBACKS_AT_ONCE, handle: webhook.run });
  registerLibraryGauges(metrics, store, clock);
  const library = new LibraryService({
    assets,
    originals,
    previews,
    ...(drawings && { drawings }),
    tmpDir,
    maxItems: settings.importMaxItems,
    maxOpenImports: settings.importMaxOpen,
    strain,
  });
  const upkeep = new LibraryUpkeep({
    ...ports,
    assets,
    jobs,
    uploads,
    grants,
    deliveries,
    ...(leases && { leases }),
    intervalMs: storage.evictionIntervalSeconds * 1_000,
    trashMs: settings.trashSeconds * 1_000,
    unneededMs: storage.orphanGraceSeconds * 1_000,
    finishedMs: settings.importKeepSeconds * 1_000,
    forgetMade: library.forgetMade.bind(library),
    slotMs: settings.uploadKeepSeconds * 1_000,
  });
  const use: LibraryUse = {
    ...{ library, tenants, folders, jobs, deliveries, grants, now: () => clock.now(), retries: retries.list },
    uploads: new UploadService({
      ...{ assets, uploads, originals, tenants, maxSourceBytes, clock },
      maxOpenSlots: settings.uploadMaxOpen,
    }),
    links: new Links(urlKeys, clock),
    webhooks: new WebhookService({ endpoints, deliveries, jobs, sender }),
    replay: (job) => replayCallback(assets, jobs, job),
  };
  const runners = [imports, callbacks, processing, webhooks];
  return {
    use,
    figures: () => libraryFigures(store, clock),
    state: () => store.state?.(),
    reload: () => tenants.reload(),
    start() {
      for (const runner of runners) runner.start();
      if (looksAfter) upkeep.start();
    },
    async stop(limitMs) {
      await Promise.all(runners.map((runner) => runner.close(limitMs)));
    },
    async close() {
      tenants.close();
      await upkeep.close();
      await outbound.close();
      await store.close();
    },
  };
}

/** The contexts of the tenant of that id or name: none where there is no such tenant. */
function contextOnlyOf(tenants: Tenants, name: string): (context: Context) => boolean {
  return (context) => tenants.list().some((tenant) => tenant.context === context && isCalled(tenant, name));
}
