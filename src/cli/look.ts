// `proofsheet status`, `get`, `inspect`, `keys` and `clear`: what a running server has, read and forgotten.
import { writeFile } from 'node:fs/promises';
import { type Metadata, ProofsheetApiError } from '../client/index.js';
import { type Connection, connectionOf } from './connection.js';
import { bytesText, columns, print } from './output.js';
import { EXIT, noneBut, optionsOf, UsageError } from './usage.js';

/** Metrics that `status` shows, without the prefix, and what they are called for people. */
const SHOWN: Readonly<Record<string, string>> = {
  groups: 'image groups',
  tier_bytes: 'stored',
  cache_hits_total: 'hits',
  cache_misses_total: 'misses',
  queue_depth: 'waiting conversions',
  http_requests_in_flight: 'requests now',
};

export async function status(args: readonly string[]): Promise<number> {
  const given = optionsOf('status', args);
  noneBut(given, 'status');
  const { client, url } = await connectionOf(given);
  const readiness = await fetch(new URL('/readyz', url));
  const health = (await readiness.json().catch(() => ({}))) as {
    readonly ready?: boolean;
    readonly draining?: boolean;
    readonly dependencies?: Readonly<Record<string, string>>;
  };
  const keys = await client.keyCount();
  const metrics = await fetch(new URL('/metrics', url));
  const figures = metrics.ok ? figuresOf(await metrics.text()) : {};
  const { ready = readiness.ok, draining = false, dependencies = {} } = health;
  print(given.flags.has('json'), { ready, draining, dependencies, keys, figures }, [
    `${ready ? 'ready' : draining ? 'stopping' : 'not ready'}  ${url}`,
    ...columns([
      ...Object.entries(dependencies),
      ['keys', String(keys)],
      ...Object.entries(figures).map(([name, value]) => [
        SHOWN[name] ?? name,
        name === 'tier_bytes' ? bytesText(value) : String(value),
      ]),
    ]).map((line) => `  ${line}`),
  ]);
  return ready ? 0 : EXIT.incomplete;
}

/** Sums over all labels. */
function figuresOf(text: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [, name = '', value] of text.matchAll(/^proofsheet_(\w+)(?:\{[^}]*\})? ([\d.e+-]+)$/gm))
    if (Object.hasOwn(SHOWN, name)) sums[name] = (sums[name] ?? 0) + Number(value);
  return sums;
}

/** `get KEY FORMAT [-o FILE]`: the preview, to standard output unless named. */
export async function get(args: readonly string[]): Promise<number> {
  const given = optionsOf('get', args);
  const [key, format, ...more] = given.positionals;
  if (key === undefined || format === undefined || more.length > 0)
    throw new UsageError('get takes a key and a format');
  const { output } = given.values;
  if (output === undefined && given.flags.has('json'))
    throw new UsageError('get --json tells of a file: name it by -o');
  if (output === undefined && process.stdout.isTTY) throw new UsageError('get writes a picture: name a file by -o');
  const { client, context } = await connectionOf(given);
  const preview = await client.preview(key, format, context);
  if (!preview.type.startsWith('image/'))
    throw new ProofsheetApiError(200, undefined, 'expected a picture of the server, got something else');
  const bytes = new Uint8Array(await preview.arrayBuffer());
  if (output === undefined) process.stdout.write(bytes);
  else {
    await writeFile(output, bytes);
    print(given.flags.has('json'), { key, format, file: output, type: preview.type, bytes: bytes.length }, [
      `${output}  ${preview.type}  ${bytesText(bytes.length)}`,
    ]);
  }
  return 0;
}

/** `inspect KEY [FORMAT...]`: source, previews, and which of them answers each format, and why. */
export async function inspect(args: readonly string[]): Promise<number> {
  const given = optionsOf('inspect', args);
  const [key, ...formats] = given.positionals;
  if (key === undefined) throw new UsageError('inspect takes a key, and formats if you like');
  const connection = await connectionOf(given);
  const metadata = await connection.client.metadata(key, connection.context);
  const { previews } = metadata.Proofsheet;
  const asked = [...new Set([...previews.flatMap(({ format }) => format), ...formats])];
  const answers = await Promise.all(asked.map((format) => answerTo(connection, key, format)));
  print(given.flags.has('json'), { key, metadata, answers }, [
    ...sourceLines(key, metadata),
    ...answerLines(answers.map(({ asked, status, match }) => [asked, status === 200 ? match : `status ${status}`])),
  ]);
  return 0;
}

interface FormatAnswer {
  readonly asked: string;
  readonly status: number;
  /** As the header has it: relation, target format, size. */
  readonly match: string;
}

async function answerTo({ client, context }: Connection, key: string, format: string): Promise<FormatAnswer> {
  const { status, match } = await client.answerTo(key, format, context);
  return { asked: format, status, match };
}

function sourceLines(key: string, { Header, File, Proofsheet: facts }: Metadata): string[] {
  const { digest, createdAt, source, previews } = facts;
  const about = (tags: Readonly<Record<string, string>>) =>
    Object.entries(tags).map(([name, text]) => [name, text] as const);
  return [
    key,
    ...columns([
      ['digest', digest],
      ['stored', createdAt],
      ['pages', String(source.pages)],
      ['orientation', String(source.orientation)],
      ...about(Header),
      ...about(File),
    ]).map((line) => `  ${line}`),
    `  ${previews.length} previews`,
    ...columns(
      previews.map(({ format, type, width, height, bytes, digest: name }) => [
        type,
        `${width}x${height}`,
        bytesText(bytes),
        name.slice(7, 19),
        format.join(' '),
      ]),
    ).map((line) => `    ${line}`),
  ];
}

/** A format, and by what it is answered. */
export function answerLines(answers: readonly (readonly [asked: string, by: string])[]): string[] {
  return ['  who asks for  is answered by', ...columns(answers).map((line) => `    ${line}`)];
}

/** `keys [--context TEXT]`: one a line. */
export async function keys(args: readonly string[]): Promise<number> {
  const given = optionsOf('keys', args);
  noneBut(given, 'keys');
  const { client, context } = await connectionOf(given);
  const found = await client.keys(context);
  print(given.flags.has('json'), { keys: found }, found);
  return 0;
}

/** `clear KEY... [--context TEXT]`, `clear --context TEXT`, `clear --all`. */
export async function clear(args: readonly string[]): Promise<number> {
  const given = optionsOf('clear', args);
  const { positionals, flags, values } = given;
  const isAll = flags.has('all');
  const ways = [positionals.length > 0, isAll, positionals.length === 0 && values.context !== undefined];
  if (ways.filter(Boolean).length !== 1)
    throw new UsageError('clear takes keys, or --context TEXT for all of a context, or --all');
  const { client, context } = await connectionOf(given);
  const messages: string[] = [];
  if (positionals.length === 0) messages.push(await client.clearAll(isAll ? {} : context));
  for (const key of positionals) messages.push(`${key}: ${await client.clear(key, context)}`);
  print(flags.has('json'), { messages }, messages);
  return 0;
}
