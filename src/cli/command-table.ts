// The commands of `proofsheet` and their options, in one place: what each takes when it is given, what shells complete, and what help has to
// tell of. Pure.

export interface CommandForm {
  /** Options that take a value, without the dashes. */
  readonly values: readonly string[];
  readonly flags: readonly string[];
}

/** Options of every command that talks to a server. */
export const SERVER_OPTIONS = ['url', 'context', 'token-file', 'user', 'password-file'] as const;

const json = { values: [], flags: ['json'] } as const;
const ofServer = (values: readonly string[] = [], flags: readonly string[] = []): CommandForm => ({
  values: [...SERVER_OPTIONS, ...values],
  flags: [...flags, 'json'],
});

export const COMMANDS = {
  serve: { values: [], flags: [] },
  'check-config': { values: [], flags: ['print', 'json'] },
  doctor: json,
  'hash-password': json,
  'sign-url': { values: ['context', 'expires-in', 'kid', 'match'], flags: ['json'] },
  'copy-to-shared': { values: ['from', 'concurrency'], flags: ['json'] },
  import: { values: ['from', 'tenant'], flags: ['json'] },
  backup: { values: ['to'], flags: ['json'] },
  restore: { values: ['from'], flags: ['json'] },
  verify: { values: ['from'], flags: ['json'] },
  tiles: { values: ['out', 'page'], flags: ['json'] },
  status: ofServer(),
  put: ofServer(['key']),
  warm: ofServer(['done', 'report']),
  get: ofServer(['output']),
  inspect: ofServer(['data-dir']),
  keys: ofServer(['data-dir']),
  clear: ofServer(['data-dir'], ['all']),
  purge: ofServer(['prefix', 'content', 'reason', 'until', 'output'], ['block']),
  receipt: ofServer(['output']),
  'verify-receipt': ofServer(['key']),
  block: ofServer(['reason', 'until']),
  unblock: ofServer(),
  tombstones: ofServer(),
  plan: ofServer(),
  apply: ofServer(['rate'], ['detach', 'status', 'pause', 'stop']),
  completion: json,
  help: json,
} as const satisfies Record<string, CommandForm>;

export type CommandName = keyof typeof COMMANDS;

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}

export function formOf(name: CommandName): CommandForm {
  return COMMANDS[name];
}

/** Those of a command, its flags too. */
export function optionsNamed(name: CommandName): readonly string[] {
  const { values, flags } = formOf(name);
  return [...values, ...flags];
}
