// The settings of what is kept, where and for how long: the tiers of this machine, and the shared tier of many.
import { readFileSync } from 'node:fs';
import { parseRecordKey } from '../kernel/credentials.js';
import { parseRedisUrl } from '../kernel/redis-url.js';
import { autoOr, bytes, choice, flag, optional, parsedList, parsedText, text, whole } from './kinds.js';
import { setting } from './setting.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;
/** Ten years: longer than any cache lives. */
const TEN_YEARS_S = 315_360_000;
const DAY_S = 86_400;

export const STORAGE = {
  dataDir: setting(
    'DATA_DIR',
    text('path of a directory on a local disk'),
    'Where catalog, blobs and temp files live; a relative path starts at the working directory.',
  ),
  fallbackDataDir: setting(
    'FALLBACK_DATA_DIR',
    optional(text('path of a directory on a local disk')),
    'Used in place of dataDir where that cannot be written and this can.',
  ),
  keepSource: setting(
    'KEEP_SOURCE',
    flag(),
    'Keep source bytes, so that lost previews can be made again without a new upload; evicted first.',
  ),
  deduplicate: setting(
    'DEDUPLICATE',
    choice(['all', 'context']),
    'Who shares the previews of equal sources: all contexts, or only the groups of one. With context nobody learns by the time an upload takes that another context has the image; every context pays for its own conversion.',
  ),
  memoryMaxBytes: setting(
    'MEMORY_MAX_BYTES',
    autoOr(bytes({ min: MIB, max: TIB })),
    'Most preview bytes in the memory tier of an HTTP process; auto is an eighth of the memory, at most 1 GiB, shared among the workers.',
    {
      auto: (machine, workers) => Math.max(MIB, Math.floor(Math.min(machine.memoryBytes / 8, GIB) / workers)),
    },
  ),
  diskMaxBytes: setting(
    'DISK_MAX_BYTES',
    bytes({ min: MIB, max: 1024 * TIB }),
    'Most blob bytes on disk; above it sources, then previews used longest ago are evicted.',
  ),
  diskMinFreeBytes: setting(
    'DISK_MIN_FREE_BYTES',
    bytes({ min: 0, max: 1024 * TIB }),
    'What is to stay free on the disk, though never more than a twentieth of it (and a twentieth of the files it can hold, 10000 at most): below that, and when the disk is full, what was used longest ago is evicted at once. 0 leaves a full disk to others: uploads are refused until there is space.',
  ),
  maxGroups: setting(
    'MAX_GROUPS',
    whole('image groups', { min: 1, max: 1_000_000_000 }),
    'Most image groups; above it those used longest ago are evicted.',
  ),
  maxAgeSeconds: setting(
    'MAX_AGE_SECONDS',
    whole('seconds', { min: 0, max: TEN_YEARS_S }),
    'Image groups not used for so long are evicted; 0 keeps them whatever their age.',
  ),
  lastAccessResolutionSeconds: setting(
    'LAST_ACCESS_RESOLUTION_SECONDS',
    whole('seconds', { min: 1, max: DAY_S }),
    'How coarse the time of last use is kept, so that a read never writes.',
  ),
  evictionIntervalSeconds: setting(
    'EVICTION_INTERVAL_SECONDS',
    whole('seconds', { min: 1, max: DAY_S }),
    'How often limits are checked, and blobs swept that no image group needs.',
  ),
  orphanGraceSeconds: setting(
    'ORPHAN_GRACE_SECONDS',
    whole('seconds', { min: 1, max: DAY_S }),
    'Age before a blob that no image group names is swept.',
  ),
  fsync: setting(
    'FSYNC',
    flag(),
    'Flush blobs and catalog to the disk before acknowledging: what was acknowledged then survives a power cut too, not only a crash of the process.',
  ),
} as const;

const name = (what: string) => text(what, /^[^\s\p{Cc}]{1,256}$/u);

export const SHARED = {
  redisUrl: setting(
    'REDIS_URL',
    optional(
      parsedText(
        'URL redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or rediss+cluster:// with a host',
        parseRedisUrl,
      ),
    ),
    'Redis or Valkey that makes several nodes one cache; unset keeps everything on this machine.',
    // A URL may carry credentials.
    { secret: true },
  ),
  jobsRedisUrl: setting(
    'JOBS_REDIS_URL',
    optional(
      parsedText(
        'URL redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or rediss+cluster:// with a host',
        parseRedisUrl,
      ),
    ),
    'Redis or Valkey that keeps the library and its jobs, with maxmemory-policy noeviction; unset means that of the shared tier.',
    { secret: true },
  ),
  maxBytes: setting(
    'SHARED_MAX_BYTES',
    bytes({ min: 0, max: 1024 * TIB }),
    'Most blob bytes in the shared tier; above it sources, then previews used longest ago are evicted. 0 leaves it to Redis or the bucket.',
  ),
  redisUser: setting('REDIS_USER', optional(name('user name')), 'Redis user; overrides the one in the URL.'),
  redisPassword: setting(
    'REDIS_PASSWORD',
    optional(text('password of at least 1 character')),
    'Redis password; overrides the one in the URL.',
    { secret: true },
  ),
  redisKeyPrefix: setting(
    'REDIS_KEY_PREFIX',
    text('1 to 64 letters, digits and . _ : -', /^[A-Za-z0-9._:-]{1,64}$/),
    'In front of every Redis key, so that several deployments can share a server.',
  ),
  redisCaFile: setting(
    'REDIS_CA_FILE',
    optional(parsedText('path of a PEM file', readCertificates)),
    "Certificate authorities trusted for rediss:// besides the system's.",
  ),
  redisRecordKeys: setting(
    'REDIS_RECORD_KEYS',
    optional(
      parsedList(
        'list of 1 to 16 secrets of 16 visible characters or more, one of them may be the word unsealed',
        16,
        parseRecordKey,
      ),
    ),
    'Keys that seal catalog records in Redis, so that nobody else can make some; the first one seals, all are believed. unsealed stands for none, as do no keys at all.',
    { secret: true },
  ),
  redisConnectTimeoutMs: setting(
    'REDIS_CONNECT_TIMEOUT_MS',
    whole('ms', { min: 50, max: 60_000 }),
    'Time in which a connection to Redis must stand.',
  ),
  redisCommandTimeoutMs: setting(
    'REDIS_COMMAND_TIMEOUT_MS',
    whole('ms', { min: 10, max: 60_000 }),
    'Time in which Redis must answer a catalog or lease command.',
  ),
  redisBlobTimeoutMs: setting(
    'REDIS_BLOB_TIMEOUT_MS',
    whole('ms', { min: 10, max: 60_000 }),
    'Time in which Redis must take or give a blob.',
  ),
  redisBlobTtlSeconds: setting(
    'REDIS_BLOB_TTL_SECONDS',
    whole('seconds', { min: 60, max: TEN_YEARS_S }),
    'How long a blob stays in Redis unless it is used again.',
  ),
  redisMaxBlobBytes: setting(
    'REDIS_MAX_BLOB_BYTES',
    bytes({ min: 1024, max: 512 * MIB }),
    'Largest blob put into Redis; larger ones stay on the nodes (or in S3).',
  ),
  leaseTtlMs: setting(
    'LEASE_TTL_MS',
    whole('ms', { min: 500, max: 600_000 }),
    "How long a conversion's lease outlives a node that died; renewed while the node lives.",
  ),
  s3Endpoint: setting(
    'S3_ENDPOINT',
    optional(parsedText('URL http:// or https://', parseEndpoint)),
    'S3-compatible service that keeps the blobs; unset with a bucket means AWS.',
  ),
  s3Bucket: setting(
    'S3_BUCKET',
    optional(text('bucket name', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)),
    'Bucket of the blobs; unset keeps them in Redis and on the nodes.',
  ),
  s3Region: setting('S3_REGION', name('region name'), 'Region the requests are signed for.'),
  s3AccessKeyId: setting(
    'S3_ACCESS_KEY_ID',
    optional(name('access key id')),
    'Access key; unset asks the environment the AWS way.',
    { secret: true },
  ),
  s3SecretAccessKey: setting('S3_SECRET_ACCESS_KEY', optional(name('secret access key')), 'Secret of the access key.', {
    secret: true,
  }),
  s3Prefix: setting(
    'S3_PREFIX',
    text('up to 128 letters, digits and . _ / -', /^[A-Za-z0-9._/-]{0,128}$/),
    'In front of every object name.',
  ),
} as const;

/** Throws `TypeError` for what no client could be pointed to. */
function parseEndpoint(given: string): void {
  if (!URL.canParse(given)) throw new TypeError('not a URL');
  const { protocol, username, password, search, hash } = new URL(given);
  if (protocol !== 'http:' && protocol !== 'https:') throw new TypeError('neither http:// nor https://');
  if (username !== '' || password !== '') throw new TypeError('credentials have settings of their own');
  if (search !== '' || hash !== '' || /\s/.test(given)) throw new TypeError('no query, fragment or space');
}

/** Read again by whoever connects; a file that cannot be used is told before anything is opened. */
function readCertificates(path: string): void {
  let pem: string;
  try {
    pem = readFileSync(path, 'utf8');
  } catch (error) {
    throw new TypeError(`it cannot be read (${error instanceof Error && 'code' in error ? error.code : 'unknown'})`);
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new TypeError('it holds no certificate');
}
