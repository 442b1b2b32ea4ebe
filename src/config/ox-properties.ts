// The original's own imageconverter.properties, as its chart mounts it: what of it is a setting of ours, and what is not and why.
import { readFileSync } from 'node:fs';
import { ConfigError } from './config-error.js';
import { parseProperties } from './java-properties.js';

const PREFIX = 'com.openexchange.imageconverter.';
const MIB = 2 ** 20;
/** The largest that our settings take. */
const NO_GROUP_LIMIT = 1_000_000_000;

type Tree = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What a property means: a value of one of our settings, or nothing, for a reason. */
type Meaning = { readonly section: string; readonly name: string; readonly value: unknown } | { readonly why: string };

function setting(section: string, name: string, value: unknown): Meaning {
  return { section, name, value };
}

const NOT_APPLICABLE = (why: string) => (): Meaning => ({ why });
const BY_BYTES = NOT_APPLICABLE('what is kept in memory is limited by its bytes (PROOFSHEET_MEMORY_MAX_BYTES)');

/** By the name behind the prefix. Whole numbers arrive as numbers, everything else as it stands. */
const MEANINGS: Readonly<Record<string, (value: string, number: () => number) => Meaning>> = {
  targetFormats: (value) => setting('sequence', 'targetFormats', value),
  'preConvert.enabled': (value) => setting('sequence', 'preConvert', value.toLowerCase()),
  maxInstantQueueLength: (_, number) => setting('conversion', 'queueLength', number()),
  maxBackgroundQueueLength: NOT_APPLICABLE('the rest of a ladder is part of its conversion'),
  maxParallelRequests: (_, number) => setting('server', 'maxUploads', number()),
  convertTimeoutMillis: (_, number) => setting('conversion', 'timeoutMs', number()),
  'imagemagick.userComment': NOT_APPLICABLE('previews carry no metadata'),
  'cache.remoteURL': NOT_APPLICABLE('nodes share by Redis (PROOFSHEET_REDIS_URL)'),
  'cache.maxKeyCount': (_, number) => setting('storage', 'maxGroups', number() < 0 ? NO_GROUP_LIMIT : number()),
  'cache.maxSizeMB': (_, number) =>
    number() < 0
      ? { why: 'there always is a limit (PROOFSHEET_DISK_MAX_BYTES)' }
      : setting('storage', 'diskMaxBytes', number() * MIB),
  'cache.keyTimeoutMinutes': (_, number) => setting('storage', 'maxAgeSeconds', Math.max(0, number()) * 60),
  'cache.cleanupPeriodSeconds': (_, number) =>
    number() <= 0
      ? { why: 'limits are always looked after (PROOFSHEET_EVICTION_INTERVAL_SECONDS)' }
      : setting('storage', 'evictionIntervalSeconds', number()),
  'cache.local.maxKeyCount': BY_BYTES,
  'cache.local.keyTimeoutSeconds': BY_BYTES,
  'cache.local.cleanupPeriodSeconds': BY_BYTES,
};

/** A property file as settings. */
export interface OxProperties {
  readonly settings: Tree;
  /** Names of the properties that are used, without their prefix. */
  readonly used: readonly string[];
  /** The others, each with the reason. */
  readonly notApplicable: Readonly<Record<string, string>>;
}

/** Reads the file at `path`. Throws a `ConfigError` when it cannot be read, or a number in it is none. */
export function readOxProperties(path: string): OxProperties {
  let properties: ReadonlyMap<string, string>;
  try {
    properties = parseProperties(readFileSync(path, 'utf8'));
  } catch (error) {
    throw fault(`expected a readable file of Java properties, got ${error instanceof Error ? error.message : error}`);
  }
  const settings: Record<string, Record<string, unknown>> = {};
  const used: string[] = [];
  const notApplicable: Record<string, string> = {};
  for (const [property, given] of properties) {
    const name = property.startsWith(PREFIX) ? property.slice(PREFIX.length) : property;
    const read = property.startsWith(PREFIX) && Object.hasOwn(MEANINGS, name) ? MEANINGS[name] : undefined;
    const value = given.trim();
    const meaning = value === '' ? { why: 'empty' } : read?.(value, () => wholeNumber(property, value));
    if (meaning === undefined) notApplicable[name] = 'unknown';
    else if ('why' in meaning) notApplicable[name] = meaning.why;
    else {
      settings[meaning.section] = { ...settings[meaning.section], [meaning.name]: meaning.value };
      used.push(name);
    }
  }
  return { settings, used, notApplicable };
}

function wholeNumber(property: string, value: string): number {
  if (!/^-?[0-9]{1,15}$/.test(value))
    throw fault(`expected a whole number for ${property}, got ${JSON.stringify(value)}`);
  return Number(value);
}

function fault(what: string): ConfigError {
  return new ConfigError([{ key: 'server.oxProperties', env: 'PROOFSHEET_OX_PROPERTIES', what }]);
}
