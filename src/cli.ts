#!/usr/bin/env node
// The `proofsheet` command: which subcommand, with which options; what each does lies elsewhere. Without one it serves.
import { createInterface } from 'node:readline/promises';
import { checkConfig, checkText } from './cli/check-config.js';
import { completion } from './cli/completion.js';
import { endOf } from './cli/connection.js';
import { helpOf, OPTIONS, USAGE } from './cli/help.js';
import { clear, get, inspect, keys, status } from './cli/look.js';
import { put, warm } from './cli/put.js';
import { apply, plan } from './cli/reconcile.js';
import { block, purge, receipt, tombstones, unblock, verifyReceipt } from './cli/takedown.js';
import { EXIT, optionsOf, UsageError } from './cli/usage.js';
import { CONFIG_EXIT_CODE, ConfigError } from './config/config-error.js';
import { loadConfig } from './config/load-config.js';
import { hashPassword } from './http/access/passwords.js';
import { signedPath } from './http/access/signed-url.js';
import { parseContext } from './kernel/image-key.js';
import { DataDirError } from './stores/embedded/storage-errors.js';

/** EX_CANTCREAT of BSD's sysexits.h: the data directory, or what is in it, cannot be used. */
const DATA_EXIT_CODE = 73;

type Command = (args: readonly string[]) => Promise<void>;

/** Of commands that end with a code of their own. */
const ending =
  (command: (args: readonly string[]) => Promise<number>): Command =>
  async (args) => {
    process.exitCode = await command(args);
  };

/** With `--data-dir` the command is done on a directory; what that takes is loaded only then. */
function ofDirectoryOr(
  command: (args: readonly string[]) => Promise<number>,
  name: 'inspectDirectory' | 'keysOfDirectory' | 'clearDirectory',
): (args: readonly string[]) => Promise<number> {
  return async (args) => {
    if (!args.some((arg) => arg === '--data-dir' || arg.startsWith('--data-dir='))) return command(args);
    return (await import('./commands/data-directory.js'))[name](args);
  };
}

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: async (args) => {
    if (args.length > 0) throw new UsageError('serve takes no arguments: settings come from files and the environment');
    await import('./main.js');
  },
  'check-config': async (args) => {
    const prints = args.includes('--print');
    const isJson = onlyJson(
      'check-config',
      args.filter((arg) => arg !== '--print'),
    );
    const check = checkConfig(prints);
    process.stdout.write(`${isJson ? JSON.stringify(check) : checkText(check)}\n`);
  },
  'hash-password': async (args) => {
    if (args.length > 0)
      throw new UsageError('hash-password takes no arguments: a password there could be seen by others');
    process.stdout.write(`${await hashPassword(await passwordFromInput())}\n`);
  },
  'sign-url': signUrl,
  'copy-to-shared': copy,
  import: importUrls,
  backup: (args) => copyLibrary('backup', 'to', args),
  restore: (args) => copyLibrary('restore', 'from', args),
  verify: (args) =>
    args.some((arg) => arg.startsWith('--from')) ? copyLibrary('verify', 'from', args) : verifyData(args),
  doctor: async (args) => {
    const isJson = onlyJson('doctor', args);
    const { doctorCommand } = await import('./commands/doctor.js');
    process.exitCode = await doctorCommand({ isJson });
  },
  tiles: ending(tiles),
  status: ending(status),
  put: ending(put),
  warm: ending(warm),
  get: ending(get),
  inspect: ending(ofDirectoryOr(inspect, 'inspectDirectory')),
  keys: ending(ofDirectoryOr(keys, 'keysOfDirectory')),
  clear: ending(ofDirectoryOr(clear, 'clearDirectory')),
  purge: ending(purge),
  receipt: ending(receipt),
  'verify-receipt': ending(verifyReceipt),
  block: ending(block),
  unblock: ending(unblock),
  tombstones: ending(tombstones),
  plan: ending(plan),
  apply: ending(apply),
  completion: async ([shell]) => {
    process.stdout.write(completion(shell, OPTIONS));
  },
};

await run(process.argv.slice(2));

async function run(argv: readonly string[]): Promise<void> {
  const [name = 'serve', ...args] = argv;
  if (name === 'help' || name === '--help' || name === '-h') return help(args);
  if (args.includes('--help') && Object.hasOwn(COMMANDS, name)) return help([name]);
  try {
    const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (command === undefined) throw new UsageError(`there is no command ${JSON.stringify(name)}`);
    await command(args);
  } catch (error) {
    if (error instanceof ConfigError) {
      process.stderr.write(`${error.report}\n`);
      process.exitCode = CONFIG_EXIT_CODE;
    } else if (error instanceof UsageError) {
      process.stderr.write(`proofsheet: ${error.message}\n\n${USAGE}`);
      process.exitCode = EXIT.usage;
    } else if (error instanceof DataDirError) {
      process.stderr.write(`proofsheet: ${error.message}\n`);
      process.exitCode = DATA_EXIT_CODE;
    } else {
      const end = endOf(error);
      if (end === undefined) throw error;
      process.stderr.write(`proofsheet: ${end.message}\n`);
      process.exitCode = end.code;
    }
  }
}

/** `help` lists all commands; `help COMMAND`, or `COMMAND --help`, tells of one. */
function help([command]: readonly string[]): void {
  const text = command === undefined ? USAGE : helpOf(command);
  if (text !== undefined) process.stdout.write(text);
  else {
    process.stderr.write(`proofsheet: there is no command ${JSON.stringify(command)}\n\n${USAGE}`);
    process.exitCode = EXIT.usage;
  }
}

function onlyJson(name: string, args: readonly string[]): boolean {
  const [option, ...more] = args;
  if (more.length > 0 || (option !== undefined && option !== '--json'))
    throw new UsageError(`${name} takes --json at most: settings come from files and the environment`);
  return option === '--json';
}

async function verifyData(args: readonly string[]): Promise<void> {
  const isJson = onlyJson('verify', args);
  const { verifyCommand } = await import('./commands/verify.js');
  process.exitCode = await verifyCommand({ isJson });
}

async function tiles(args: readonly string[]): Promise<number> {
  const { values, positionals } = optionsOf(args, ['out', 'page']);
  const [file, ...more] = positionals;
  const { out, page = '1' } = values;
  if (file === undefined || more.length > 0 || out === undefined)
    throw new UsageError('tiles takes one file and --out DIR or --out FILE.szi');
  if (!/^[1-9]\d{0,5}$/.test(page)) throw new UsageError('--page takes a number from 1');
  const { tilesCommand } = await import('./commands/tiles.js');
  return tilesCommand({ file, out, page: Number(page) });
}

async function signUrl(args: readonly string[]): Promise<void> {
  const { values, positionals } = optionsOf(args, ['context', 'expires-in', 'kid', 'match']);
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0 || !path.startsWith('/'))
    throw new UsageError('sign-url takes one path that starts with / and an operation, without the base path');
  const seconds = Number(values['expires-in'] ?? '3600');
  if (!Number.isSafeInteger(seconds) || seconds < 1)
    throw new UsageError('--expires-in takes whole seconds, 1 or more');
  if (values.match !== undefined && values.match !== 'exact') throw new UsageError('--match takes exact');
  const keys = loadConfig().access.urlKeys ?? [];
  const key = values.kid === undefined ? keys[0] : keys.find(({ id }) => id === values.kid);
  if (key === undefined) throw new UsageError('PROOFSHEET_URL_KEYS has no such key to sign with');
  const target = {
    path: path.slice(1).split('/').map(decodeURIComponent),
    context: parseContext(values.context),
    expires: Math.floor(Date.now() / 1_000) + seconds,
    isExact: values.match === 'exact',
  };
  process.stdout.write(`${loadConfig().server.basePath}${signedPath(target, key)}\n`);
}

async function copy(args: readonly string[]): Promise<void> {
  const { values, positionals } = optionsOf(args, ['from', 'concurrency']);
  if (positionals.length > 0) throw new UsageError('copy-to-shared takes options only');
  const concurrency = Number(values.concurrency ?? '8');
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 64)
    throw new UsageError('--concurrency takes a whole number, 1 to 64');
  const { copyCommand } = await import('./commands/copy.js');
  process.exitCode = await copyCommand({ concurrency, ...(values.from !== undefined && { from: values.from }) });
}

async function importUrls(args: readonly string[]): Promise<void> {
  const { values, positionals } = optionsOf(args, ['from', 'tenant']);
  const { from, tenant } = values;
  if (from === undefined || tenant === undefined || positionals.length > 0)
    throw new UsageError('import takes --from FILE and --tenant NAME');
  const { importCommand } = await import('./commands/library.js');
  process.exitCode = await importCommand({ from, tenant });
}

async function copyLibrary(
  name: 'backup' | 'restore' | 'verify',
  option: 'from' | 'to',
  args: readonly string[],
): Promise<void> {
  const { values, positionals } = optionsOf(args, [option]);
  const dir = values[option];
  if (dir === undefined || positionals.length > 0) throw new UsageError(`${name} takes --${option} DIR`);
  const { backupCommand, restoreCommand, verifyCommand } = await import('./commands/library.js');
  const commands = { backup: backupCommand, restore: restoreCommand, verify: verifyCommand };
  process.exitCode = await commands[name](dir);
}

/** The first line of standard input; asked for by name where a person types it. */
async function passwordFromInput(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Password: ');
  const lines = createInterface({ input: process.stdin, terminal: false });
  try {
    for await (const line of lines) if (line !== '') return line;
  } finally {
    lines.close();
  }
  throw new UsageError('hash-password expects a password as the first line of standard input, got none');
}
