// Puts the library together where tenants are configured: its records, the workers that import, the upkeep, and what is fetched with.

import type { Config } from './config/schema.js';
import type { TenantsFile } from './config/tenants-file.js';
import type { LibraryFigures } from './http/status/status-page.js';
import type { ProofsheetError } from './kernel/errors.js';
import type { Context } from './kernel/image-key.js';
import { isCalled } from './kernel/library/tenant.js';
import type { Clock } from './kernel/ports/clock.js';
import type { Logger } from './kernel/ports/logger.js';
import type { Metrics } from './kernel/ports/metrics.js';
import type { Tenants } from './kernel/ports/tenants.js';
import type { LibraryUse } from './library/answers.js';
import { CallbackWorker, type CallbackWorkerDeps, replayCallback } from './library/callback-worker.js';
import { ImportWorker } from './library/import-worker.js';
import { JobRunner } from './library/job-runner.js';
import { LibraryService } from './library/library-service.js';
import { LibraryUpkeep } from './library/library-upkeep.js';
import { libraryFigures, registerLibraryGauges } from './library-figures.js';
import { openLibraryStore } from './open-library-store.js';
import type { Storage } from './open-storage.js';
import { openOutbound } from './outbound/open-outbound.js';
import { outboundSettingsOf, ownPlaces } from './outbound-settings.js';
import type { Previews } from './previews/answers.js';

/** Receivers that hang hold the others up no longer than their deadline. */
const CALLBACKS_AT_ONCE = 16;

export interface LibraryParts {
  readonly previews: Previews;
  /** Closed with the library. */
  readonly tenants: TenantsFile;
  /** Where unfinished files are, and, of many machines, originals. */
  readonly store: Pick<Storage, 'tmpDir' | 'originals'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The ports that this server listens on: never fetched from. */
  readonly ownPorts: () => readonly number[];
  /** What the dialect of an import says of its end. */
  readonly letterOf: CallbackWorkerDeps['letterOf'];
  readonly version: string;
  /** This process looks after what is over; one of those that share the library does. */
  readonly looksAfter: boolean;
  /** Why nothing is to be converted now, while that is so. */
  readonly strain: () => ProofsheetError | undefined;
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
    tenants,
    store: { tmpDir, originals: sharedOriginals },
    looksAfter,
    ownPorts,
    letterOf,
    version,
    strain,
    onlyTenant,
    ...ports
  }: LibraryParts,
): Promise<ComposedLibrary> {
  const { storage, library: settings, server, limits } = config;
  const { clock, metrics } = ports;
  const store = await openLibraryStore(config, { ...ports, tmpDir, sharedOriginals });
  const { assets, jobs, originals, deliveries } = store;
  const { maxSourceBytes } = limits;
  const userAgent = `Proofsheet/${version}`;
  const outbound = openOutbound(outboundSettingsOf(config), {
    ...ports,
    dir: tmpDir,
    own: ownPlaces(ownPorts),
    userAgent,
  });
  const { fetcher, sender } = outbound;
  const worker = new ImportWorker({ ...ports, assets, originals, fetcher, previews, tenants, tmpDir, maxSourceBytes });
  const only = onlyTenant === undefined ? undefined : contextOnlyOf(tenants, onlyTenant);
  const imports = new JobRunner({
    ...ports,
    ...(only && { only }),
    jobs,
    kind: 'import-item',
    concurrency: Math.max(1, Math.floor(settings.importConcurrency / server.workers)),
    handle: worker.run,
  });
  const callback = new CallbackWorker({ ...ports, assets, tenants, sender, deliveries, letterOf });
  const callbacks = new JobRunner({
    ...ports,
    ...(only && { only }),
    jobs,
    kind: 'callback',
    concurrency: CALLBACKS_AT_ONCE,
    handle: callback.run,
  });
  const upkeep = new LibraryUpkeep({
    ...ports,
    assets,
    jobs,
    intervalMs: storage.evictionIntervalSeconds * 1_000,
    trashMs: settings.trashSeconds * 1_000,
    unneededMs: storage.orphanGraceSeconds * 1_000,
    finishedMs: settings.importKeepSeconds * 1_000,
  });
  registerLibraryGauges(metrics, store, clock);
  const library = new LibraryService({
    assets,
    originals,
    previews,
    tmpDir,
    maxItems: settings.importMaxItems,
    maxOpenImports: settings.importMaxOpen,
    strain,
  });
  return {
    use: { library, tenants, jobs, deliveries, replay: (job) => replayCallback(assets, jobs, job) },
    figures: () => libraryFigures(store, clock),
    state: () => store.state?.(),
    reload: () => tenants.reload(),
    start() {
      imports.start();
      callbacks.start();
      if (looksAfter) upkeep.start();
    },
    async stop(limitMs) {
      await Promise.all([imports.close(limitMs), callbacks.close(limitMs)]);
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
