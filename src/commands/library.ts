// `proofsheet import`, `backup` and `restore`: the library from the command line, beside a server that runs or without one.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Progress } from '../cli/progress.js';
import { compose } from '../compose.js';
import { ConfigError } from '../config/config-error.js';
import { loadConfig } from '../config/load-config.js';
import type { Config } from '../config/schema.js';
import type { ImportId } from '../kernel/library/ids.js';
import type { ImportItem, WantedItem } from '../kernel/library/import-job.js';
import { isCalled, type Tenant } from '../kernel/library/tenant.js';
import { parseSourceUrl } from '../kernel/source-url.js';
import type { LibraryUse } from '../library/answers.js';
import { openEmbeddedStore } from '../stores/embedded/embedded-store.js';
import { backUp, type Copied, restore, verify } from '../stores/embedded/library/backup.js';
import { systemClock } from '../telemetry/clock.js';
import { createLogger } from '../telemetry/logger.js';
import { ProcessMetrics } from '../telemetry/metrics.js';

/** Something was not imported, or not copied: what it was is told. */
const INCOMPLETE_EXIT_CODE = 1;
/** EX_DATAERR of BSD's sysexits.h: the list cannot be used. */
const BAD_LIST_EXIT_CODE = 65;
/** EX_TEMPFAIL: what was refused now may be taken later. */
const LATER_EXIT_CODE = 75;
/** 128 and the number of SIGINT, as shells have it. */
const INTERRUPTED_EXIT_CODE = 130;
const LOOK_MS = 500;
/** In a worker's place: more of those there never are. */
const COMMAND_INDEX = 9_999;
const DRAIN_MS = 20_000;
const MAX_LIST_BYTES = 256 * 2 ** 20;

export interface ImportArguments {
  /** A file with a URL a line, and behind a tab its title; empty lines and those that begin with # are passed over. */
  readonly from: string;
  /** A tenant's id or name. */
  readonly tenant: string;
}

interface Line {
  readonly number: number;
  readonly item: WantedItem;
}

/**
 * Imports every URL of the list, and tells what was not imported and why. Given the same list again, it goes on where it was
 * interrupted. A server on the same data directory shares the work. Resolves with the exit code.
 */
export async function importCommand({ from, tenant: name }: ImportArguments): Promise<number> {
  const config = loadConfig();
  if (config.library.tenants === undefined)
    throw new ConfigError([
      { key: 'library.tenants', env: 'PROOFSHEET_TENANTS', what: 'expected a tenants file, got nothing' },
    ]);
  const text = await readFile(from, 'utf8');
  if (Buffer.byteLength(text) > MAX_LIST_BYTES) return refused(`${from} is larger than ${MAX_LIST_BYTES} bytes`);
  const { lines, faults } = linesOf(text);
  if (faults.length > 0 || lines.length === 0)
    return refused(faults.length > 0 ? faults.join('\n') : `${from} holds no URL`);
  const logger = createLogger({ level: 'silent' });
  // Shared: a server may run on the same directory, and the jobs of other tenants are its own: it may know what we do not.
  // Over Redis a node's cache belongs to one process, and this one is none of the node's workers.
  const workerIndex = config.shared.redisUrl === undefined ? 0 : COMMAND_INDEX;
  const app = await compose(config, logger, { shared: true, workerIndex, onlyTenant: name });
  try {
    const tenant = app.library?.tenants.list().find((known) => isCalled(known, name));
    if (app.library === undefined || tenant === undefined) return refused(`there is no tenant ${JSON.stringify(name)}`);
    return await runImports(config, app.library, tenant, lines, createHash('sha256').update(text).digest('hex'));
  } finally {
    await app.close(DRAIN_MS);
  }
}

async function runImports(
  config: Config,
  { library }: LibraryUse,
  tenant: Tenant,
  lines: readonly Line[],
  list: string,
): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const progress = new Progress(process.stderr, lines.length, () => systemClock.monotonic(), isPlain());
  let [done, failures] = [0, 0];
  const size = config.library.importMaxItems;
  for (let start = 0; start < lines.length; start += size) {
    const batch = lines.slice(start, start + size);
    const accepted = await library.acceptImport(tenant, {
      dialect: 'command',
      items: batch.map(({ item }) => item),
      // The same list again is the same imports, so that an interrupted command goes on; another tenant's are its own.
      key: `command:${tenant.id}:${list}:${start}`,
    });
    if (accepted.outcome === 'over-quota' || accepted.outcome === 'too-many-open') {
      process.stderr.write(`\n${refusalText(accepted)}; the same command goes on where this one stopped\n`);
      return LATER_EXIT_CODE;
    }
    const { id } = accepted.job;
    while (!(await isOver(library, tenant, id, (ended) => progress.update(done + ended, `${failures} not imported`)))) {
      if (!(await pause(interrupted.signal))) {
        process.stderr.write('\ninterrupted; the same command goes on where this one stopped\n');
        return INTERRUPTED_EXIT_CODE;
      }
    }
    done += batch.length;
    const items = (await library.importStatus(tenant.context, id))?.items ?? [];
    for (const item of items.filter(({ state }) => state === 'failed' || state === 'cancelled')) {
      failures++;
      process.stdout.write(`line ${batch[item.index]?.number ?? 0}: ${whyNot(item)}\n`);
    }
  }
  progress.end();
  process.stderr.write(`${lines.length - failures} of ${lines.length} images are in the library of ${tenant.id}\n`);
  return failures === 0 ? 0 : INCOMPLETE_EXIT_CODE;
}

async function isOver(
  library: LibraryUse['library'],
  tenant: Tenant,
  id: ImportId,
  tell: (ended: number) => void,
): Promise<boolean> {
  const job = await library.findImport(tenant.context, id);
  if (job === undefined) return true;
  tell(Object.values(job.ended).reduce((sum, count) => sum + count, 0));
  return job.finishedAt !== undefined;
}

/** `false` when it was interrupted. */
async function pause(signal: AbortSignal): Promise<boolean> {
  return sleep(LOOK_MS, true, { signal }).catch(() => false);
}

/** Without the query of the URL, which may hold secrets. */
function whyNot({ url, reason }: ImportItem): string {
  const { origin, pathname } = new URL(url);
  const status = reason?.status === undefined ? '' : ` (HTTP ${reason.status})`;
  return `${origin}${pathname}: ${reason?.code ?? 'cancelled'}${status}${reason?.message ? `: ${reason.message}` : ''}`;
}

function refusalText(refused: { readonly outcome: 'over-quota' | 'too-many-open' }): string {
  return refused.outcome === 'over-quota'
    ? 'the quota of the tenant is used up'
    : 'too many imports of the tenant are open';
}

function linesOf(text: string): { readonly lines: readonly Line[]; readonly faults: readonly string[] } {
  const [lines, faults]: [Line[], string[]] = [[], []];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [given = '', title = ''] = line.split('\t', 2).map((part) => part.trim());
    // Which ports may be asked, the fetcher knows.
    const url = parseSourceUrl(given, () => true);
    if (typeof url === 'string')
      faults.push(`line ${index + 1}: expected a URL of http or https, got another text (${url})`);
    else
      lines.push({
        number: index + 1,
        item: { url: url.href, reference: { system: 'url', externalId: url.href }, title: title || nameOf(url) },
      });
  }
  return { lines, faults };
}

function nameOf(url: URL): string {
  return url.pathname.split('/').at(-1)?.slice(0, 200) || url.hostname;
}

function refused(why: string): number {
  process.stderr.write(`proofsheet: ${why}\n`);
  return BAD_LIST_EXIT_CODE;
}

/** Copies the library to the directory, while servers use it. Resolves with the exit code. */
export async function backupCommand(to: string): Promise<number> {
  return copying('backed up', (dataDir, progress) => backUp(dataDir, to, progress));
}

/** Puts a backup into the data directory, which must have no library. Resolves with the exit code. */
export async function restoreCommand(from: string): Promise<number> {
  return copying('restored', (dataDir, progress) => restore(from, dataDir, progress));
}

/** Reads a backup as a whole, and names what is damaged or missing in it. Resolves with the exit code. */
export async function verifyCommand(from: string): Promise<number> {
  const { originals, damaged } = await verify(from, (count) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${count} originals read`);
  });
  process.stderr.write(
    `${process.stderr.isTTY ? '\r' : ''}${originals - damaged.length} of ${originals} originals are whole\n`,
  );
  return told(damaged);
}

/** Names what is damaged or missing. The exit code. */
function told(damaged: readonly string[]): number {
  for (const digest of damaged) process.stdout.write(`damaged or missing: ${digest}\n`);
  return damaged.length === 0 ? 0 : INCOMPLETE_EXIT_CODE;
}

async function copying(
  what: string,
  copy: (dataDir: string, progress: (copied: number) => void) => Promise<Copied>,
): Promise<number> {
  const { storage, shared } = loadConfig();
  if (shared.redisUrl !== undefined)
    throw new ConfigError([
      {
        key: 'shared.redisUrl',
        env: 'PROOFSHEET_REDIS_URL',
        what: 'expected none, since the library of many machines is backed up where it lies (docs/CLUSTER.md), got a URL',
      },
    ]);
  const { dataDir } = storage;
  const logger = createLogger({ level: 'silent' });
  // Opened for its lock: only processes that see each other may have the library open at the same time.
  const store = await openEmbeddedStore({ clock: systemClock, logger, metrics: new ProcessMetrics(), dataDir });
  try {
    const { originals, copied, removed, damaged } = await copy(dataDir, (count) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${count} originals copied`);
    });
    process.stderr.write(
      `${process.stderr.isTTY ? '\r' : ''}${what}: ${originals} originals, ${copied} of them copied now${removed > 0 ? `; ${removed} that were erased since are removed` : ''}\n`,
    );
    return told(damaged);
  } finally {
    await store.close();
  }
}

function isPlain(): boolean {
  return (process.env.NO_COLOR ?? '') !== '';
}
