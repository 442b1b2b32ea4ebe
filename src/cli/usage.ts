// What is wrong with how a command was given, the ways in which commands end, and the reading of their options.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type CommandName, formOf } from './command-table.js';

/** The wrong use of a command; its message is followed by the usage. */
export class UsageError extends Error {}

/** How commands end beside 0, after BSD's sysexits.h; docs/OPERATIONS.md lists them. */
export const EXIT = {
  /** Something of what was asked for was not done, or is not there; what it was is told. */
  incomplete: 1,
  usage: 64,
  /** EX_DATAERR: a list cannot be used. */
  badList: 65,
  /** EX_NOINPUT: a file cannot be read or written. */
  noInput: 66,
  /** EX_UNAVAILABLE: no server answers there. */
  unavailable: 69,
  /** EX_CANTCREAT: the data directory, or what is in it, cannot be used. */
  dataDir: 73,
  /** EX_TEMPFAIL: refused for now. */
  later: 75,
  /** EX_NOPERM: the server wants another token, name or password. */
  noPermission: 77,
  /** EX_CONFIG: the configuration cannot be used. */
  config: 78,
  /** 128 and the number of SIGINT. */
  interrupted: 130,
  /** 128 and the number of SIGPIPE: who read the output has gone. */
  unread: 141,
} as const;

/** A command that ends with `code`, one of `EXIT`, and says why. */
export class CommandFailure extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

export interface Given {
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly flags: ReadonlySet<string>;
  readonly positionals: readonly string[];
}

/** Throws `UsageError` for options that are none of the command's, and for whatever is given as an empty text. */
export function optionsOf(command: CommandName, args: readonly string[]): Given {
  const { values: names, flags } = formOf(command);
  try {
    const options = Object.fromEntries([
      ...names.map((name) => [name, { type: 'string' as const }] as const),
      ...flags.map((name) => [name, { type: 'boolean' as const }] as const),
    ]);
    const parsed = parseArgs({
      args: args.map((arg) => (arg === '-o' ? '--output' : arg)),
      allowPositionals: true,
      options,
    });
    const values: Readonly<Record<string, unknown>> = { ...parsed.values };
    const texts = Object.entries(values).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
    checkFilled(texts, parsed.positionals);
    return {
      values: Object.fromEntries(texts),
      flags: new Set(Object.keys(values).filter((name) => values[name] === true)),
      positionals: parsed.positionals,
    };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** An empty text is a variable that nobody has set. To a server an empty context narrows nothing: `clear --context ""` would take all. */
function checkFilled(values: readonly (readonly [string, string])[], positionals: readonly string[]): void {
  const empty = values.find(([, value]) => value === '')?.[0];
  if (empty !== undefined)
    throw new UsageError(`expected a value of --${empty}, got an empty text; leave --${empty} out if you mean none`);
  if (positionals.includes('')) throw new UsageError('expected no empty argument, got one');
}

/** Throws `UsageError` for anything that is no option. */
export function noneBut({ positionals }: Given, command: CommandName, what = 'options only'): void {
  if (positionals.length > 0) throw new UsageError(`${command} takes ${what}`);
}

/** The first line of a file with a secret: on the command line others could see it. */
export async function secretOf(path: string): Promise<string> {
  const [line = ''] = (await readFile(path, 'utf8')).split('\n');
  return line.trim();
}
