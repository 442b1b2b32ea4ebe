// Every setting in one place, the schema and the type made from them, and the rules between settings.
import { z } from 'zod';
import { OWN_MOUNTS, USUAL_MOUNTS } from '../kernel/dialect-names.js';
import { IMAGINARY, LIVINGDOCS, ZOOMHUB } from './dialect-settings.js';
import { LIBRARY } from './library-settings.js';
import { CONVERSION, DRAWING, LIMITS, SEQUENCE } from './making-settings.js';
import { FETCH, WEBHOOKS } from './outbound-settings.js';
import { ACCESS, FAIRNESS } from './protecting-settings.js';
import { ADMIN, SERVER, TELEMETRY } from './serving-settings.js';
import type { Setting } from './setting.js';
import { SHARED, STORAGE } from './storing-settings.js';
import { TAKEDOWN } from './takedown-settings.js';
import { ZOOM } from './zoom-settings.js';

export const SETTINGS = {
  server: SERVER,
  storage: STORAGE,
  sequence: SEQUENCE,
  limits: LIMITS,
  conversion: CONVERSION,
  drawing: DRAWING,
  zoom: ZOOM,
  admin: ADMIN,
  access: ACCESS,
  fairness: FAIRNESS,
  library: LIBRARY,
  fetch: FETCH,
  webhooks: WEBHOOKS,
  takedown: TAKEDOWN,
  livingdocs: LIVINGDOCS,
  imaginary: IMAGINARY,
  zoomhub: ZOOMHUB,
  telemetry: TELEMETRY,
  shared: SHARED,
} as const satisfies Record<string, Record<string, Setting<unknown>>>;

type Value<S> = S extends Setting<infer T> ? T : never;

type Checked = {
  readonly [Section in keyof typeof SETTINGS]: {
    readonly [Key in keyof (typeof SETTINGS)[Section]]: Value<(typeof SETTINGS)[Section][Key]>;
  };
};

/** The settings of a server, checked, every `auto` decided. Sections and keys as in config/default.yaml. */
export type Config = {
  readonly [Section in keyof Checked]: {
    readonly [Key in keyof Checked[Section]]: Exclude<Checked[Section][Key], 'auto'>;
  };
};

/** One setting with its key, `section.name`. */
export interface KeyedSetting {
  readonly key: string;
  readonly section: string;
  readonly name: string;
  readonly setting: Setting<unknown>;
}

/** All settings in the order of config/default.yaml. */
export function allSettings(): readonly KeyedSetting[] {
  return Object.entries(SETTINGS).flatMap(([section, settings]) =>
    Object.entries<Setting<unknown>>(settings).map(([name, setting]) => ({
      key: `${section}.${name}`,
      section,
      name,
      setting,
    })),
  );
}

/** Checks each setting by itself and refuses unknown ones; `auto` is still `auto`. */
export function configSchema(): z.ZodType<Record<string, Record<string, unknown>>> {
  const sections = Object.entries(SETTINGS).map(([section, settings]) => {
    const shape = Object.entries<Setting<unknown>>(settings).map(([name, setting]) => [name, setting.schema] as const);
    return [section, z.strictObject(Object.fromEntries(shape))] as const;
  });
  return z.strictObject(Object.fromEntries(sections));
}

/** What does not fit together between settings that are each right by themselves. */
export interface Conflict {
  readonly key: string;
  readonly expected: string;
}

/** Whether a port is one of `others`; 0 is any free one. */
function isTaken(port: number | undefined, others: readonly (number | undefined)[]): boolean {
  return port !== undefined && port !== 0 && others.includes(port);
}

const PROBE_PATHS = ['/metrics', '/healthz', '/readyz'];
const OWN_PLACES: readonly string[] = Object.values(OWN_MOUNTS);

/** What stands there would hide the server's own face, or be hidden by it. */
function isOwnPlace(mount: string): boolean {
  return mount === `${OWN_MOUNTS.openapi}.json` || OWN_PLACES.some((own) => `${mount}/`.startsWith(`${own}/`));
}

/** Where each dialect stands. */
function mountsOf({ dialects, basePath }: Config['server']): readonly string[] {
  return dialects.map(({ name, mount }) => mount ?? (name === 'image-converter' ? basePath : USUAL_MOUNTS[name]));
}

type Rule = readonly [broken: boolean, key: string, expected: string];

/** Every conflict of `config`, with the key to change and what it has to be. */
export function conflictsOf(config: Config): readonly Conflict[] {
  const rules = [...servingRules(config), ...keepingRules(config), ...openingRules(config), ...sharingRules(config)];
  return rules.filter(([broken]) => broken).map(([, key, expected]) => ({ key, expected }));
}

function servingRules({ server, imaginary }: Config): readonly Rule[] {
  return [
    [server.headersTimeoutMs > server.requestTimeoutMs, 'server.headersTimeoutMs', 'at most server.requestTimeoutMs'],
    [
      server.uploadTimeoutMs > server.requestTimeoutMs,
      'server.uploadTimeoutMs',
      'at most server.requestTimeoutMs, or Node ends the upload first',
    ],
    [
      server.uploadIdleTimeoutMs > server.uploadTimeoutMs,
      'server.uploadIdleTimeoutMs',
      'at most server.uploadTimeoutMs',
    ],
    [
      PROBE_PATHS.includes(server.basePath),
      'server.basePath',
      'none of /metrics, /healthz and /readyz, which stand at the root',
    ],
    [
      isOwnPlace(server.basePath),
      'server.basePath',
      `nothing at or below ${OWN_PLACES.join(', ')}, which are the server's own`,
    ],
    [
      server.dialects.some(({ mount }) => mount !== undefined && isOwnPlace(mount)),
      'server.dialects',
      `nothing at or below ${OWN_PLACES.join(', ')}, which are the server's own`,
    ],
    [
      isTaken(server.healthPort, [server.port, server.tlsPort]),
      'server.healthPort',
      'another port than server.port and server.tlsPort',
    ],
    [
      isTaken(imaginary.port, [server.port, server.tlsPort, server.healthPort]),
      'imaginary.port',
      'another port than server.port, server.tlsPort and server.healthPort',
    ],
    [
      imaginary.port !== undefined && !server.dialects.some(({ name }) => name === 'imaginary'),
      'imaginary.port',
      'unset, or imaginary among server.dialects',
    ],
    [
      new Set(server.dialects.map(({ name }) => name)).size < server.dialects.length ||
        new Set(mountsOf(server)).size < server.dialects.length,
      'server.dialects',
      'every dialect once, each below a path of its own',
    ],
    [
      mountsOf(server).some((mount) => PROBE_PATHS.includes(mount)),
      'server.dialects',
      `none of ${PROBE_PATHS.join(', ')}, which stand at the root`,
    ],
    [isTaken(server.tlsPort, [server.port]), 'server.tlsPort', 'another port than server.port'],
    [
      new Set([server.tlsPort, server.tlsCert, server.tlsKey].map((value) => value === undefined)).size > 1,
      server.tlsPort === undefined
        ? 'server.tlsPort'
        : server.tlsCert === undefined
          ? 'server.tlsCert'
          : 'server.tlsKey',
      'all of server.tlsPort, server.tlsCert and server.tlsKey, or none',
    ],
    [
      !server.publicMetrics && server.healthPort === undefined,
      'server.healthPort',
      'a port where server.publicMetrics is false, or nobody could ask for readiness and metrics',
    ],
  ];
}

function keepingRules({ sequence, storage, limits, conversion }: Config): readonly Rule[] {
  return [
    [
      !sequence.preConvert && !storage.keepSource,
      'sequence.preConvert',
      'true where storage.keepSource is false: what is not made of an upload at once is made of the kept source later',
    ],
    [
      limits.maxSourceBytes > storage.diskMaxBytes,
      'limits.maxSourceBytes',
      'at most storage.diskMaxBytes, or a source alone would fill the disk tier',
    ],
    [
      storage.maxAgeSeconds > 0 && storage.lastAccessResolutionSeconds > storage.maxAgeSeconds,
      'storage.lastAccessResolutionSeconds',
      'at most storage.maxAgeSeconds, or groups in use would be evicted',
    ],
    [
      storage.orphanGraceSeconds * 1000 < conversion.timeoutMs,
      'storage.orphanGraceSeconds',
      'at least conversion.timeoutMs, or previews could be swept before their sequence is complete',
    ],
  ];
}

function openingRules({ access, drawing, fetch, server, takedown, zoomhub }: Config): readonly Rule[] {
  return [
    [
      access.urlKeys !== undefined && access.apiTokens === undefined,
      'access.apiTokens',
      'tokens where access.urlKeys is set: whoever may upload without one may read by uploading',
    ],
    [
      access.urlKeys !== undefined && new Set(access.urlKeys.map(({ id }) => id)).size < access.urlKeys.length,
      'access.urlKeys',
      'every id once',
    ],
    [
      drawing.exact === 'signed' && access.urlKeys === undefined,
      'access.urlKeys',
      'keys where drawing.exact is signed, or nobody could ask',
    ],
    [
      access.urlKeys === undefined && server.dialects.some(({ name }) => name === 'mediagraph'),
      'access.urlKeys',
      'a key where server.dialects names mediagraph, which signs the URLs of uploads and previews by it',
    ],
    [
      access.urlKeys === undefined && zoomhub.takesUploads,
      'access.urlKeys',
      'a key where zoomhub.takesUploads is set, which signs the URLs of uploads by it',
    ],
    [
      takedown.hookSecrets !== undefined && takedown.hookUrl === undefined,
      'takedown.hookUrl',
      'a URL where takedown.hookSecrets is set',
    ],
    [fetch.idleTimeoutMs > fetch.timeoutMs, 'fetch.idleTimeoutMs', 'at most fetch.timeoutMs'],
    [fetch.hostConcurrency > fetch.concurrency, 'fetch.hostConcurrency', 'at most fetch.concurrency'],
  ];
}

function sharingRules({ shared }: Config): readonly Rule[] {
  return [
    [
      shared.jobsRedisUrl !== undefined && shared.redisUrl === undefined,
      'shared.redisUrl',
      'a URL where shared.jobsRedisUrl is set: without a shared tier the library and its jobs are kept by this machine',
    ],
    [
      shared.s3Bucket === undefined && shared.s3Endpoint !== undefined,
      'shared.s3Bucket',
      'a bucket name where shared.s3Endpoint is set',
    ],
    [
      shared.s3Bucket !== undefined && shared.redisUrl === undefined,
      'shared.redisUrl',
      'a URL where shared.s3Bucket is set: the catalog of blobs in S3 is kept in Redis',
    ],
    [
      (shared.s3AccessKeyId === undefined) !== (shared.s3SecretAccessKey === undefined),
      shared.s3AccessKeyId === undefined ? 'shared.s3AccessKeyId' : 'shared.s3SecretAccessKey',
      'both of shared.s3AccessKeyId and shared.s3SecretAccessKey, or neither',
    ],
  ];
}
