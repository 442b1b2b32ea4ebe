#!/usr/bin/env node
// The process edge: configuration, signals and exit codes. Serves alone, or as one of several workers.
import cluster from 'node:cluster';
import type { AddressInfo, Server } from 'node:net';
import v8 from 'node:v8';
import type { App } from './compose.js';
import { CONFIG_EXIT_CODE, ConfigError } from './config/config-error.js';
import { LiveSettings } from './config/live-settings.js';
import { blankSecretNames, type Tree, unknownEnvironmentNames } from './config/load-config.js';
import { readOxProperties } from './config/ox-properties.js';
import type { Config } from './config/schema.js';
import type { DoorServers } from './door.js';
import { exposureWarnings } from './exposure-warnings.js';
import { TlsFilesError } from './http/wire/tls-files.js';
import { PACKAGE_VERSION } from './package-version.js';
import { endProcess, readAgain, reloadOnHangUp, Terminal, takeOver } from './reloading.js';
import { ALONE, type Role } from './role.js';
import { portsOfServers, tlsOf } from './servers.js';
import { Standby } from './standby.js';
import { lockDir } from './stores/embedded/group-lock.js';
import { processGroup } from './stores/embedded/process-identity.js';
import { DataDirError, DirectoryInUse } from './stores/embedded/storage-errors.js';
import {
  connectToSupervisor,
  SAME_SIGNAL_MS,
  settingsOfSupervisor,
  superviseWorkers,
  tellAllSettings,
  workerIndex,
} from './supervisor.js';
import { createLogger, type ProcessLogger } from './telemetry/logger.js';
import { standardOutput } from './telemetry/standard-output.js';

/**
 * How far the heap may grow beyond what is in use before all of it is marked, in percent. With 200, or left to itself, what 200 uploads of
 * 20 MB from 16 clients leave behind is 75 to 80 MiB, not 51 to 60; with 50 a hit of 284 kB from disk costs 1.3 ms instead of 0.8.
 */
const HEAP_GROWTH_PERCENT = 100;

/** What cannot be drained at all must not keep the process: beyond the drain limit it ends all the same. */
const EXIT_MARGIN_MS = 3_000;
/** For log lines that nobody has read by the end. */
const FLUSH_MS = 500;

const output = standardOutput();
const terminal = new Terminal();

let app: App | undefined;
/** From the start of `main` on. */
let workerLogger: ProcessLogger | undefined;
let standby: Standby | undefined;
/** While a waiting server opens the catalog. Never rejects. */
let opening: Promise<void> | undefined;
let isEnding = false;

v8.setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);

await main();

async function main(): Promise<void> {
  const index = workerIndex();
  const settings = index === undefined ? settingsOrExit() : await settingsOfWorker();
  const { config } = settings;
  const root = createLogger({ level: config.telemetry.logLevel, destination: output });
  const logger = index === undefined ? root : root.child({ worker: index });
  workerLogger = logger;
  // Node's own words would stand between the lines of JSON.
  process.removeAllListeners('warning');
  process.on('warning', (error) => logger.warn({ error }, 'Node warns'));
  // Whatever we did not foresee may have left any state behind: say so, and let the supervisor start a clean process.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      logger.error({ error, event }, 'unexpected failure; the process ends');
      void end(1, 0);
    });
  }
  if (index === undefined) {
    for (const name of unknownEnvironmentNames()) logger.warn({ name }, 'environment variable names no setting');
    for (const name of blankSecretNames())
      logger.warn({ name }, 'environment variable is empty, so this secret is not set');
    for (const { facts, message } of exposureWarnings(config)) logger.warn(facts, message);
    if (config.server.oxProperties !== undefined) {
      const { used, notApplicable } = readOxProperties(config.server.oxProperties);
      logger.info({ used, notApplicable }, 'the properties of the original were read');
    }
  }
  if (config.server.workers > 1 && cluster.isPrimary) {
    reloadOnHangUp(terminal, () => {
      readAgain(settings, root);
      root.setLevel(settings.config.telemetry.logLevel);
      tellAllSettings(settings.given);
    });
    await exit(await superviseWorkers({ ...supervised(config), settings: () => settings.given, logger }));
  }
  if (index === undefined)
    reloadOnHangUp(terminal, () => {
      readAgain(settings, root);
      applyNow(settings.config);
    });
  await serve(settings, logger, index === undefined ? ALONE : roleOf(index));
}

/** What goes by the settings does so by these, and reads its own files again; before it is there, they wait for it. */
function applyNow(config: Config): void {
  app?.apply(config);
  void app?.reload();
}

/** Those that the supervisor has read. It alone reads them again: SIGHUP reaches a worker from a terminal, which the supervisor hears too. */
async function settingsOfWorker(): Promise<LiveSettings> {
  process.on('SIGHUP', () => undefined);
  let settings: LiveSettings | undefined;
  const given = await settingsOfSupervisor((news: Tree) => {
    if (settings === undefined || workerLogger === undefined) return;
    // Files that the settings name may have gone since: a worker that serves goes on.
    takeOver(settings, news, workerLogger);
    applyNow(settings.config);
  });
  settings = settingsOrExit(given);
  return settings;
}

/** `given`: what another process has read for this one. */
function settingsOrExit(given?: Tree): LiveSettings {
  try {
    return LiveSettings.of(given);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.report}\n`);
    process.exit(CONFIG_EXIT_CODE);
  }
}

function supervised(config: Config) {
  return { ...config.server, servers: serversOf(config) };
}

/** Servers that each process listens with. */
function serversOf({ server, imaginary }: Config): number {
  return [server.port, server.tlsPort, server.healthPort, imaginary.port].filter((port) => port !== undefined).length;
}

function roleOf(index: number): Role {
  // A worker whose supervisor was killed is ended by Node's cluster with process.exit, which may never return (see killSelf).
  process.on('exit', () => {
    if (!process.connected) killSelf();
  });
  return { shared: true, workerIndex: index, connect: connectToSupervisor };
}

async function serve(settings: LiveSettings, logger: ProcessLogger, role: Role): Promise<void> {
  const { config } = settings;
  app = await composeOrExit(config, logger, role);
  // What was read again meanwhile.
  app?.apply(settings.config);
  stopOnSignals(config.server.drainTimeoutMs, logger, role.shared);
  if (app) await listenAll(config, logger, portsOfServers(app));
  else await standBy(settings, logger, role).catch((error: unknown) => refuse(error, logger));
}

/** Resolves once all listen, and this was told. */
async function listenAll(config: Config, logger: ProcessLogger, servers: DoorServers): Promise<void> {
  const { host, port, tlsPort = 0, healthPort = 0, basePath, workers } = config.server;
  const [origin, tlsOrigin, healthUrl, imaginaryUrl] = await Promise.all([
    listen(servers.http, port, host, logger),
    listen(servers.tls, tlsPort, host, logger),
    listen(servers.health, healthPort, host, logger),
    listen(servers.imaginary, config.imaginary.port ?? 0, host, logger),
  ]);
  const url = `${origin}${basePath}`;
  const tlsUrl = tlsOrigin && `${tlsOrigin.replace('http:', 'https:')}${basePath}`;
  const { dataDir } = config.storage;
  const urls = { url, tlsUrl, healthUrl, imaginaryUrl };
  logger.info({ ...urls, version: PACKAGE_VERSION, dataDir, workers, pid: process.pid }, 'listening');
}

/** Listens at once, and serves by itself when the server in another container that has the data directory is gone. */
async function standBy(settings: LiveSettings, logger: ProcessLogger, role: Role): Promise<void> {
  const { config } = settings;
  const { maxConnections, sendTimeoutMs, headersTimeoutMs, tlsPort, healthPort, publicMetrics } = config.server;
  const tls = await tlsOf(config.server);
  const waiting = new Standby({
    lockDir: lockDir(config.storage.dataDir),
    group: processGroup(),
    maxConnections,
    sendTimeoutMs,
    headersTimeoutMs,
    answersProbes: publicMetrics,
    ...(tls && { tls }),
    logger,
  });
  standby = waiting;
  const fronts: DoorServers = {
    http: waiting.front('http'),
    tls: tlsPort === undefined ? undefined : waiting.front('tls'),
    health: healthPort === undefined ? undefined : waiting.front('health'),
    imaginary: config.imaginary.port === undefined ? undefined : waiting.front('imaginary'),
  };
  await listenAll(config, logger, fronts);
  do {
    if (!(await waiting.untilFree())) return;
    opening = composeOrExit(config, logger, { ...role, fronts }).then((composed) => {
      app = composed;
      app?.apply(settings.config);
    });
    await opening;
    // Who was asked to end meanwhile closes what was opened.
    if (isEnding) return;
  } while (app === undefined);
  waiting.handOver(portsOfServers(app));
  logger.info({}, 'the data directory is free: this server has it from now on');
}

/** Resolves with `http://HOST:PORT` once the server listens, and with `undefined` without one. Ends the process when it cannot. */
async function listen(
  server: Server | undefined,
  port: number,
  host: string,
  logger: ProcessLogger,
): Promise<string | undefined> {
  if (server === undefined) return undefined;
  server.once('error', ({ message }) => {
    logger.error({ reason: message, host, port }, 'cannot listen');
    void end(1, 0);
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  const { address, port: chosen } = server.address() as AddressInfo;
  return `http://${address.includes(':') ? `[${address}]` : address}:${chosen}`;
}

/** `undefined` while a server in another container has the data directory. Ends the process when it cannot start. */
async function composeOrExit(config: Config, logger: ProcessLogger, role: Role): Promise<App | undefined> {
  try {
    // Not loaded by a supervisor, nor before the settings are known to be right.
    const { compose } = await import('./compose.js');
    return await compose(config, logger, role);
  } catch (error) {
    return error instanceof DirectoryInUse ? undefined : refuse(error, logger);
  }
}

/** Ends the process, which cannot start because of `error`. */
function refuse(error: unknown, logger: ProcessLogger): Promise<never> {
  if (error instanceof ConfigError) {
    logger.error({ reason: error.report }, 'cannot start');
    return exit(CONFIG_EXIT_CODE);
  }
  // A directory or a certificate that cannot be used is the operator's to mend: its message says how, and a stack would bury it.
  const isTold = error instanceof DataDirError || error instanceof TlsFilesError;
  logger.error(isTold ? { reason: error.message } : { error }, 'cannot start');
  return exit(1);
}

/**
 * The first signal drains. A second wish ends the process at once, but not a worker: its supervisor hands on a signal that
 * the terminal has sent it already, on a busy machine seconds later, and ends its workers itself when it is asked twice.
 */
function stopOnSignals(drainTimeoutMs: number, logger: ProcessLogger, supervised: boolean): void {
  let stoppingSince: number | undefined;
  const stop = (signal: NodeJS.Signals): void => {
    if (stoppingSince !== undefined) {
      if (supervised || performance.now() - stoppingSince < SAME_SIGNAL_MS) return;
      logger.warn({ signal }, 'asked to stop again; the process ends at once');
      killSelf();
      return;
    }
    stoppingSince = performance.now();
    logger.info({ signal }, 'stopping: no new work, ending what is under way');
    void end(0, drainTimeoutMs, logger);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(signal));
}

/** Closes everything within `drainTimeoutMs` and a margin, then ends the process with `code`, or 1 when that failed. */
async function end(code: number, drainTimeoutMs: number, logger?: ProcessLogger): Promise<void> {
  isEnding = true;
  setTimeout(killSelf, drainTimeoutMs + EXIT_MARGIN_MS).unref();
  try {
    // The catalog is not left while it is being opened (see killSelf).
    if (app === undefined) await Promise.all([standby?.close(drainTimeoutMs), opening]);
    await app?.close(drainTimeoutMs);
    await standby?.close(0);
    logger?.info({}, 'stopped');
    await exit(code);
  } catch (error) {
    logger?.error({ error }, 'stopping failed');
    killSelf();
  }
}

/** Ends the process once its log is written, which it waits for a moment only. */
async function exit(code: number): Promise<never> {
  await output.flush(FLUSH_MS);
  return endProcess(terminal, code);
}

/**
 * Ends the process whatever it is doing. Not by `process.exit`: that waits for LMDB's writing thread, which may wait for
 * this one, for ever and with the catalog's lock in its hand, so that every other worker hangs too (seen when a worker
 * could not listen while its store was writing). A killed process loses the lock, and nothing that was acknowledged.
 */
function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
}
