// `proofsheet completion SHELL`: what a shell completes, made from the table of commands and their options.
import { COMMANDS, type CommandName, formOf, optionsNamed } from './command-table.js';
import { UsageError } from './usage.js';

const NAMES = Object.keys(COMMANDS) as readonly CommandName[];

const SHELLS = {
  bash: () => `_proofsheet() {
  local word=\${COMP_WORDS[COMP_CWORD]} options
  case $COMP_CWORD in 1) COMPREPLY=($(compgen -W "${NAMES.join(' ')}" -- "$word")); return;; esac
  case \${COMP_WORDS[1]} in
    help) COMPREPLY=($(compgen -W "${NAMES.join(' ')}" -- "$word")); return;;
    completion) COMPREPLY=($(compgen -W "${shellNames()}" -- "$word")); return;;
${eachCommand((name, options) => `    ${name}) options="${options.join(' ')}";;`)}
  esac
  case $word in -*) COMPREPLY=($(compgen -W "$options" -- "$word"));; *) COMPREPLY=($(compgen -f -- "$word"));; esac
}
complete -o filenames -F _proofsheet proofsheet
`,
  zsh: () => `#compdef proofsheet
_proofsheet() {
  if ((CURRENT == 2)); then compadd -- ${NAMES.join(' ')}; return; fi
  case $words[2] in
    help) compadd -- ${NAMES.join(' ')};;
    completion) compadd -- ${shellNames()};;
${eachCommand((name, options) => `    ${name}) [[ $PREFIX == -* ]] && compadd -- ${options.join(' ')} || _files;;`)}
  esac
}
# As a file of $fpath it is called, and read by eval it tells the shell.
if [[ $funcstack[1] == _proofsheet ]]; then _proofsheet "$@"; else compdef _proofsheet proofsheet; fi
`,
  fish: () =>
    [
      `complete -c proofsheet -n __fish_use_subcommand -f -a '${NAMES.join(' ')}'`,
      `complete -c proofsheet -n '__fish_seen_subcommand_from help' -f -a '${NAMES.join(' ')}'`,
      `complete -c proofsheet -n '__fish_seen_subcommand_from completion' -f -a '${shellNames()}'`,
      ...NAMES.flatMap((name) =>
        optionsNamed(name).map(
          (option) =>
            `complete -c proofsheet -n '__fish_seen_subcommand_from ${name}' -l ${option}${formOf(name).values.includes(option) ? ' -r' : ''}`,
        ),
      ),
      '',
    ].join('\n'),
} as const satisfies Record<string, () => string>;

/** Throws `UsageError` for a shell that is none of these. */
export function completion(shell: string | undefined): string {
  if (shell === undefined || !Object.hasOwn(SHELLS, shell))
    throw new UsageError(`completion takes one of ${Object.keys(SHELLS).join(', ')}`);
  return SHELLS[shell as keyof typeof SHELLS]();
}

function shellNames(): string {
  return Object.keys(SHELLS).join(' ');
}

/** Of those that take anything by themselves. */
function eachCommand(line: (name: CommandName, options: readonly string[]) => string): string {
  return NAMES.filter((name) => name !== 'help' && name !== 'completion')
    .map((name) =>
      line(
        name,
        [...optionsNamed(name), 'help'].map((option) => `--${option}`),
      ),
    )
    .join('\n');
}
