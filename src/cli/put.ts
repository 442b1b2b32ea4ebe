// `proofsheet put` and `warm`: files, folders and lists of URLs into a running server. What it knows already is not sent.
import { appendFile, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from './connection.js';
import { connectionOf, endOf } from './connection.js';
import { expanded, isPattern } from './patterns.js';
import { Progress } from './progress.js';
import { EXIT, optionsOf, UsageError } from './usage.js';

const AT_ONCE = 4;
/** Of a source: it is read into memory. */
const MOST_BYTES = 512 * 2 ** 20;
const FETCH_MS = 60_000;

/** Where a source is: a file, a URL, or standard input. */
type Place = string;

interface Outcome {
  readonly from: Place;
  readonly key?: string;
  readonly isUploaded?: boolean;
  readonly error?: string;
}

interface Counts {
  stored: number;
  known: number;
  failed: number;
}

/** `put FILE... | -`, with patterns too: prints a line for each. Resolves with the exit code. */
export async function put(args: readonly string[]): Promise<number> {
  const given = optionsOf('put', args);
  const { key } = given.values;
  if (given.positionals.length === 0) throw new UsageError('put takes files, or - for standard input');
  const places = await expanded(given.positionals);
  if (key !== undefined && places.length > 1) throw new UsageError('--key names one source, got several');
  const isJson = given.flags.has('json');
  const connection = await connectionOf(given);
  const told = { end: () => undefined, isJson };
  return store(connection, places, key, told, (outcome) => {
    if (isJson) process.stdout.write(`${JSON.stringify(outcome)}\n`);
    else if (outcome.error === undefined)
      process.stdout.write(`${outcome.key}\t${outcome.isUploaded ? 'stored' : 'known'}\t${outcome.from}\n`);
  });
}

/** `warm FOLDER | LIST`: all files of a folder, or all of a list of files and URLs, a line each; with a summary at the end. */
export async function warm(args: readonly string[]): Promise<number> {
  const given = optionsOf('warm', args);
  const [from, ...more] = given.positionals;
  if (from === undefined || more.length > 0) throw new UsageError('warm takes a folder, or a list of files and URLs');
  const { done, report } = given.values;
  const connection = await connectionOf(given);
  const finished = new Set(done === undefined ? [] : await linesDone(done));
  const places = ((await stat(from)).isDirectory() ? await filesBelow(from) : await linesOf(from)).filter(
    (place) => !finished.has(place),
  );
  const counts: Counts = { stored: 0, known: 0, failed: 0 };
  const progress = new Progress(process.stderr, places.length);
  const told = { end: () => progress.end(), isJson: given.flags.has('json') };
  const code = await store(connection, places, undefined, told, async (outcome) => {
    counts[outcome.error !== undefined ? 'failed' : outcome.isUploaded ? 'stored' : 'known']++;
    progress.update(counts.stored + counts.known + counts.failed, `${counts.failed} failed`);
    if (report !== undefined) await appendFile(report, `${JSON.stringify(outcome)}\n`);
    if (done !== undefined && outcome.error === undefined) await appendFile(done, `${outcome.from}\n`);
  });
  progress.end();
  const { stored, known, failed } = counts;
  process.stdout.write(
    given.flags.has('json')
      ? `${JSON.stringify({ ...counts, before: finished.size })}\n`
      : `${stored} stored, ${known} known before, ${failed} failed\n`,
  );
  return code;
}

/** `end`: takes away what stands where a failure is told. */
interface Telling extends Pick<Progress, 'end'> {
  readonly isJson: boolean;
}

/** Several at a time. What fails is told; no answer at all, or no permission, ends it: the rest would fail alike. */
async function store(
  { client, context }: Connection,
  places: readonly Place[],
  key: string | undefined,
  told: Telling,
  onOutcome: (outcome: Outcome) => void | Promise<void>,
): Promise<number> {
  let [next, code] = [0, 0];
  const isHopeless = () => code === EXIT.unavailable || code === EXIT.noPermission;
  const one = async (from: Place): Promise<void> => {
    try {
      const stored = await client.put(await sourceAt(from), { ...context, ...(key !== undefined && { key }) });
      await onOutcome({ from, ...stored });
    } catch (error) {
      const end = endOf(error);
      if (end === undefined) throw error;
      const exit = isFatal(end.code) ? end.code : EXIT.incomplete;
      if (!isHopeless()) code = exit;
      told.end();
      const failure = { from, error: end.message, exit };
      process.stderr.write(told.isJson ? `${JSON.stringify(failure)}\n` : `${from}: ${end.message}\n`);
      await onOutcome({ from, error: end.message });
    }
  };
  const worker = async (): Promise<void> => {
    for (let from = places[next++]; from !== undefined && !isHopeless(); from = places[next++]) await one(from);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return code;
}

function isFatal(code: number): boolean {
  return code === EXIT.unavailable || code === EXIT.noPermission || code === EXIT.noInput;
}

async function sourceAt(place: Place): Promise<Blob> {
  if (place === '-') {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of process.stdin) {
      bytes += (chunk as Buffer).length;
      if (bytes > MOST_BYTES) throw unreadable('-', 'it is too large');
      chunks.push(chunk as Buffer);
    }
    return new Blob([new Uint8Array(Buffer.concat(chunks))]);
  }
  if (/^https?:\/\//.test(place)) return fetched(place);
  const found = await stat(place).catch((error: unknown) => {
    throw isPattern(place) && isNotThere(error) ? unreadable(place, 'no file matches it') : error;
  });
  if (!found.isFile())
    throw unreadable(place, found.isDirectory() ? 'it is a folder: warm takes those' : 'it is no file');
  if (found.size > MOST_BYTES) throw unreadable(place, 'it is too large');
  return new Blob([new Uint8Array(await readFile(place))]);
}

async function fetched(url: string): Promise<Blob> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(FETCH_MS) });
    if (!answer.ok) throw unreadable(url, `it was answered with status ${answer.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of answer.body ?? []) {
      bytes += (chunk as Uint8Array).length;
      if (bytes > MOST_BYTES) throw unreadable(url, 'it is too large');
      chunks.push(chunk as Uint8Array);
    }
    return new Blob(chunks as BlobPart[]);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw error;
    // Of the origin, which is not the server that this command talks to.
    throw unreadable(url, 'it was not answered');
  }
}

/** As the file system tells of a file. */
function unreadable(path: string, why: string): Error {
  return Object.assign(new Error(why), { syscall: 'fetch', path });
}

/** Of a list: empty lines and those that begin with # are passed over. */
async function linesOf(path: string): Promise<string[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

/** None yet where there is no such file. */
async function linesDone(path: string): Promise<string[]> {
  try {
    return await linesOf(path);
  } catch (error) {
    if (isNotThere(error)) return [];
    throw error;
  }
}

function isNotThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** In the order of their names; hidden ones are left out. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const visible = entries.filter(({ name }) => !name.startsWith('.')).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const found = await Promise.all(
    visible.map(async (entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : [];
    }),
  );
  return found.flat();
}
