#!/usr/bin/env node
// The `proofsheet` command: which subcommand, with which options; what each does lies elsewhere. Without one it serves.
import { createInterface } from 'node:readline/promises';
import { checkConfig, checkText } from './cli/check-config.js';
import { COMMANDS, type CommandName, isCommand } from './cli/command-table.js';
import { completion } from './cli/completion.js';
import { endOf } from './cli/connection.js';
import { helpOf, USAGE } from './cli/help.js';
import { clear, get, inspect, keys, status } from './cli/look.js';
import { print } from './cli/output.js';
import { put, warm } from './cli/put.js';
import { apply, plan } from './cli/reconcile.js';
import { block, purge, receipt, tombstones, unblock, verifyReceipt } from './cli/takedown.js';
import { CommandFailure, EXIT, type Given, noneBut, optionsOf, UsageError } from './cli/usage.js';
import { ConfigError } from './config/config-error.js';
import { loadConfig } from './config/load-config.js';
import { hashPassword } from './http/access/passwords.js';
import { signedPath } from './http/access/signed-url.js';
import { parseContext } from './kernel/image-key.js';
import { DataDirError } from './stores/embedded/storage-errors.js';

/** Resolves with the exit code; of a server that was started, with none. */
type Command = (args: readonly string[]) => Promise<number | undefined>;

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

/** What is loaded only when it is asked for is a command's own program. */
const RUNNERS: Readonly<Record<CommandName, Command>> = {
  serve: async (args) => {
    if (args.length > 0) throw new UsageError('serve takes no arguments: settings come from files and the environment');
    await import('./main.js');
    return undefined;
  },
  'check-config': async (args) => {
    const given = settingsOnly('check-config', args);
    const check = checkConfig(given.flags.has('print'));
    print(isJson(given), check, [checkText(check)]);
    return 0;
  },
  'hash-password': async (args) => {
    const given = optionsOf('hash-password', args);
    noneBut(given, 'hash-password', 'no arguments: a password there could be seen by others');
    const hash = await hashPassword(await passwordFromInput());
    print(isJson(given), { hash }, [hash]);
    return 0;
  },
  'sign-url': signUrl,
  'copy-to-shared': copy,
  import: importUrls,
  backup: (args) => copyLibrary('backup', 'to', args),
  restore: (args) => copyLibrary('restore', 'from', args),
  verify: (args) =>
    args.some((arg) => arg.startsWith('--from')) ? copyLibrary('verify', 'from', args) : verifyData(args),
  doctor: async (args) => {
    const given = settingsOnly('doctor', args);
    const { doctorCommand } = await import('./commands/doctor.js');
    return doctorCommand({ isJson: isJson(given) });
  },
  tiles,
  status,
  put,
  warm,
  get,
  inspect: ofDirectoryOr(inspect, 'inspectDirectory'),
  keys: ofDirectoryOr(keys, 'keysOfDirectory'),
  clear: ofDirectoryOr(clear, 'clearDirectory'),
  purge,
  receipt,
  'verify-receipt': verifyReceipt,
  block,
  unblock,
  tombstones,
  plan,
  apply,
  completion: async (args) => {
    const given = optionsOf('completion', args);
    const [shell, ...more] = given.positionals;
    const script = completion(more.length > 0 ? undefined : shell);
    print(isJson(given), { shell, script }, [script.trimEnd()]);
    return 0;
  },
  help: async (args) => help(args),
};

await run(process.argv.slice(2));

async function run(argv: readonly string[]): Promise<void> {
  const [given = 'serve', ...args] = argv;
  const name = given === '--help' || given === '-h' ? 'help' : given;
  // A server's log has its own way with readers that go; a command has nobody left to tell.
  if (name !== 'serve') process.stdout.on('error', gone);
  try {
    if (!isCommand(name)) throw new UsageError(`there is no command ${JSON.stringify(name)}`);
    const code = args.includes('--help') ? help([name]) : await RUNNERS[name](args);
    if (code !== undefined) process.exitCode = code;
  } catch (error) {
    const { code, message, report = `proofsheet: ${message}\n` } = wayToEnd(error, name);
    process.stderr.write(args.includes('--json') ? `${JSON.stringify({ error: message, exit: code })}\n` : report);
    process.exitCode = code;
  }
}

/** `head` has seen enough. */
function gone(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(EXIT.unread);
  process.stderr.write(`proofsheet: ${error.message}\n`);
  process.exit(EXIT.noInput);
}

/** Throws what is a fault of ours. */
function wayToEnd(error: unknown, name: string): { code: number; message: string; report?: string } {
  if (error instanceof ConfigError) return { code: EXIT.config, message: error.report, report: `${error.report}\n` };
  if (error instanceof UsageError) {
    const usage = isCommand(name) ? `usage: proofsheet ${name} ...\n\n${helpOf(name)}` : USAGE;
    return { code: EXIT.usage, message: error.message, report: `proofsheet: ${error.message}\n\n${usage}` };
  }
  if (error instanceof CommandFailure) return error;
  if (error instanceof DataDirError) return { code: EXIT.dataDir, message: error.message };
  const end = endOf(error);
  if (end === undefined) throw error;
  return end;
}

/** `help` lists all commands; `help COMMAND`, or `COMMAND --help`, tells of one. */
function help(args: readonly string[]): number {
  const given = optionsOf('help', args);
  const [command, ...more] = given.positionals;
  if (more.length > 0) throw new UsageError('help takes one command');
  const text = command === undefined ? USAGE : helpOf(command);
  if (text === undefined) throw new UsageError(`there is no command ${JSON.stringify(command)}`);
  print(isJson(given), { commands: COMMANDS, exitCodes: EXIT, text }, [text.trimEnd()]);
  return 0;
}

function isJson({ flags }: Given): boolean {
  return flags.has('json');
}

function settingsOnly(name: 'check-config' | 'doctor' | 'verify', args: readonly string[]): Given {
  const given = optionsOf(name, args);
  noneBut(given, name, 'options only: settings come from files and the environment');
  return given;
}

async function verifyData(args: readonly string[]): Promise<number> {
  const given = settingsOnly('verify', args);
  const { verifyCommand } = await import('./commands/verify.js');
  return verifyCommand({ isJson: isJson(given) });
}

async function tiles(args: readonly string[]): Promise<number> {
  const given = optionsOf('tiles', args);
  const [file, ...more] = given.positionals;
  const { out, page = '1' } = given.values;
  if (file === undefined || more.length > 0 || out === undefined)
    throw new UsageError('tiles takes one file and --out DIR or --out FILE.szi');
  if (!/^[1-9]\d{0,5}$/.test(page)) throw new UsageError('--page takes a number from 1');
  const { tilesCommand } = await import('./commands/tiles.js');
  return tilesCommand({ file, out, page: Number(page), isJson: isJson(given) });
}

async function signUrl(args: readonly string[]): Promise<number> {
  const given = optionsOf('sign-url', args);
  const { values, positionals } = given;
  const [path, ...more] = positionals;
  if (path === undefined || more.length > 0 || !path.startsWith('/'))
    throw new UsageError('sign-url takes one path that starts with / and an operation, without the base path');
  const segments = decoded(path.slice(1));
  const { operationsOf } = await import('./http/dialects/image-converter/operations.js');
  // What a signature opens there; deep zoom takes a token.
  const signable = Object.values(operationsOf({ strictFormats: false })).filter(
    ({ opensTo }) => opensTo === 'token-or-signature',
  );
  if (!signable.some(({ name }) => name === segments[0]))
    throw new UsageError(
      `sign-url takes a path that begins with one of ${signable.map(({ name }) => name).join(', ')}: a signature opens no other read`,
    );
  if (segments.includes('.') || segments.includes('..'))
    throw new UsageError('sign-url takes a path without . and ..: no URL can have them');
  const seconds = Number(values['expires-in'] ?? '3600');
  if (!Number.isSafeInteger(seconds) || seconds < 1)
    throw new UsageError('--expires-in takes whole seconds, 1 or more');
  if (values.match !== undefined && values.match !== 'exact') throw new UsageError('--match takes exact');
  const keys = loadConfig().access.urlKeys ?? [];
  const key = values.kid === undefined ? keys[0] : keys.find(({ id }) => id === values.kid);
  if (key === undefined) throw new UsageError('PROOFSHEET_URL_KEYS has no such key to sign with');
  const expires = Math.floor(Date.now() / 1_000) + seconds;
  const target = {
    path: segments,
    context: parseContext(values.context),
    expires,
    isExact: values.match === 'exact',
  };
  const signed = `${loadConfig().server.basePath}${signedPath(target, key)}`;
  print(isJson(given), { path: signed, expires }, [signed]);
  return 0;
}

function decoded(path: string): string[] {
  try {
    return path.split('/').map(decodeURIComponent);
  } catch {
    throw new UsageError('sign-url takes a path whose percent signs begin encoded bytes of UTF-8');
  }
}

async function copy(args: readonly string[]): Promise<number> {
  const given = optionsOf('copy-to-shared', args);
  noneBut(given, 'copy-to-shared');
  const { from, concurrency: text = '8' } = given.values;
  const concurrency = Number(text);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 64)
    throw new UsageError('--concurrency takes a whole number, 1 to 64');
  const { copyCommand } = await import('./commands/copy.js');
  return copyCommand({ concurrency, isJson: isJson(given), ...(from !== undefined && { from }) });
}

async function importUrls(args: readonly string[]): Promise<number> {
  const given = optionsOf('import', args);
  const { from, tenant } = given.values;
  if (from === undefined || tenant === undefined || given.positionals.length > 0)
    throw new UsageError('import takes --from FILE and --tenant NAME');
  const { importCommand } = await import('./commands/library.js');
  return importCommand({ from, tenant, isJson: isJson(given) });
}

async function copyLibrary(
  name: 'backup' | 'restore' | 'verify',
  option: 'from' | 'to',
  args: readonly string[],
): Promise<number> {
  const given = optionsOf(name, args);
  const dir = given.values[option];
  if (dir === undefined || given.positionals.length > 0) throw new UsageError(`${name} takes --${option} DIR`);
  const { backupCommand, restoreCommand, verifyCommand } = await import('./commands/library.js');
  const commands = { backup: backupCommand, restore: restoreCommand, verify: verifyCommand };
  return commands[name](dir, isJson(given));
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
