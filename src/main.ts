#!/usr/bin/env node
// The process edge: configuration, signals and exit codes. Serves alone, or as one of several workers.
import cluster from 'node:cluster';

import type { AddressInfo, Server } from 'node:net';
import v8 from 'node:v8';
import { ALONE, type App, compose, PACKAGE_VERSION, type Role, tlsOf } from './compose.js';
import { CONFIG_EXIT_CODE, ConfigError } from './config/config-error.js';
import { blankSecretNames, loadConfig, unknownEnvironmentNames } from './config/load-config.js';
import { readOxProperties } from './config/ox-properties.js';
import type { Config } from './config/schema.js';
import type { DoorServers } from './door.js';
import { TlsFilesError } from './http/wire/tls-files.js';
import { Standby } from './standby.js';
import { lockDir } from './stores/embedded/catalog-tables.js';
import { processGroup } from './stores/embedded/process-identity.js';
import { DataDirError, DirectoryInUse } from './stores/embedded/storage-errors.js';
import { connectToSupervisor, SAME_SIGNAL_MS, superviseWorkers, workerIndex } from './supervisor.js';
import { createLogger, type ProcessLogger } from './telemetry/logger.js';
import { standardOutput } from './telemetry/standard-output.js';

/**
 * How far the heap may grow beyond what is in use before all of it is marked, in percent. Left to itself V8 takes the chunks
 * of uploads, which are soon forgotten, for growth of a heap of 20 MB, and marks it for 10 to 20 ms in every other upload.
 * Under load it allows itself as much (up to four times what is in use).
 */
const HEAP_GROWTH_PERCENT = 200;

/** What cannot be drained at all must not keep the process: beyond the drain limit it ends all the same. */
const EXIT_MARGIN_MS = 3_000;
/** For log lines that nobody has read by the end. */
const FLUSH_MS = 500;

const output = standardOutput();

let app: App | undefined;
let standby: Standby | undefined;
/** While a waiting server opens the catalog. Never rejects. */
let opening: Promise<void> | undefined;
let isEnding = false;

v8.setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);

await main();

async function main(): Promise<void> {
  const config = configOrExit();
  const index = workerIndex();
  const root = createLogger({ level: config.telemetry.logLevel, destination: output });
  const logger = index === undefined ? root : root.child({ worker: index });
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
    if (config.server.oxProperties !== undefined) {
      const { used, notApplicable } = readOxProperties(config.server.oxProperties);
      logger.info({ used, notApplicable }, 'the properties of the original were read');
    }
  }
  if (config.server.workers > 1 && cluster.isPrimary) {
    await exit(await superviseWorkers({ ...supervised(config), logger }));
  }
  await serve(config, logger, index === undefined ? ALONE : roleOf(index));
}

function configOrExit(): Config {
  try {
    return loadConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.report}\n`);
    process.exit(CONFIG_EXIT_CODE);
  }
}

function supervised(config: Config) {
  return { ...config.server, servers: serversOf(config), handsOnHangUp: config.library.tenants !== undefined };
}

/** Servers that each process listens with. */
function serversOf({ server }: Config): number {
  return [server.port, server.tlsPort, server.healthPort].filter((port) => port !== undefined).length;
}

function roleOf(index: number): Role {
  // A worker whose supervisor was killed is ended by Node's cluster with process.exit, which may never return (see killSelf).
  process.on('exit', () => {
    if (!process.connected) killSelf();
  });
  return { shared: true, workerIndex: index, connect: connectToSupervisor };
}

async function serve(config: Config, logger: ProcessLogger, role: Role): Promise<void> {
  // Without tenants nothing is read again, and the signal ends the process as that of a terminal that was closed does.
  if (config.library.tenants !== undefined) process.on('SIGHUP', () => void app?.reload());
  app = await composeOrExit(config, logger, role);
  stopOnSignals(config.server.drainTimeoutMs, logger, role.shared);
  if (app) await listenAll(config, logger, app);
  else await standBy(config, logger, role).catch((error: unknown) => refuse(error, logger));
}

type Listeners = Readonly<Record<'server' | 'tlsServer' | 'healthServer', Server | undefined>>;

/** Resolves once all listen, and this was told. */
async function listenAll(config: Config, logger: ProcessLogger, servers: Listeners): Promise<void> {
  const { host, port, tlsPort = 0, healthPort = 0, basePath, workers } = config.server;
  const [origin, tlsOrigin, healthUrl] = await Promise.all([
    listen(servers.server, port, host, logger),
    listen(servers.tlsServer, tlsPort, host, logger),
    listen(servers.healthServer, healthPort, host, logger),
  ]);
  const url = `${origin}${basePath}`;
  const tlsUrl = tlsOrigin && `${tlsOrigin.replace('http:', 'https:')}${basePath}`;
  const { dataDir } = config.storage;
  logger.info({ url, tlsUrl, healthUrl, version: PACKAGE_VERSION, dataDir, workers, pid: process.pid }, 'listening');
}

/** Listens at once, and serves by itself when the server in another container that has the data directory is gone. */
async function standBy(config: Config, logger: ProcessLogger, role: Role): Promise<void> {
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
  };
  await listenAll(config, logger, { server: fronts.http, tlsServer: fronts.tls, healthServer: fronts.health });
  do {
    if (!(await waiting.untilFree())) return;
    opening = composeOrExit(config, logger, { ...role, fronts }).then((composed) => {
      app = composed;
    });
    await opening;
    // Who was asked to end meanwhile closes what was opened.
    if (isEnding) return;
  } while (app === undefined);
  waiting.handOver({ http: app.server, tls: app.tlsServer, health: app.healthServer });
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
  process.exit(code);
}

/**
 * Ends the process whatever it is doing. Not by `process.exit`: that waits for LMDB's writing thread, which may wait for
 * this one, for ever and with the catalog's lock in its hand, so that every other worker hangs too (seen when a worker
 * could not listen while its store was writing). A killed process loses the lock, and nothing that was acknowledged.
 */
function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
}
