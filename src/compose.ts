// THE composition root of a server process: wires its parts in the order in which they depend on each other, and stops them in
// reverse. Which store it is, open-storage.ts decides.
import type { Server } from 'node:http';
import { Server as TlsServer } from 'node:https';
import type { ComposedLibrary, LibraryParts } from './compose-library.js';
import { composeMaking } from './compose-making.js';
import { composeOperators } from './compose-operators.js';
import { limitsOf, Protection, protectedEdge } from './compose-settings.js';
import { composeTakedown, receiptKeyOf } from './compose-takedown.js';
import type { Config } from './config/schema.js';
import { TenantsFile } from './config/tenants-file.js';
import { facesOf } from './dialect-settings.js';
import { Door, type DoorServers, PORTS, portsOf } from './door.js';
import { healthOf } from './health-of.js';
import { strainOf } from './http/access/strain.js';
import { isZoomed, letterOf, noticeLetters, withOperators } from './http/dialects/registry.js';
import { createEdge, type Edge, operationsByDialect } from './http/edge.js';
import type { Bodies } from './http/hot/hot-lane.js';
import type { Clock } from './kernel/ports/clock.js';
import type { Logger } from './kernel/ports/logger.js';
import type { MetricSlots } from './kernel/ports/metrics.js';
import { WatchedClock } from './kernel/watched-clock.js';
import type { Slice } from './kernel/zoom/pyramid-index.js';
import type { LibraryUse } from './library/answers.js';
import { openStorage, type Storage, type StorageDeps } from './open-storage.js';
import { PACKAGE_VERSION } from './package-version.js';
import type { Drawings } from './previews/answers.js';
import type { BlobTiers } from './previews/blob-tiers.js';
import { ClockNotes } from './previews/clock-notes.js';
import { figuresOf, registerGauges } from './process-figures.js';
import { RemoteSources } from './remote-sources.js';
import { ALONE, type Role } from './role.js';
import { portsOfServers, type Servers, serversOf, tlsOf } from './servers.js';
import { machineTimeMs } from './stores/embedded/lmdb-leases.js';
import { machineId } from './stores/embedded/process-identity.js';
import { boxText } from './telemetry/box-counts.js';
import { systemClock } from './telemetry/clock.js';
import { watchEventLoop } from './telemetry/event-loop-lag.js';
import type { ProcessLogger } from './telemetry/logger.js';
import { ProcessMetrics } from './telemetry/metrics.js';
import { tracesOf } from './telemetry/registered-sdk.js';
import type { MemoryTier } from './tiers/memory-tier.js';

/** There is one process of each index at a time, so this work is done by one. */
const UPKEEP_WORKER = 0;

/** For spans that have not been handed on by the end. */
const TRACES_FLUSH_MS = 2_000;

/** Converters take a tenth of a second to start, on a busy machine a few; without any the server listens all the same. */
const CONVERTERS_START_MS = 10_000;

/** A composed server process. */
export interface App extends Servers {
  readonly edge: Edge;
  readonly metrics: ProcessMetrics;
  /** Absent without tenants. */
  readonly library?: LibraryUse;
  /** Goes by what reloads of `config` from now on. */
  apply(config: Config): void;
  /** Reads again what is read from files beside the settings. Never rejects. */
  reload(): Promise<void>;
  /** Refuses new work, lets what is under way end (background work too) within `limitMs`, then closes everything. */
  close(limitMs: number): Promise<void>;
}

/** Opens the store, starts the converters and builds the edge; nothing listens yet. Throws when the store cannot be opened. */
export async function compose(config: Config, logger: ProcessLogger, role: Role = ALONE): Promise<App> {
  const clock = new WatchedClock(systemClock);
  const listening = (): DoorServers => role.fronts ?? portsOfServers(ours);
  const listeners = (): readonly number[] => PORTS.flatMap((name) => portsOf(listening()[name]));
  const remote = new RemoteSources(config);
  const protection = new Protection(config);
  const signKey = () => protection.config.imaginary.signKey;
  const faces = facesOf(config, () => portsOf(listening().http)[0], PACKAGE_VERSION, remote, signKey);
  const spoken = { ...config.server, ...faces };
  const dialects = withOperators(spoken, config.library.tenants !== undefined);
  const metrics = new ProcessMetrics(operationsByDialect(dialects));
  const { server: serving } = config;
  const traces = await tracesOf(PACKAGE_VERSION);
  const telling = { clock, logger, metrics, ...(traces && { traces }) };

  const { shared, workerIndex } = role;
  // A server that waits for its data directory learns from these what is wrong, before clients rely on it.
  const tls = await tlsOf(serving);
  const receiptKey = receiptKeyOf(config);
  const tenants = await tenantsOf(config, logger);
  const store = await openStore(config, { ...telling, shared, workerIndex, version: PACKAGE_VERSION }, tenants);
  await remote.open({ ...telling, dir: store.tmpDir, userAgent: `Proofsheet/${PACKAGE_VERSION}` }, listeners);
  const eventLoop = watchEventLoop(metrics);
  const takedownOf = (blobs: BlobTiers) =>
    composeTakedown(config, {
      ...{ store, blobs, workerIndex, version: PACKAGE_VERSION, ownPorts: listeners, ...telling },
      ...{ receiptKey, looksAfter: workerIndex === UPKEEP_WORKER },
    });
  const clockNotes = new ClockNotes({ ...telling, clock, notes: store.notes, machine: machineId(), machineTimeMs });
  const aging = { ...telling, clockNotes };
  const making = composeMaking(config, protection, store, { ...aging, takedownOf }, workerIndex === UPKEEP_WORKER);
  const { preparedBytes, previewBytes, memory, blobs, takedown, pool, opened, deep } = making;
  const { previews, onDemand, journal, background, upkeep, makeRoom } = opened;
  const { catalog } = store;
  const strainNow = () => ({ queueAgeMs: pool.oldestWaitMs, eventLoopLagMs: eventLoop.recentLagMs() });
  const strain = () => strainOf(protection.config.fairness, strainNow());
  const library =
    tenants &&
    (await openLibrary(config, {
      ...aging,
      ...{ previews, drawings: onDemand.drawings, tenants, store },
      version: PACKAGE_VERSION,
      urlKeys: () => protection.keys.urlKeys,
      ownPorts: listeners,
      ...{ letterOf, noticeLetterOf: noticeLetters(spoken), isZoomed, deep },
      looksAfter: workerIndex === UPKEEP_WORKER,
      strain,
      onlyTenant: role.onlyTenant,
      takedown,
    }));
  registerGauges(metrics, clock, { background, catalog, memory, store });
  let draining = false;
  const isDraining = () => draining;
  const figures = figuresOf(config, metrics, clock, {
    ...{ version: PACKAGE_VERSION, connect: role.connect, limits: limitsOf(config), isDraining },
    usage: () => catalog.usage(),
    memory: { previewBytes, preparedBytes },
    library: library?.figures,
  });
  const watched = { ...making, converter: pool, store, protection, version: PACKAGE_VERSION, isDraining, ...telling };
  const watching = composeOperators(config, role, watched);
  const edge = createEdge({
    version: PACKAGE_VERSION,
    dialects,
    ...protectedEdge(config, protection, clock, store.tmpDir),
    ...{ previews, zoom: deep.zoom, ...onDemand },
    ...telling,
    health: () => healthOf(store, pool, library),
    ...figures,
    ...{ ...watching.use, takedown: takedown.use },
    countOf: ({ request, format, preview, part }) =>
      part ? undefined : metrics.boxes.of({ asked: boxText(request), answered: boxText(format), type: preview.type }),
    ...(store.refusals && { refusals: store.refusals }),
    ...(library && { library: library.use }),
    onStorageFull: makeRoom,
    strain,
    hot: {
      currency: catalog,
      bodies: bodiesOf(memory, blobs, onDemand.drawings, metrics, clock),
      maxBytes: preparedBytes,
      metrics,
      onUse: (group) => journal.note(group),
    },
  });
  const ours = serversOf(edge, config, dialects, tls);
  const { tlsServer } = ours;
  if (tlsServer instanceof TlsServer) tls?.follow(tlsServer, logger);
  const servers = Object.values(ours);
  // Node watches the deadlines of connections, and knows those to be closed, from there on, whoever accepts them.
  if (role.fronts) for (const each of servers) each?.emit('listening');
  // Who listens is ready: a worker that takes another's place must not fail a readiness check while its converters start.
  await pool.whenReady(CONVERTERS_START_MS);
  await takedown.start(() => edge.forgetPrepared());
  if (workerIndex === UPKEEP_WORKER) upkeep.start();
  library?.start();
  watching.start();
  const door = store.lock && new Door(store.lock, portsOfServers(ours), serving.maxConnections);

  return {
    ...{ ...ours, edge, metrics },
    ...(library && { library: library.use }),
    apply(next) {
      logger.setLevel(next.telemetry.logLevel);
      if (protection.replace(next)) edge.forgetPrepared();
    },
    reload: async () => library?.reload(),
    async close(limitMs) {
      const endsAt = clock.monotonic() + limitMs;
      draining = true;
      door?.close();
      const watched = watching.close();
      edge.drain();
      const imported = library?.stop(limitMs);
      await edge.idle(limitMs);
      await imported;
      await background.drain(Math.max(0, endsAt - clock.monotonic()));
      tls?.close();
      // They hand on whom they take, so they take nobody any more before anything that serves is closed.
      for (const name of PORTS) role.fronts?.[name]?.close();
      for (const each of servers) await closeServer(each);
      await Promise.all([upkeep.close(), takedown.close(limitMs > 0), watched]);
      await Promise.all([pool.close(), deep.converter.close()]);
      await Promise.all([library?.close(), remote.close()]);
      await blobs.close();
      await store.close();
      eventLoop.close();
      await traces?.flush(TRACES_FLUSH_MS);
    },
  };
}

/** Ends the following of the tenants file where the store cannot be opened. */
async function openStore(config: Config, deps: StorageDeps, tenants: TenantsFile | undefined): Promise<Storage> {
  try {
    return await openStorage(config, deps);
  } catch (error) {
    tenants?.close();
    throw error;
  }
}

/** What prepared answers get their bytes from: memory counts its hits here, the other tiers count their own. */
function bodiesOf(
  memory: MemoryTier,
  blobs: BlobTiers,
  drawings: Pick<Drawings, 'find'> | undefined,
  metrics: MetricSlots,
  clock: Clock,
): Bodies {
  const memoryHits = metrics.counterSlot('cache_hits_total', { tier: 'memory' });
  const memoryMisses = metrics.counterSlot('cache_misses_total', { tier: 'memory' });
  const diskHits = metrics.counterSlot('cache_hits_total', { tier: 'disk' });
  const readSeconds = metrics.histogramSlot('blob_read_seconds');
  const readNow = (slice: Slice): Buffer | undefined => {
    const begunMs = clock.monotonic();
    const bytes = blobs.sliceNow?.(slice);
    if (bytes === undefined) return undefined;
    memoryMisses.add();
    diskHits.add();
    readSeconds.observe((clock.monotonic() - begunMs) / 1_000);
    return bytes;
  };
  return {
    peek(digest, slice) {
      const bytes = memory.peek(digest);
      if (bytes === undefined) return slice && readNow(slice);
      memoryHits.add();
      return bytes;
    },
    async findDrawn(digest) {
      const bytes = await drawings?.find(digest);
      return bytes && { bytes };
    },
    find: (digest, slice) => (slice ? blobs.findSlice(slice) : blobs.find(digest)),
  };
}

/** Loaded only where there are tenants: with the client that fetches sources it is a fifth of what a start loads. */
async function openLibrary(
  config: Config,
  parts: LibraryParts & { readonly store: Pick<Storage, 'close'> },
): Promise<ComposedLibrary> {
  try {
    const { composeLibrary } = await import('./compose-library.js');
    return await composeLibrary(config, parts);
  } catch (error) {
    // Whoever ends the process now must not meet a catalog that is being written (see killSelf in main.ts).
    await parts.store.close().catch(() => undefined);
    throw error;
  }
}

async function closeServer(server: Server | undefined): Promise<void> {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
}

async function tenantsOf({ library }: Config, logger: Logger): Promise<TenantsFile | undefined> {
  return library.tenants === undefined ? undefined : TenantsFile.open(library.tenants, logger);
}
