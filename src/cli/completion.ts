// `proofsheet completion SHELL`: what a shell completes, made from the names of the commands and their options.
import { UsageError } from './usage.js';

/** Options of each command, without the dashes. */
export type CommandOptions = Readonly<Record<string, readonly string[]>>;

const SHELLS = {
  bash: (commands) => `_proofsheet() {
  local word=\${COMP_WORDS[COMP_CWORD]} options
  case $COMP_CWORD in 1) COMPREPLY=($(compgen -W "${Object.keys(commands).join(' ')}" -- "$word")); return;; esac
  case \${COMP_WORDS[1]} in
${eachCommand(commands, (name, options) => `    ${name}) options="${options.join(' ')}";;`)}
  esac
  case $word in -*) COMPREPLY=($(compgen -W "$options" -- "$word"));; *) COMPREPLY=($(compgen -f -- "$word"));; esac
}
complete -o filenames -F _proofsheet proofsheet
`,
  zsh: (commands) => `#compdef proofsheet
if ((CURRENT == 2)); then compadd ${Object.keys(commands).join(' ')}; return; fi
case $words[2] in
${eachCommand(commands, (name, options) => `  ${name}) [[ $PREFIX == -* ]] && compadd -- ${options.join(' ')} || _files;;`)}
esac
`,
  fish: (commands) =>
    [
      `complete -c proofsheet -n __fish_use_subcommand -f -a '${Object.keys(commands).join(' ')}'`,
      ...Object.entries(commands).flatMap(([name, options]) =>
        options.map((option) => `complete -c proofsheet -n '__fish_seen_subcommand_from ${name}' -l ${option}`),
      ),
      '',
    ].join('\n'),
} as const satisfies Record<string, (commands: CommandOptions) => string>;

/** Throws `UsageError` for a shell that is none of these. */
export function completion(shell: string | undefined, commands: CommandOptions): string {
  if (shell === undefined || !Object.hasOwn(SHELLS, shell))
    throw new UsageError(`completion takes one of ${Object.keys(SHELLS).join(', ')}`);
  return SHELLS[shell as keyof typeof SHELLS](commands);
}

function eachCommand(commands: CommandOptions, line: (name: string, options: readonly string[]) => string): string {
  return Object.entries(commands)
    .map(([name, options]) => line(name, options.length === 0 ? ['--help'] : options.map((option) => `--${option}`)))
    .join('\n');
}
