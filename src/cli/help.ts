// What the commands of `proofsheet` are, in words for people (`proofsheet help`).
import { type CommandName, formOf, isCommand } from './command-table.js';

export const USAGE = `usage: proofsheet [command]

  serve                        start the server (the default)
  check-config [--print] [--json]
                               tell whether a server would start with this configuration; 78 if not. --print: every setting
                               as it stands, and the file or variable that it is from; no secret
  doctor [--json]              look at settings, disk, limits, clock, fonts, decoders, shared tier; advice where something is amiss
  hash-password [--json]       read a password from standard input and print its hash for PROOFSHEET_ADMIN_PASSWORD
  sign-url PATH [options]      print the signed form of a read such as /getImage/KEY/auto:800x800
      --context TEXT           the context of the image key (default: none)
      --expires-in SECONDS     how long the URL is valid (default: 3600)
      --match exact            sign for the very format (see PROOFSHEET_EXACT)
      --kid ID                 the key to sign with (default: the first of PROOFSHEET_URL_KEYS)
  copy-to-shared [options]     copy the cache of this machine to the shared tier of PROOFSHEET_REDIS_URL
      --from DIR               the data directory to copy (default: PROOFSHEET_DATA_DIR)
      --concurrency N          sources copied at the same time, 1 to 64 (default: 8)
  import --from FILE --tenant NAME
                               import the URLs of a list, one a line, into the library of a tenant; given again, it goes on
  backup --to DIR              copy the library, which may be in use, to a directory; only what is not there yet
  restore --from DIR           put a backup into PROOFSHEET_DATA_DIR, which must have no library
  verify [--json]              read PROOFSHEET_DATA_DIR as a whole, which may be in use, and name what is damaged or missing
  verify --from DIR            the same of a backup of the library
  tiles FILE --out DIR | FILE.szi
                               cut a picture into the tiles of a Deep Zoom Image, without a server
      --page N                 the page of a document or TIFF (default: 1)

  all of these but serve take --json: one JSON text instead of lines

talking to a server:

  status                       what it says of itself
  put FILE... | -              store sources; what it knows already is not sent. A pattern that names no file is expanded, as shells do
                               by *, ? and ** (folders of any depth)
      --key TEXT               the image key of one source (default: the SHA-256 of its bytes)
  warm FOLDER | LIST           store all of a folder, or of a list of files and URLs, a line each
      --done FILE              note there what is done, and leave it out next time
      --report FILE            write there what became of each, as a line of JSON
  get KEY FORMAT [-o FILE]     fetch the preview that fits best
  inspect KEY [FORMAT...] [--data-dir DIR]
                               show source and previews, and which of them answers what, and why
  keys [--data-dir DIR]        list image keys
  clear KEY... | --all [--data-dir DIR]
                               forget keys, or with --context TEXT alone a context, or everything; with --data-dir a data directory is
                               looked at or cleared in place of a server, which may be using it

  purge KEY | --prefix TEXT | --content SHA256 | --context TEXT
                               take down, at once and everywhere, and print the receipt; 1 while somebody has to follow yet
      --reason TEXT            why; it is in the receipt
      --block [--until TIME]   keep what was taken down from coming back
      -o FILE                  write the signed receipt there
  receipt ID [-o FILE]         the receipt of a takedown, as it is by now
  verify-receipt FILE          whether a receipt was signed by this server, or by --key FILE, and what it says
  block SHA256 --reason TEXT   keep a source from coming back, with --until TIME until then
  unblock SHA256               let it come back
  tombstones                   list what is blocked

  plan                         what today's target formats and pipeline would make of what is stored, and drop
  apply                        make it at idle priority, or go on with it, and watch; what was there serves meanwhile
      --rate N                 sources a minute at most, 0 for no limit
      --detach                 do not watch
      --status | --pause | --stop
                               tell how far it is, pause it, or end it

  with --url URL               the server with its base path (default: the one of this configuration)
      --context TEXT           the context (default: none)
      --token-file FILE        a file with an API token
      --user, --password-file  name (default: admin) and a file with the password of the admin, for keys, clear and what follows it
      --json                   one JSON text instead of lines; put prints one a line. What went wrong is JSON, too, on standard error

  completion bash|zsh|fish     print what the shell completes
  help [COMMAND], --help       print this text, or what it says of one command

exit codes: 0 done, 1 not done or not all, 64 wrong usage, 65 a list cannot be used, 66 a file cannot be read or written, 69 no server
answers, 73 the data directory cannot be used, 75 refused for now, 77 not permitted, 78 the configuration cannot be used,
130 interrupted, 141 nobody reads the output any more
`;

/** The lines of one command, with what stands indented below them; `undefined` where there is no such command. */
export function helpOf(command: string): string | undefined {
  if (!isCommand(command)) return undefined;
  const lines = USAGE.split('\n');
  // A command may have several forms.
  const own = lines.flatMap((line, at) =>
    new RegExp(`^ {2}${command}(?![\\w-])`).test(line) ? [line, ...indentedBelow(lines, at)] : [],
  );
  return [...own, ...sharedLines(lines, command), ''].join('\n');
}

function indentedBelow(lines: readonly string[], at: number): readonly string[] {
  const more = lines.slice(at + 1).findIndex((line) => !/^ {4}/.test(line));
  return lines.slice(at + 1, more < 0 ? undefined : at + 1 + more);
}

/** What all that talk to a server take, and all that do not. */
function sharedLines(lines: readonly string[], command: CommandName): readonly string[] {
  const { values, flags } = formOf(command);
  const beginning = values.includes('url') ? /^ {2}with --url/ : /^ {2}all of these .* --json/;
  if (!values.includes('url') && !flags.includes('json')) return [];
  const from = lines.findIndex((line) => beginning.test(line));
  return ['', ...lines.slice(from, from + 1), ...indentedBelow(lines, from)];
}
