// From the configuration to what the parts of a server are told; and of it what is replaced while the server runs.
import { isDeepStrictEqual } from 'node:util';
import type { Config } from './config/schema.js';
import type { ConverterOptions } from './convert/converter-options.js';
import { type AccessKeys, createAccess } from './http/access/access.js';
import { createDrawingQuota } from './http/access/fair-use.js';
import type { HttpConfig, Protecting } from './http/edge-dependencies.js';
import type { Clock } from './kernel/ports/clock.js';
import { sequenceOf } from './kernel/sequence.js';
import type { StoreDeps } from './open-storage.js';
import type { PreviewsSettings } from './previews/open-previews.js';

/** Conversions under way or waiting, beyond which background work is refused; each upload in flight is one. */
const MAX_BACKGROUND_TASKS = 10_000;

/** Who may what, and how much, as it holds now: what of the settings is taken over on SIGHUP. */
export class Protection {
  private current: Config;
  private derived: Derived;

  constructor(config: Config) {
    this.current = config;
    this.derived = derivedOf(config);
  }

  /** Only what reloads may differ from the start's, and only that is to be asked here. */
  get config(): Config {
    return this.current;
  }

  get keys(): AccessKeys {
    return this.derived.keys;
  }

  get limits(): Protecting {
    return this.derived.limits;
  }

  /** Turns in a row, 1 or more. */
  weightOf(context: string): number {
    return this.derived.weights.get(context) ?? 1;
  }

  /** Takes over what differs; whether that changes who may read. Logins that failed and hashes that were found right are not forgotten for nothing. */
  replace(config: Config): boolean {
    const next = derivedOf(config);
    const { keys, limits } = this.derived;
    const isSame = isDeepStrictEqual(keys, next.keys) && this.current.imaginary.signKey === config.imaginary.signKey;
    const admins = isDeepStrictEqual(limits.admins, next.limits.admins) ? limits.admins : next.limits.admins;
    this.derived = { ...next, keys: isSame ? keys : next.keys, limits: { ...next.limits, admins } };
    this.current = config;
    return !isSame;
  }
}

interface Derived {
  readonly keys: AccessKeys;
  readonly limits: Protecting;
  readonly weights: ReadonlyMap<string, number>;
}

function derivedOf({ access, admin, fairness }: Config): Derived {
  const { clientUploadsPerSecond, clientUploads, contextUploadsPerSecond, contextUploads } = fairness;
  return {
    keys: { tokens: access.apiTokens ?? [], urlKeys: access.urlKeys ?? [] },
    limits: {
      admins: (admin.password ?? []).map((password) => ({ user: admin.user, password })),
      loginFailuresPerMinute: access.loginFailuresPerMinute,
      ...{ clientUploadsPerSecond, clientUploads, contextUploadsPerSecond, contextUploads },
    },
    weights: new Map((fairness.contextWeights ?? []).map(({ context, weight }) => [context, weight])),
  };
}

/** The edge's settings, and what of them is asked for every request. */
export function protectedEdge(config: Config, protection: Protection, clock: Clock, uploadDir: string) {
  return {
    access: createAccess(() => protection.keys, clock),
    config: edgeConfigOf(config, protection, uploadDir),
    protecting: () => protection.limits,
    // The slow way logs.
    logsHits: () => protection.config.telemetry.logLevel === 'debug',
  };
}

/** What the edge is told, of several sections of the configuration. */
function edgeConfigOf(
  { server, access, limits, takedown }: Config,
  protection: Protection,
  uploadDir: string,
): HttpConfig {
  return {
    ...server,
    ...protection.limits,
    ...(takedown.surrogateKeys && { surrogateKeys: takedown.surrogateKeys }),
    metadata: access.metadata,
    uploadDir,
    maxSourceBytes: limits.maxSourceBytes,
    corsOrigins: server.corsOrigins ?? [],
    allowedHosts: server.allowedHosts ?? [],
  };
}

/** What the converters are told, of several sections of the configuration. `speaks`: of many workers on a machine this one does. */
export function converterOptionsOf(
  { conversion, limits, sequence, storage, shared }: Config,
  protection: Protection,
  telling: StoreDeps,
  speaks: boolean,
): ConverterOptions {
  return {
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
    tellsOfText: limits.sourceTypes.includes('svg') && speaks,
    // Files that end up in the data directory; a shared store reads them and looks after that itself.
    flush: storage.fsync && shared.redisUrl === undefined,
    weightOf: (context) => protection.weightOf(context),
    ...telling,
  };
}

/** What the use cases are told, of several sections of the configuration. */
export function previewsSettings(config: Config, protection: Protection, clock: Clock): PreviewsSettings {
  const { storage, shared, sequence } = config;
  return {
    sequence: sequenceOf(sequence.targetFormats, sequence.auto),
    keepSource: storage.keepSource,
    preConvert: sequence.preConvert,
    deduplicate: storage.deduplicate,
    contextMaxConversions: () => protection.config.fairness.contextMaxConversions,
    maxBackgroundTasks: MAX_BACKGROUND_TASKS,
    lastAccessResolutionMs: storage.lastAccessResolutionSeconds * 1_000,
    leaseTtlMs: shared.leaseTtlMs,
    limits: {
      ...limitsOf(config),
      maxAgeSeconds: storage.maxAgeSeconds,
      // Looked at in every round.
      get contextMaxBytes() {
        return protection.config.fairness.contextMaxBytes;
      },
      get contextMaxGroups() {
        return protection.config.fairness.contextMaxGroups;
      },
    },
    drawing: {
      limits: { maxSidePx: config.drawing.maxSidePx, maxPixels: config.drawing.maxPixels },
      maxBytes: config.drawing.maxBytes,
      admitNew: createDrawingQuota(() => protection.config.fairness.contextDrawingsPerMinute, clock),
    },
    ...(config.drawing.negotiate && { negotiate: config.drawing.negotiate }),
    upkeepIntervalMs: storage.evictionIntervalSeconds * 1_000,
  };
}

/** Of the store as a whole; infinite bytes where the store sets its limit itself. */
export function limitsOf({ storage, shared }: Config): Pick<PreviewsSettings['limits'], 'maxBytes' | 'maxGroups'> {
  const maxBytes = shared.redisUrl === undefined ? storage.diskMaxBytes : shared.maxBytes || Number.POSITIVE_INFINITY;
  return { maxBytes, maxGroups: storage.maxGroups };
}
