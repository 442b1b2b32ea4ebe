// THE composition root of a server process: wires its parts in the order in which they depend on each other, and stops them in
// reverse. Which store it is, open-storage.ts decides.
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { ComposedLibrary, LibraryParts } from './compose-library.js';
import { composeZoom } from './compose-zoom.js';
import type { Config } from './config/schema.js';
import { TenantsFile } from './config/tenants-file.js';
import { createConverter } from './convert/converter-pool.js';
import { facesOf } from './dialect-settings.js';
import { Door, type DoorServers, PORTS, portsOf } from './door.js';
import { healthOf } from './health-of.js';
import { createAccess } from './http/access/access.js';
import { strainOf } from './http/access/strain.js';
import { letterOf, withOperators } from './http/dialects/registry.js';
import { createEdge, type Edge, operationsByDialect } from './http/edge.js';
import type { HttpConfig } from './http/edge-dependencies.js';
import type { Bodies } from './http/hot/hot-lane.js';
import { TlsFiles } from './http/wire/tls-files.js';
import { clientContextOf } from './kernel/image-key.js';
import type { Logger } from './kernel/ports/logger.js';
import type { MetricSlots } from './kernel/ports/metrics.js';
import { sequenceOf } from './kernel/sequence.js';
import type { LibraryUse } from './library/answers.js';
import { openStorage, type StoreDeps } from './open-storage.js';
import type { BlobTiers } from './previews/blob-tiers.js';
import { openPreviews, type PreviewsSettings } from './previews/open-previews.js';
import { figuresOf, registerGauges } from './process-figures.js';
import { boxText } from './telemetry/box-counts.js';
import { systemClock } from './telemetry/clock.js';
import { watchEventLoop } from './telemetry/event-loop-lag.js';
import type { ProcessLogger } from './telemetry/logger.js';
import { ProcessMetrics } from './telemetry/metrics.js';
import type { MetricsSnapshot } from './telemetry/snapshot.js';
import { createMemoryTier, type MemoryTier } from './tiers/memory-tier.js';
import { createTieredBlobs } from './tiers/tiered-blobs.js';

/** Conversions under way or waiting, beyond which background work is refused; each upload in flight is one. */
const MAX_BACKGROUND_TASKS = 10_000;
/**
 * Of the memory tier's bytes, for prepared answers; the rest is for the previews' bytes. An answer takes 2.5 kB, and one
 * whose bytes come from the page cache is still several times as fast as one without.
 */
const PREPARED_SHARE = 1 / 4;

/** There is one process of each index at a time, so this work is done by one. */
const UPKEEP_WORKER = 0;

/** Converters take a tenth of a second to start, on a busy machine a few; without any the server listens all the same. */
const CONVERTERS_START_MS = 10_000;

/** What one HTTP process is among those that share the data directory. */
export interface Role {
  /** Other processes share catalog and blobs. */
  readonly shared: boolean;
  /** This one's place among them, from 0; the first looks after limits and sweeping. */
  readonly workerIndex: number;
  /** What listens in the place of its own servers (standby.ts), and hands connections on to them; absent: those listen themselves. */
  readonly fronts?: DoorServers;
  /** Asks the figures of all processes; absent when there is only this one. */
  readonly connect?: (own: () => Promise<MetricsSnapshot>) => () => Promise<readonly MetricsSnapshot[]>;
  /** The id or name of the tenant whose jobs alone it does: for a command that works beside a server. */
  readonly onlyTenant?: string;
}

export const ALONE: Role = { shared: false, workerIndex: 0 };

/** A composed server process. */
export interface App {
  readonly server: Server;
  /** The same as `server` by TLS; `undefined` without a port for it. */
  readonly tlsServer: Server | undefined;
  /** The probes and metrics on their own; `undefined` without a port for them. */
  readonly healthServer: Server | undefined;
  readonly edge: Edge;
  readonly metrics: ProcessMetrics;
  /** Absent without tenants. */
  readonly library?: LibraryUse;
  /** Reads again what is read from files beside the settings. Never rejects. */
  reload(): Promise<void>;
  /** Refuses new work, lets what is under way end (background work too) within `limitMs`, then closes everything. */
  close(limitMs: number): Promise<void>;
}

/** Opens the store, starts the converters and builds the edge; nothing listens yet. Throws when the store cannot be opened. */
export async function compose(config: Config, logger: ProcessLogger, role: Role = ALONE): Promise<App> {
  const clock = systemClock;
  const listening = (): DoorServers => role.fronts ?? { http: server, tls: tlsServer, health: healthServer };
  const listeners = (): readonly number[] => PORTS.flatMap((name) => portsOf(listening()[name]));
  const faces = facesOf(config, () => portsOf(listening().http)[0], PACKAGE_VERSION);
  const dialects = withOperators({ ...config.server, ...faces }, config.library.tenants !== undefined);
  const metrics = new ProcessMetrics(operationsByDialect(dialects));
  const { storage, server: serving } = config;
  const telling = { clock, logger, metrics };

  const { shared, workerIndex } = role;
  // A server that waits for its data directory learns from these what is wrong, before clients rely on it.
  const tls = await tlsOf(serving);
  const tenants = await tenantsOf(config, logger);
  const store = await openStorage(config, { ...telling, shared, workerIndex, version: PACKAGE_VERSION }).catch(
    (error: unknown) => {
      tenants?.close();
      throw error;
    },
  );
  const eventLoop = watchEventLoop(metrics);
  const preparedBytes = storage.memoryMaxBytes * PREPARED_SHARE;
  const previewBytes = storage.memoryMaxBytes - preparedBytes;
  const memory = createMemoryTier({ maxBytes: previewBytes });
  const blobs = createTieredBlobs({ memory, durable: store.durable, ...telling });
  const converter = converterOf(config, telling, workerIndex);
  const opened = openPreviews({ store, blobs, converter, memory, ...telling }, previewsSettings(config));
  const { previews, drawings, journal, background, upkeep, makeRoom } = opened;
  const deep = composeZoom(config, { store, blobs, converter, opened, ...telling });
  const { catalog } = store;
  const strain = () =>
    strainOf(config.fairness, { queueAgeMs: converter.oldestWaitMs, eventLoopLagMs: eventLoop.recentLagMs() });
  const library =
    tenants &&
    (await openLibrary(config, {
      ...telling,
      previews,
      tenants,
      store,
      version: PACKAGE_VERSION,
      ownPorts: listeners,
      letterOf,
      looksAfter: workerIndex === UPKEEP_WORKER,
      strain,
      onlyTenant: role.onlyTenant,
    }).catch(async (error: unknown) => {
      // Whoever ends the process now must not meet a catalog that is being written (see killSelf in main.ts).
      await store.close().catch(() => undefined);
      throw error;
    }));
  registerGauges(metrics, clock, { background, catalog, memory, store });
  let draining = false;
  const figures = figuresOf(config, metrics, clock, {
    version: PACKAGE_VERSION,
    connect: role.connect,
    limits: limitsOf(config),
    usage: () => catalog.usage(),
    memory: { previewBytes, preparedBytes },
    isDraining: () => draining,
    library: library?.figures,
  });
  const edge = createEdge({
    version: PACKAGE_VERSION,
    dialects,
    access: createAccess(config.access.apiTokens ?? [], config.access.urlKeys ?? [], clock),
    ...{ previews, zoom: deep.zoom, ...(drawings && { drawings }) },
    config: edgeConfigOf(config, store.tmpDir),
    ...telling,
    health: () => healthOf(store, converter, library),
    ...figures,
    countOf: ({ request, format, preview, part }) =>
      part ? undefined : metrics.boxes.of({ asked: boxText(request), answered: boxText(format), type: preview.type }),
    ...(store.refusals && { refusals: store.refusals }),
    ...(library && { library: library.use }),
    onStorageFull: makeRoom,
    strain,
    // At debug every hit is logged, which the slow way does.
    ...(config.telemetry.logLevel !== 'debug' && {
      hot: {
        currency: catalog,
        bodies: bodiesOf(memory, blobs, metrics),
        maxBytes: preparedBytes,
        metrics,
        onUse: (group) => journal.note(group),
      },
    }),
  });
  const server = edge.createServer();
  const tlsServer = tls && edge.createServer(tls.pair);
  if (tlsServer instanceof TlsServer) tls?.follow(tlsServer, logger);
  const healthServer = serving.healthPort === undefined ? undefined : edge.createHealthServer();
  // Node watches the deadlines of connections, and knows those to be closed, from there on, whoever accepts them.
  if (role.fronts) for (const own of [server, tlsServer, healthServer]) own?.emit('listening');
  // Who listens is ready: a worker that takes another's place must not fail a readiness check while its converters start.
  await converter.whenReady(CONVERTERS_START_MS);
  if (workerIndex === UPKEEP_WORKER) upkeep.start();
  library?.start();
  const door = store.lock && new Door(store.lock, { http: server, health: healthServer }, serving.maxConnections);

  return {
    server,
    tlsServer,
    healthServer,
    edge,
    metrics,
    ...(library && { library: library.use }),
    reload: async () => library?.reload(),
    async close(limitMs) {
      const endsAt = clock.monotonic() + limitMs;
      draining = true;
      door?.close();
      edge.drain();
      const imported = library?.stop(limitMs);
      await edge.idle(limitMs);
      await imported;
      await background.drain(Math.max(0, endsAt - clock.monotonic()));
      tls?.close();
      // They hand on whom they take, so they take nobody any more before anything that serves is closed.
      for (const name of PORTS) role.fronts?.[name]?.close();
      for (const serving of [server, tlsServer, healthServer]) {
        serving?.closeAllConnections();
        await new Promise((resolve) => (serving ? serving.close(resolve) : resolve(undefined)));
      }
      await upkeep.close();
      await Promise.all([converter.close(), deep.converter.close()]);
      await library?.close();
      await blobs.close();
      await store.close();
      eventLoop.close();
    },
  };
}

/** What the edge is told, of several sections of the configuration. */
function edgeConfigOf({ server, fairness, admin, access, limits }: Config, uploadDir: string): HttpConfig {
  return {
    ...server,
    ...fairness,
    admins: (admin.password ?? []).map((password) => ({ user: admin.user, password })),
    loginFailuresPerMinute: access.loginFailuresPerMinute,
    metadata: access.metadata,
    uploadDir,
    maxSourceBytes: limits.maxSourceBytes,
    corsOrigins: server.corsOrigins ?? [],
    allowedHosts: server.allowedHosts ?? [],
  };
}

/** What the converters are told, of several sections of the configuration. */
function converterOf(
  { conversion, limits, sequence, fairness, storage, shared }: Config,
  telling: StoreDeps,
  workerIndex: Role['workerIndex'],
) {
  const weights = new Map<string, number>(
    (fairness.contextWeights ?? []).map(({ context, weight }) => [context, weight]),
  );
  return createConverter({
    children: conversion.converters,
    sourceTypes: limits.sourceTypes,
    maxSourcePixels: limits.maxSourcePixels,
    maxPages: limits.maxPages,
    auto: sequence.auto,
    timeoutMs: conversion.timeoutMs,
    memoryBudgetBytes: conversion.memoryBudgetBytes,
    maxQueue: conversion.queueLength,
    maxWaitMs: conversion.queueTimeoutMs,
    recycleAfterJobs: conversion.recycleAfter,
    recycleAboveBytes: conversion.recycleAboveBytes,
    niceness: conversion.niceness,
    // Of many workers on a machine one speaks.
    tellsOfText: limits.sourceTypes.includes('svg') && workerIndex === UPKEEP_WORKER,
    // Files that end up in the data directory; a shared store reads them and looks after that itself.
    flush: storage.fsync && shared.redisUrl === undefined,
    // A tenant's turns are those of its context, whether it uploads or imports.
    weightOf: (context) => weights.get(clientContextOf(context)) ?? 1,
    ...telling,
  });
}

/** What the use cases are told, of several sections of the configuration. */
function previewsSettings(config: Config): PreviewsSettings {
  const { storage, shared, fairness, sequence } = config;
  const { contextMaxBytes, contextMaxGroups, contextMaxConversions } = fairness;
  return {
    sequence: sequenceOf(sequence.targetFormats, sequence.auto),
    keepSource: storage.keepSource,
    preConvert: sequence.preConvert,
    deduplicate: storage.deduplicate,
    contextMaxConversions,
    maxBackgroundTasks: MAX_BACKGROUND_TASKS,
    lastAccessResolutionMs: storage.lastAccessResolutionSeconds * 1_000,
    leaseTtlMs: shared.leaseTtlMs,
    limits: { ...limitsOf(config), maxAgeSeconds: storage.maxAgeSeconds, contextMaxBytes, contextMaxGroups },
    drawing: {
      limits: { maxSidePx: config.drawing.maxSidePx, maxPixels: config.drawing.maxPixels },
      maxBytes: config.drawing.maxBytes,
    },
    upkeepIntervalMs: storage.evictionIntervalSeconds * 1_000,
  };
}

/** Of the store as a whole; infinite bytes where the store sets its limit itself. */
function limitsOf({ storage, shared }: Config): Pick<PreviewsSettings['limits'], 'maxBytes' | 'maxGroups'> {
  const maxBytes = shared.redisUrl === undefined ? storage.diskMaxBytes : shared.maxBytes || Number.POSITIVE_INFINITY;
  return { maxBytes, maxGroups: storage.maxGroups };
}

/** What prepared answers get their bytes from: memory counts its hits here, the other tiers count their own. */
function bodiesOf(memory: MemoryTier, blobs: BlobTiers, metrics: MetricSlots): Bodies {
  const memoryHits = metrics.counterSlot('cache_hits_total', { tier: 'memory' });
  return {
    peek(digest) {
      const bytes = memory.peek(digest);
      if (bytes !== undefined) memoryHits.add();
      return bytes;
    },
    find: (digest, slice) => (slice ? blobs.findSlice(slice) : blobs.find(digest)),
  };
}

/** Loaded only where there are tenants: with the client that fetches sources it is a fifth of what a start loads. */
async function openLibrary(config: Config, parts: LibraryParts): Promise<ComposedLibrary> {
  const { composeLibrary } = await import('./compose-library.js');
  return composeLibrary(config, parts);
}

async function tenantsOf({ library }: Config, logger: Logger): Promise<TenantsFile | undefined> {
  return library.tenants === undefined ? undefined : TenantsFile.open(library.tenants, logger);
}

/** The certificate of the TLS port, where there is one; throws when its files cannot be used. */
export function tlsOf({ tlsPort, tlsCert, tlsKey }: Config['server']): Promise<TlsFiles> | undefined {
  if (tlsPort === undefined || tlsCert === undefined || tlsKey === undefined) return undefined;
  return TlsFiles.read({ cert: tlsCert, key: tlsKey });
}

/** As package.json has it. */
export const PACKAGE_VERSION = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
).version;
