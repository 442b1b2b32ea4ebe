#!/usr/bin/env node
// The `proofsheet` command: which subcommand, with which options; what each does lies elsewhere. Without one it serves.
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { checkConfig, checkText } from './cli/check-config.js';
import { CONFIG_EXIT_CODE, ConfigError } from './config/config-error.js';
import { loadConfig } from './config/load-config.js';
import { hashPassword } from './http/access/passwords.js';
import { signedPath } from './http/access/signed-url.js';
import { parseContext } from './kernel/image-key.js';
import { DataDirError } from './stores/embedded/storage-errors.js';

/** Of BSD's sysexits.h: the command was used wrongly. */
const USAGE_EXIT_CODE = 64;
/** EX_CANTCREAT: the data directory, or what is in it, cannot be used. */
const DATA_EXIT_CODE = 73;

const USAGE = `usage: proofsheet [command]

  serve                        start the server (the default)
  check-config [--json]        tell whether a server would start with this configuration; 78 if not
  hash-password                read a password from standard input and print its hash for PROOFSHEET_ADMIN_PASSWORD
  sign-url PATH [options]      print the signed form of a read such as /getImage/KEY/auto:800x800
      --context TEXT           the context of the image key (default: none)
      --expires-in SECONDS     how long the URL is valid (default: 3600)
      --kid ID                 the key to sign with (default: the first of PROOFSHEET_URL_KEYS)
  copy-to-shared [options]     copy the cache of this machine to the shared tier of PROOFSHEET_REDIS_URL
      --from DIR               the data directory to copy (default: PROOFSHEET_DATA_DIR)
      --concurrency N          sources copied at the same time, 1 to 64 (default: 8)
  import --from FILE --tenant NAME
                               import the URLs of a list, one a line, into the library of a tenant; given again, it goes on
  backup --to DIR              copy the library, which may be in use, to a directory; only what is not there yet
  restore --from DIR           put a backup into PROOFSHEET_DATA_DIR, which must have no library
  verify --from DIR            read a backup as a whole and name what is damaged in it
  help, --help                 print this text
`;

/** The wrong use of a command; its message is followed by the usage. */
class UsageError extends Error {}

interface Parsed {
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly positionals: readonly string[];
}

type Command = (args: readonly string[]) => Promise<void>;

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: async (args) => {
    if (args.length > 0) throw new UsageError('serve takes no arguments: settings come from files and the environment');
    await import('./main.js');
  },
  'check-config': async (args) => {
    const [option, ...more] = args;
    if (more.length > 0 || (option !== undefined && option !== '--json'))
      throw new UsageError('check-config takes --json at most: settings come from files and the environment');
    const check = checkConfig();
    process.stdout.write(`${option === '--json' ? JSON.stringify(check) : checkText(check)}\n`);
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
  verify: (args) => copyLibrary('verify', 'from', args),
};

await run(process.argv.slice(2));

async function run(argv: readonly string[]): Promise<void> {
  const [name = 'serve', ...args] = argv;
  if (name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(USAGE);
    return;
  }
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
      process.exitCode = USAGE_EXIT_CODE;
    } else if (error instanceof DataDirError) {
      process.stderr.write(`proofsheet: ${error.message}\n`);
      process.exitCode = DATA_EXIT_CODE;
    } else {
      throw error;
    }
  }
}

async function signUrl(args: readonly string[]): Promise<void> {
  const { values, positionals } = optionsOf(args, ['context', 'expires-in', 'kid']);
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0 || !path.startsWith('/'))
    throw new UsageError('sign-url takes one path that starts with / and an operation, without the base path');
  const seconds = Number(values['expires-in'] ?? '3600');
  if (!Number.isSafeInteger(seconds) || seconds < 1)
    throw new UsageError('--expires-in takes whole seconds, 1 or more');
  const keys = loadConfig().access.urlKeys ?? [];
  const key = values.kid === undefined ? keys[0] : keys.find(({ id }) => id === values.kid);
  if (key === undefined) throw new UsageError('PROOFSHEET_URL_KEYS has no such key to sign with');
  const target = {
    path: path.slice(1).split('/').map(decodeURIComponent),
    context: parseContext(values.context),
    expires: Math.floor(Date.now() / 1_000) + seconds,
  };
  process.stdout.write(`${loadConfig().server.basePath}${signedPath(target, key)}\n`);
}

async function copy(args: readonly string[]): Promise<void> {
  const { values, positionals } = optionsOf(args, ['from', 'concurrency']);
  if (positionals.length > 0) throw new UsageError('copy-to-shared takes options only');
  const concurrency = Number(values.concurrency ?? '8');
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 64)
    throw new UsageError('--concurrency takes a whole number, 1 to 64');
  const { copyCommand } = await import('./copy-command.js');
  process.exitCode = await copyCommand({ concurrency, ...(values.from !== undefined && { from: values.from }) });
}

async function importUrls(args: readonly string[]): Promise<void> {
  const { values, positionals } = optionsOf(args, ['from', 'tenant']);
  const { from, tenant } = values;
  if (from === undefined || tenant === undefined || positionals.length > 0)
    throw new UsageError('import takes --from FILE and --tenant NAME');
  const { importCommand } = await import('./library-commands.js');
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
  const { backupCommand, restoreCommand, verifyCommand } = await import('./library-commands.js');
  const commands = { backup: backupCommand, restore: restoreCommand, verify: verifyCommand };
  process.exitCode = await commands[name](dir);
}

function optionsOf(args: readonly string[], names: readonly string[]): Parsed {
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
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
