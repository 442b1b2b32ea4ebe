// `proofsheet doctor`: looks at settings and machine as a start would need them, and says what to do about what is amiss. Changes
// nothing.
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { checkConfig } from '../cli/check-config.js';
import { bytesText, columns, mayColour, print } from '../cli/output.js';
import { EXIT } from '../cli/usage.js';
import { CONFIG_EXIT_CODE, ConfigError } from '../config/config-error.js';
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

type Check = (config: Config) => Finding | Promise<Finding>;

/** Sockets, files and converters of a busy server. */
const FEW_FILES = 8_192;
const LITTLE_DISK = 2 ** 30;
const LITTLE_MEMORY = 512 * 2 ** 20;
const CONNECT_MS = 2_000;
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
  if (findings.some(({ name, state }) => name === 'settings' && state === 'failure')) return CONFIG_EXIT_CODE;
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
    const checked = Object.entries(CHECKS).map(async ([name, check]): Promise<Finding> => {
      try {
        return await check(config);
      } catch (error) {
        return { name, state: 'failure', what: error instanceof Error ? error.message : String(error) };
      }
    });
    return [settings, ...(await Promise.all(checked))];
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

function disk({ storage: { dataDir } }: Config): Finding {
  const { bavail, bsize, ffree, files } = statfsSync(nearest(dataDir));
  const free = bavail * bsize;
  const what = `${bytesText(free)} free`;
  if (files > 0 && ffree < files / 100)
    return {
      name: 'disk',
      state: 'warning',
      what: `${what}, but hardly a file`,
      advice: 'use a file system with more inodes',
    };
  if (free >= LITTLE_DISK) return { name: 'disk', state: 'ok', what };
  return { name: 'disk', state: 'warning', what, advice: 'free some, or lower PROOFSHEET_DISK_MAX_BYTES' };
}

function openFiles(): Finding {
  const limits = existsSync('/proc/self/limits') ? readFileSync('/proc/self/limits', 'utf8') : '';
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  if (soft === undefined) return { name: 'open files', state: 'ok', what: 'not limited, as far as can be seen' };
  if (Number(soft) >= FEW_FILES) return { name: 'open files', state: 'ok', what: `${soft} allowed` };
  const advice = `allow ${FEW_FILES} or more: LimitNOFILE= of a unit, ulimit -n of a shell`;
  return { name: 'open files', state: 'warning', what: `${soft} allowed`, advice };
}

function memory(): Finding {
  const cores = availableParallelism();
  const what = `${bytesText(totalmem())} and ${cores} cores`;
  if (totalmem() / cores >= LITTLE_MEMORY) return { name: 'memory', state: 'ok', what };
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

async function sharedTier(config: Config): Promise<Finding> {
  const { redisUrl } = config.shared;
  if (redisUrl === undefined) return { name: 'shared tier', state: 'ok', what: 'none: this machine stands alone' };
  const logger = createLogger({ level: 'silent' });
  const startedAt = performance.now();
  const shared = await openSharedTier(config, redisUrl, { clock: systemClock, logger, metrics: new ProcessMetrics() });
  await shared.blobs.close();
  await shared.redis.close();
  return { name: 'shared tier', state: 'ok', what: `answered within ${Math.round(performance.now() - startedAt)} ms` };
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
