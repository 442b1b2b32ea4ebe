// What the commands of `proofsheet` are, for people (`proofsheet help`) and for shells: their words and their options, in one place.
import type { CommandOptions } from './completion.js';
import { SERVER_OPTIONS } from './connection.js';

/** What shells complete. */
export const OPTIONS: CommandOptions = {
  serve: [],
  'check-config': ['json', 'print'],
  doctor: ['json'],
  'hash-password': [],
  'sign-url': ['context', 'expires-in', 'kid'],
  'copy-to-shared': ['from', 'concurrency'],
  import: ['from', 'tenant'],
  backup: ['to'],
  restore: ['from'],
  verify: ['from', 'json'],
  tiles: ['out', 'page'],
  status: [...SERVER_OPTIONS, 'json'],
  put: [...SERVER_OPTIONS, 'key', 'json'],
  warm: [...SERVER_OPTIONS, 'done', 'report', 'json'],
  get: [...SERVER_OPTIONS, 'output', 'json'],
  inspect: [...SERVER_OPTIONS, 'data-dir', 'json'],
  keys: [...SERVER_OPTIONS, 'data-dir', 'json'],
  clear: [...SERVER_OPTIONS, 'data-dir', 'all', 'json'],
  purge: [...SERVER_OPTIONS, 'prefix', 'content', 'reason', 'block', 'until', 'output', 'json'],
  receipt: [...SERVER_OPTIONS, 'output', 'json'],
  'verify-receipt': [...SERVER_OPTIONS, 'key', 'json'],
  block: [...SERVER_OPTIONS, 'reason', 'until', 'json'],
  unblock: [...SERVER_OPTIONS, 'json'],
  tombstones: [...SERVER_OPTIONS, 'json'],
  plan: [...SERVER_OPTIONS, 'json'],
  apply: [...SERVER_OPTIONS, 'rate', 'detach', 'status', 'pause', 'stop', 'json'],
  completion: [],
  help: [],
};

export const USAGE = `usage: proofsheet [command]

  serve                        start the server (the default)
  check-config [--print] [--json]
                               tell whether a server would start with this configuration; 78 if not. --print: every setting
                               as it stands, and the file or variable that it is from; no secret
  doctor [--json]              look at settings, disk, limits, clock, fonts, decoders, shared tier; advice where something is amiss
  hash-password                read a password from standard input and print its hash for PROOFSHEET_ADMIN_PASSWORD
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

talking to a server:

  status                       what it says of itself
  put FILE... | -              store sources; what it knows already is not sent
      --key TEXT               the image key of one source (default: the SHA-256 of its bytes)
  warm FOLDER | LIST           store all of a folder, or of a list of files and URLs, a line each
      --done FILE              note there what is done, and leave it out next time
      --report FILE            write there what became of each, as a line of JSON
  get KEY FORMAT [-o FILE]     fetch the preview that fits best
  inspect KEY [FORMAT...]      show source and previews, and which of them answers what, and why
  keys                         list image keys
  clear KEY... | --all         forget keys, or with --context TEXT alone a context, or everything
      --data-dir DIR           of inspect, keys and clear: a data directory in place of a server, which may be in use

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
      --json                   one JSON text instead of lines; put prints one a line

  completion bash|zsh|fish     print what the shell completes
  help, --help                 print this text

exit codes: 0 done, 1 not done or not all, 64 wrong usage, 66 a file cannot be read, 69 no server answers, 73 the data directory
cannot be used, 75 refused for now, 77 not permitted, 78 the configuration cannot be used, 130 interrupted
`;

/** The lines of one command, with what stands indented below them; `undefined` where there is no such command. */
export function helpOf(command: string): string | undefined {
  const lines = USAGE.split('\n');
  const from = lines.findIndex((line) => new RegExp(`^ {2}${command.replace(/[^a-z-]/g, '.')}\\b`).test(line));
  if (from < 0) return undefined;
  const more = lines.slice(from + 1).findIndex((line) => !/^ {4}/.test(line));
  const own = lines.slice(from, more < 0 ? undefined : from + 1 + more);
  const shared = (OPTIONS[command] ?? []).includes('url')
    ? lines.slice(lines.findIndex((line) => /^ {2}with --url/.test(line)))
    : [];
  const end = shared.indexOf('');
  return [...own, ...(shared.length > 0 ? ['', ...shared.slice(0, end)] : []), ''].join('\n');
}
