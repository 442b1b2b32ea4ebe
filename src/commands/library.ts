// `proofsheet import`, `backup` and `restore`: the library from the command line, beside a server that runs or without one.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { print } from '../cli/output.js';
import { Progress } from '../cli/progress.js';
import { CommandFailure, EXIT } from '../cli/usage.js';
import { compose } from '../compose.js';
import { ConfigError } from '../config/config-error.js';
import { loadConfig } from '../config/load-config.js';
import type { Config } from '../config/schema.js';
import { readTenants } from '../config/tenants-file.js';
import type { ImportId } from '../kernel/library/ids.js';
import type { ImportItem, WantedItem } from '../kernel/library/import-job.js';
import { isCalled, type Tenant } from '../kernel/library/tenant.js';
import { parseSourceUrl } from '../kernel/source-url.js';
import type { LibraryUse } from '../library/answers.js';
import { openEmbeddedStore } from '../stores/embedded/embedded-store.js';
import { backUp, type Copied, restore, verify } from '../stores/embedded/library/backup.js';
import { BackupBusy } from '../stores/embedded/library/backup-lock.js';
import { systemClock } from '../telemetry/clock.js';
import { createLogger } from '../telemetry/logger.js';
import { ProcessMetrics } from '../telemetry/metrics.js';

const LOOK_MS = 500;
/** In a worker's place: more of those there never are. */
const COMMAND_INDEX = 9_999;
const DRAIN_MS = 20_000;
const MAX_LIST_BYTES = 256 * 2 ** 20;
/** Contexts that are named to a person; JSON has all. */
const MOST_LISTED = 20;

export interface ImportArguments {
  /** A file with a URL a line, and behind a tab its title; empty lines and those that begin with # are passed over. */
  readonly from: string;
  /** A tenant's id or name. */
  readonly tenant: string;
  readonly isJson: boolean;
}

interface NotImported {
  readonly line: number;
  readonly why: string;
}

interface Line {
  readonly number: number;
  readonly item: WantedItem;
}

/**
 * Imports every URL of the list, and tells what was not imported and why. Given the same list again, it goes on where it was
 * interrupted. A server on the same data directory shares the work. Resolves with the exit code.
 */
export async function importCommand({ from, tenant: name, isJson }: ImportArguments): Promise<number> {
  const config = loadConfig();
  if (config.library.tenants === undefined)
    throw new ConfigError([
      { key: 'library.tenants', env: 'PROOFSHEET_TENANTS', what: 'expected a tenants file, got nothing' },
    ]);
  const text = await readFile(from, 'utf8');
  if (Buffer.byteLength(text) > MAX_LIST_BYTES) throw refused(`${from} is larger than ${MAX_LIST_BYTES} bytes`);
  const { lines, faults } = linesOf(text);
  if (faults.length > 0 || lines.length === 0)
    throw refused(faults.length > 0 ? faults.join('\n') : `${from} holds no URL`);
  const logger = createLogger({ level: 'silent' });
  // Shared: a server may run on the same directory, and the jobs of other tenants are its own: it may know what we do not.
  // Over Redis a node's cache belongs to one process, and this one is none of the node's workers.
  const workerIndex = config.shared.redisUrl === undefined ? 0 : COMMAND_INDEX;
  const app = await compose(config, logger, { shared: true, workerIndex, onlyTenant: name });
  try {
    const tenant = app.library?.tenants.list().find((known) => isCalled(known, name));
    if (app.library === undefined || tenant === undefined) throw refused(`there is no tenant ${JSON.stringify(name)}`);
    const list = { lines, digest: createHash('sha256').update(text).digest('hex') };
    return await runImports(config, app.library, tenant, list, isJson);
  } finally {
    await app.close(DRAIN_MS);
  }
}

async function runImports(
  config: Config,
  { library }: LibraryUse,
  tenant: Tenant,
  { lines, digest: list }: { readonly lines: readonly Line[]; readonly digest: string },
  isJson: boolean,
): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const progress = new Progress(process.stderr, lines.length);
  const failed: NotImported[] = [];
  let done = 0;
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
      return EXIT.later;
    }
    const { id } = accepted.job;
    while (
      !(await isOver(library, tenant, id, (ended) => progress.update(done + ended, `${failed.length} not imported`)))
    ) {
      if (!(await pause(interrupted.signal))) {
        process.stderr.write('\ninterrupted; the same command goes on where this one stopped\n');
        return EXIT.interrupted;
      }
    }
    done += batch.length;
    const items = (await library.importStatus(tenant.context, id))?.items ?? [];
    for (const item of items.filter(({ state }) => state === 'failed' || state === 'cancelled')) {
      const told = { line: batch[item.index]?.number ?? 0, why: whyNot(item) };
      failed.push(told);
      if (!isJson) process.stdout.write(`line ${told.line}: ${told.why}\n`);
    }
  }
  progress.end();
  const imported = lines.length - failed.length;
  if (isJson) print(true, { tenant: tenant.id, wanted: lines.length, imported, failed }, []);
  else process.stderr.write(`${imported} of ${lines.length} images are in the library of ${tenant.id}\n`);
  return failed.length === 0 ? 0 : EXIT.incomplete;
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

function refused(why: string): CommandFailure {
  return new CommandFailure(EXIT.badList, why);
}

/** Copies the library to the directory, while servers use it. Resolves with the exit code. */
export async function backupCommand(to: string, isJson: boolean): Promise<number> {
  return copying('backed up', isJson, (dataDir, progress) => backUp(dataDir, to, progress));
}

/** Puts a backup into the data directory, which must have no library. Resolves with the exit code. */
export async function restoreCommand(from: string, isJson: boolean): Promise<number> {
  return copying('restored', isJson, (dataDir, progress) => restore(from, dataDir, progress));
}

/** Reads a backup as a whole, and names what is damaged or missing in it. Resolves with the exit code. */
export async function verifyCommand(from: string, isJson: boolean): Promise<number> {
  const { originals, damaged } = await verify(from, shown('originals read')).catch(refusedFor);
  return told({ originals, damaged }, `${originals - damaged.length} of ${originals} originals are whole`, isJson);
}

/** Throws it as a command ends: what another process has in hand can be tried again. */
function refusedFor(error: unknown): never {
  throw error instanceof BackupBusy ? new CommandFailure(EXIT.later, error.message) : error;
}

/** Counts on a terminal, where somebody waits. */
function shown(what: string): (count: number) => void {
  return (count) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${count} ${what}`);
  };
}

/** The verdict, and the name of each original that is damaged or missing. The exit code. */
function told<Found extends { readonly damaged: readonly string[] }>(
  found: Found,
  verdict: string,
  isJson: boolean,
): number {
  if (process.stderr.isTTY) process.stderr.write('\r');
  if (!isJson) process.stderr.write(`${verdict}\n`);
  print(
    isJson,
    found,
    found.damaged.map((digest) => `damaged or missing: ${digest}`),
  );
  return found.damaged.length === 0 ? 0 : EXIT.incomplete;
}

/** Of the contexts those that no tenant of the file has; `undefined` without a file, or with one that nobody can use: a start tells that. */
async function withoutTenant(contexts: readonly string[], file: string | undefined) {
  try {
    if (file === undefined) return undefined;
    const known = new Set<string>(
      readTenants(await readFile(file, 'utf8'), file).tenants.map(({ context }) => context),
    );
    return contexts.filter((context) => !known.has(context));
  } catch {
    return undefined;
  }
}

function listed(contexts: readonly string[]): string {
  if (contexts.length === 0) return '';
  const more = contexts.length > MOST_LISTED ? ` and ${contexts.length - MOST_LISTED} more` : '';
  const names = contexts.slice(0, MOST_LISTED).map((context) => JSON.stringify(context));
  return ` the ${contexts.length === 1 ? 'context' : 'contexts'} ${names.join(', ')}${more}`;
}

async function copying(
  what: 'backed up' | 'restored',
  isJson: boolean,
  copy: (dataDir: string, progress: (copied: number) => void) => Promise<Copied>,
): Promise<number> {
  const { storage, shared, library } = loadConfig();
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
    const found = await copy(dataDir, shown('originals copied')).catch(refusedFor);
    const { originals, copied, removed, contexts, tombstones, damaged } = found;
    const gone = removed > 0 ? `; ${removed} that were erased since are removed` : '';
    const blocked = tombstones === undefined ? 'it tells of no blocked contents' : `${tombstones} contents blocked`;
    const verdict = `${what}: ${originals} originals, ${copied} of them copied now${gone}; ${blocked}${contexts.length > 0 ? `; it has${listed(contexts)}` : ''}`;
    const without = what === 'restored' ? await withoutTenant(contexts, library.tenants) : undefined;
    const warning = without?.length ? `\nno tenant in PROOFSHEET_TENANTS has${listed(without)}: nobody sees it` : '';
    return told(
      { originals, copied, removed, contexts, tombstones: tombstones ?? null, damaged, withoutTenant: without },
      `${verdict}${warning}`,
      isJson,
    );
  } finally {
    await store.close();
  }
}
