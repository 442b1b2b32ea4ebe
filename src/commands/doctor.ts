// `proofsheet doctor`: looks at settings and machine as a start would need them, and says what to do about what is amiss. Changes
// nothing.
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { checkConfig } from '../cli/check-config.js';
import { bytesText, columns, mayColour, print } from '../cli/output.js';
import { EXIT } from '../cli/usage.js';
import { ConfigError } from '../config/config-error.js';
import { loadConfig } from '../config/load-config.js';
import type { Config } from '../config/schema.js';
import { drawsText } from '../convert/text-check.js';
import { openSharedTier } from '../open-storage.js';
import { systemClock } from '../telemetry/clock.js';
import { createLogger } from '../telemetry/logger.js';
import { ProcessMetrics } from '../telemetry/metrics.js';

export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failure';
  /** What was seen. */
  readonly what: string;
  /** What to do; of what is not ok. */
  readonly advice?: string;
}

type Check = (config: Config) => Finding | Promise<Finding | readonly Finding[]>;

/** Sockets, files and converters of a busy server. */
const FEW_FILES = 8_192;
const LITTLE_DISK = 2 ** 30;
const LITTLE_MEMORY = 512 * 2 ** 20;
const CONNECT_MS = 2_000;
/** Files whose bytes are added up. */
const MOST_COUNTED = 200_000;
/** Leases and what expires are told by the clocks of nodes; their margins are of seconds. */
const MOST_OFFSET_MS = 1_000;
const COLOURS = { ok: 32, warning: 33, failure: 31 } as const;

/** Types whose decoders are packages of their own. */
const DECODERS: Readonly<Record<string, string>> = {
  heic: 'libheif-js',
  pdf: '@hyzyla/pdfium',
  jxl: '@jsquash/jxl',
  jp2: '@cornerstonejs/codec-openjpeg',
};

const CHECKS: Readonly<Record<string, Check>> = {
  'data directory': dataDirectory,
  disk,
  'open files': openFiles,
  processes,
  memory,
  clock,
  fonts,
  decoders,
  'shared tier': sharedTier,
  port,
};

/** Resolves with the exit code: 0, 1 for a failure, 78 for settings that cannot be used. */
export async function doctorCommand({ isJson }: { readonly isJson: boolean }): Promise<number> {
  const findings = await diagnose();
  const colour = mayColour(process.stdout);
  const mark = (state: Finding['state']) => (colour ? `\x1b[${COLOURS[state]}m${state}\x1b[0m` : state);
  const rows = columns(findings.map(({ state, name, what }) => [mark(state), name, what]));
  const lines = rows.flatMap((row, at) => {
    const advice = findings[at]?.advice;
    return advice === undefined ? [row] : [row, `         ${advice}`];
  });
  print(isJson, { findings }, lines);
  if (findings.some(({ name, state }) => name === 'settings' && state === 'failure')) return EXIT.config;
  return findings.some(({ state }) => state === 'failure') ? EXIT.incomplete : 0;
}

export async function diagnose(): Promise<readonly Finding[]> {
  try {
    const { warnings } = checkConfig();
    const config = loadConfig();
    const settings: Finding =
      warnings.length === 0
        ? { name: 'settings', state: 'ok', what: 'can be used' }
        : {
            name: 'settings',
            state: 'warning',
            what: warnings.join('; '),
            advice: 'proofsheet check-config names them',
          };
    const checked = Object.entries(CHECKS).map(async ([name, check]): Promise<Finding | readonly Finding[]> => {
      try {
        return await check(config);
      } catch (error) {
        const what = error instanceof Error ? error.message : String(error);
        return { name, state: 'failure', what, advice: 'a server would meet the same' };
      }
    });
    return [settings, ...(await Promise.all(checked)).flat()];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [
      { name: 'settings', state: 'failure', what: error.report, advice: 'proofsheet check-config says the same' },
    ];
  }
}

function dataDirectory({ storage: { dataDir } }: Config): Finding {
  const at = nearest(dataDir);
  try {
    accessSync(at, constants.W_OK | constants.X_OK);
    return { name: 'data directory', state: 'ok', what: `${dataDir} can be written` };
  } catch {
    const advice = 'give it to the user of the server, or name another by PROOFSHEET_DATA_DIR';
    return { name: 'data directory', state: 'failure', what: `${dataDir} cannot be written`, advice };
  }
}

/** Whether it has room for what the cache may have, beside what it has already. */
async function disk({ storage: { dataDir, diskMaxBytes, diskMinFreeBytes } }: Config): Promise<Finding> {
  const { bavail, blocks, bsize, ffree, files } = statfsSync(nearest(dataDir));
  const free = bavail * bsize;
  const what = `${bytesText(free)} free of ${bytesText(blocks * bsize)}`;
  const warning = (more: string, advice: string): Finding => ({
    ...{ name: 'disk', state: 'warning', what: `${what}${more}`, advice },
  });
  if (files > 0 && ffree < files / 100) return warning(', but hardly a file', 'use a file system with more inodes');
  const kept = Math.min(diskMinFreeBytes, (blocks * bsize) / 20);
  if (free < kept)
    return warning(
      `, less than the ${bytesText(kept)} that are to stay free: the cache gives way`,
      'free some, or lower PROOFSHEET_DISK_MIN_FREE_BYTES',
    );
  if (free < LITTLE_DISK) return warning('', 'free some, or lower PROOFSHEET_DISK_MAX_BYTES');
  const used = await bytesBelow(join(dataDir, 'blobs'));
  if (used + free < diskMaxBytes)
    return warning(
      `, and the cache, which has ${bytesText(used)}, may have ${bytesText(diskMaxBytes)}`,
      'lower PROOFSHEET_DISK_MAX_BYTES, or the disk is full before it evicts',
    );
  return { name: 'disk', state: 'ok', what };
}

/** What blobs take, of the first so many: enough to tell a cache that is full from one that is new. 0 where there are none yet. */
async function bytesBelow(directory: string): Promise<number> {
  const tally = { bytes: 0, files: 0 };
  const add = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      if (tally.files > MOST_COUNTED) return;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await add(path);
      else {
        tally.files++;
        tally.bytes += await stat(path).then(
          ({ size }) => size,
          () => 0,
        );
      }
    }
  };
  await add(directory);
  return tally.bytes;
}

function openFiles(): Finding {
  return limitOf('open files', 'Max open files', FEW_FILES, 'LimitNOFILE= of a unit, ulimit -n of a shell');
}

/** Each converter is a process with threads of its own. */
function processes({ conversion: { converters } }: Config): Finding {
  const least = 64 * (converters + 4);
  return limitOf('processes', 'Max processes', least, 'LimitNPROC= and TasksMax= of a unit, ulimit -u of a shell');
}

function limitOf(name: string, title: string, least: number, how: string): Finding {
  const limits = existsSync('/proc/self/limits') ? readFileSync('/proc/self/limits', 'utf8') : '';
  const soft = new RegExp(`^${title}\\s+(\\d+)`, 'm').exec(limits)?.[1];
  if (soft === undefined) return { name, state: 'ok', what: 'not limited, as far as can be seen' };
  if (Number(soft) >= least) return { name, state: 'ok', what: `${soft} allowed` };
  return { name, state: 'warning', what: `${soft} allowed`, advice: `allow ${least} or more: ${how}` };
}

/** A container may have less than its machine. */
function memory({ conversion: { converters } }: Config): Finding {
  const all = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const what = `${bytesText(all)} for ${converters} converters, on ${availableParallelism()} cores`;
  if (all / converters >= LITTLE_MEMORY) return { name: 'memory', state: 'ok', what };
  return { name: 'memory', state: 'warning', what, advice: 'lower PROOFSHEET_CONVERTERS: each needs some 500 MiB' };
}

/** Signed URLs, leases and dates of answers are told by it. */
function clock(): Finding {
  const youngest = Date.parse('2026-01-01');
  const now = new Date(systemClock.now());
  const what = now.toISOString();
  if (now.getTime() >= youngest) return { name: 'clock', state: 'ok', what };
  return { name: 'clock', state: 'failure', what, advice: 'set it, and keep it set by NTP' };
}

async function fonts({ limits: { sourceTypes } }: Config): Promise<Finding> {
  if (!sourceTypes.includes('svg')) return { name: 'fonts', state: 'ok', what: 'not needed: SVG sources are off' };
  if (await drawsText()) return { name: 'fonts', state: 'ok', what: 'text is drawn' };
  const advice = 'install fontconfig-config, fonts-dejavu-core and fonts-liberation, or what your system calls them';
  return { name: 'fonts', state: 'warning', what: 'text in SVG sources is drawn as empty boxes', advice };
}

function decoders({ limits: { sourceTypes } }: Config): Finding {
  const { resolve: find } = createRequire(import.meta.url);
  const missing = sourceTypes.flatMap((type) => {
    const name = DECODERS[type];
    if (name === undefined) return [];
    try {
      find(name);
      return [];
    } catch (error) {
      // It is there, but has no entry for this way of asking.
      return error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND' ? [name] : [];
    }
  });
  if (missing.length === 0) return { name: 'decoders', state: 'ok', what: `of ${sourceTypes.join(', ')}` };
  return {
    name: 'decoders',
    state: 'failure',
    what: `${missing.join(', ')} missing`,
    advice: `npm install ${missing.join(' ')}`,
  };
}

/** Whether it is there, keeps what it is given, and tells the same time. */
async function sharedTier(config: Config): Promise<readonly Finding[]> {
  const name = 'shared tier';
  const { redisUrl, s3Bucket } = config.shared;
  if (redisUrl === undefined) return [{ name, state: 'ok', what: 'none: this machine stands alone' }];
  const logger = createLogger({ level: 'silent' });
  const startedAt = performance.now();
  const shared = await openSharedTier(config, redisUrl, { clock: systemClock, logger, metrics: new ProcessMetrics() });
  try {
    const { redis } = shared;
    const refusal = redis.refusal();
    if (redis.state() === 'down' || refusal !== undefined)
      return [
        {
          ...{ name, state: 'failure', what: refusal ?? 'Redis does not answer' },
          advice:
            'see that it runs and can be reached from here, and that PROOFSHEET_REDIS_URL, _USER and _PASSWORD are its own',
        },
      ];
    const what = `answered within ${Math.round(performance.now() - startedAt)} ms`;
    return [
      { name, state: 'ok', what },
      policyFinding(await redis.evictionPolicy(), s3Bucket !== undefined),
      clockFinding(await redis.clockOffsetMs()),
    ];
  } finally {
    await shared.blobs.close();
    await shared.redis.close();
  }
}

/** Records have no end, blobs have: a server that evicts any key loses records that still name blobs. */
function policyFinding(policy: string | undefined, hasBucket: boolean): Finding {
  const name = 'Redis eviction';
  if (policy === undefined)
    return {
      ...{ name, state: 'warning', what: 'the server does not tell its maxmemory-policy' },
      advice: 'see to it that it is volatile-lru or noeviction',
    };
  if (!policy.startsWith('allkeys-')) return { name, state: 'ok', what: policy };
  const lost = hasBucket ? 'records' : 'records and originals';
  return {
    ...{ name, state: 'warning', what: `${policy}: ${lost} are taken away when memory is short` },
    advice: 'set maxmemory-policy to volatile-lru or noeviction',
  };
}

function clockFinding(offsetMs: number | undefined): Finding {
  const name = 'clock beside Redis';
  if (offsetMs === undefined) return { name, state: 'ok', what: 'not told' };
  const what = `${Math.abs(offsetMs)} ms ${offsetMs < 0 ? 'behind' : 'ahead'}`;
  if (Math.abs(offsetMs) <= MOST_OFFSET_MS) return { name, state: 'ok', what };
  return { name, state: 'warning', what, advice: 'keep the clocks of all nodes and of Redis set by NTP' };
}

async function port({ server: { port: number } }: Config): Promise<Finding> {
  const isTaken = await new Promise<boolean>((done) => {
    const socket = connect(number, '127.0.0.1');
    socket.setTimeout(CONNECT_MS, () => socket.destroy());
    socket.once('connect', () => {
      done(true);
      socket.destroy();
    });
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
  });
  return { name: 'port', state: 'ok', what: isTaken ? `${number}: a server listens` : `${number} is free` };
}

/** The directory, or what of its path there is. */
function nearest(directory: string): string {
  for (let path = resolve(directory); ; path = dirname(path))
    if (existsSync(path) || path === dirname(path)) return path;
}
