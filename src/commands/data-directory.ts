// `proofsheet keys`, `inspect` and `clear` with `--data-dir DIR`: what a data directory has, without a server or beside one, which hears of it.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandName, SERVER_OPTIONS } from '../cli/command-table.js';
import { answerLines } from '../cli/look.js';
import { bytesText, columns, print } from '../cli/output.js';
import { CommandFailure, EXIT, type Given, noneBut, optionsOf, UsageError } from '../cli/usage.js';
import { matchHeader as matchText } from '../http/replies/image-response.js';
import { bestPreview } from '../kernel/best-match.js';
import { type Context, DEFAULT_CONTEXT, parseContext, parseImageKey } from '../kernel/image-key.js';
import { readRequestFormat } from '../kernel/request-format.js';
import { contentDigestOf, ownPreviews, type SourceRecord } from '../kernel/source.js';
import { type EmbeddedStore, openEmbeddedStore } from '../stores/embedded/embedded-store.js';
import { DataDirError } from '../stores/embedded/storage-errors.js';
import { systemClock } from '../telemetry/clock.js';
import { createLogger } from '../telemetry/logger.js';
import { ProcessMetrics } from '../telemetry/metrics.js';

/** What a directory knows nothing of. */
const OF_SERVERS = SERVER_OPTIONS.filter((name) => name !== 'context');

/** Of those that have a key, far more than anybody reads. */
const MOST_CONTEXTS = 100;

/** `keys --data-dir DIR [--context TEXT]`: one a line. */
export async function keysOfDirectory(args: readonly string[]): Promise<number> {
  const given = givenOf('keys', args);
  noneBut(given, 'keys');
  return within(given.values['data-dir'], async ({ catalog }) => {
    const keys: string[] = [];
    for await (const batch of catalog.keys(contextIn(given.values.context))) {
      if (given.flags.has('json')) keys.push(...batch);
      else print(false, undefined, batch);
    }
    if (given.flags.has('json')) print(true, { keys }, []);
    return 0;
  });
}

/**
 * `inspect KEY [FORMAT...] --data-dir DIR [--context TEXT]`: source and previews, as the catalog has them, which of them answers each format,
 * and who else has the key.
 */
export async function inspectDirectory(args: readonly string[]): Promise<number> {
  const given = givenOf('inspect', args);
  const [key, ...formats] = given.positionals;
  if (key === undefined) throw new UsageError('inspect takes a key, and formats if you like');
  const ref = { imageKey: parseImageKey(key), context: parseContext(given.values.context) };
  return within(given.values['data-dir'], async ({ catalog, blobs, insight }) => {
    const entry = await catalog.find(ref);
    const contexts = await insight.contextsOf(ref.imageKey, MOST_CONTEXTS);
    const others = contexts.filter((context) => context !== ref.context).map(contextText);
    if (entry === undefined) {
      const where = others.length === 0 ? '' : `; it is in ${others.join(', ')}`;
      throw new CommandFailure(EXIT.incomplete, `no image is cached under this key in this context${where}`);
    }
    const { source, group } = entry;
    const previews = await Promise.all(
      source.previews.map(async ({ formats, type, widthPx, heightPx, bytes, digest, sequenceId }) => ({
        ...{ formats, type, widthPx, heightPx, bytes, digest, isOfOtherSequence: sequenceId !== undefined },
        isStored: await blobs.has(digest),
      })),
    );
    const answers = answersOf(source, formats);
    const { type, widthPx, heightPx, pages } = source.info;
    const told = {
      ...{ key, context: ref.context, createdAt: new Date(group.createdAt).toISOString() },
      source: {
        ...{ digest: contentDigestOf(source), type, widthPx, heightPx, pages, bytes: source.bytes },
        ...{ isKept: source.sourceKept, isComplete: source.complete },
      },
      ...{ previews, answers, contexts },
    };
    print(given.flags.has('json'), told, [
      key,
      `  ${type} ${widthPx}x${heightPx}  ${bytesText(source.bytes)}  ${told.source.digest}`,
      `  ${source.sourceKept ? 'its source is kept' : 'its source is not kept'}${source.complete ? '' : ', previews are missing'}`,
      ...columns(
        previews.map((preview) => [
          preview.type,
          `${preview.widthPx}x${preview.heightPx}`,
          bytesText(preview.bytes),
          preview.digest.slice(0, 12),
          `${preview.formats.join(' ')}${preview.isStored ? '' : '  (its bytes are lost)'}`,
        ]),
      ).map((line) => `    ${line}`),
      ...answerLines(answers.map(({ asked, match }) => [asked, match])),
      ...(others.length === 0 ? [] : [`  the key is in ${others.join(', ')}, too`]),
    ]);
    return 0;
  });
}

/** By the rule of servers, over what is stored; a server that makes previews on demand would make a better one first. */
function answersOf({ info, ...source }: SourceRecord, formats: readonly string[]) {
  const own = ownPreviews(source);
  const asked = [...new Set([...own.flatMap(({ formats }) => formats), ...formats])];
  return asked.map((text) => {
    const match = bestPreview(info, own, readRequestFormat(text).format);
    return { asked: text, match: match === undefined ? 'nothing' : matchText(match) };
  });
}

function contextText(context: Context): string {
  return context === DEFAULT_CONTEXT ? 'the default context' : JSON.stringify(context);
}

/** `clear KEY... | --context TEXT | --all` of a data directory. */
export async function clearDirectory(args: readonly string[]): Promise<number> {
  const given = givenOf('clear', args);
  const { positionals, flags } = given;
  const context = contextIn(given.values.context);
  const isAll = flags.has('all');
  const ways = [positionals.length > 0, isAll, positionals.length === 0 && context !== undefined];
  if (ways.filter(Boolean).length !== 1)
    throw new UsageError('clear takes keys, or --context TEXT for all of a context, or --all');
  const selections =
    positionals.length === 0
      ? [context === undefined ? {} : { context }]
      : positionals.map((key) => ({ imageKey: parseImageKey(key), ...(context !== undefined && { context }) }));
  return within(given.values['data-dir'], async ({ catalog }) => {
    let removed = 0;
    for (const selection of selections) removed += await catalog.remove(selection);
    // A server that runs sweeps by itself; without one the bytes go now.
    while ((await catalog.sweep(64)).length > 0);
    print(flags.has('json'), { removed }, [`removed ${removed} image ${removed === 1 ? 'group' : 'groups'}`]);
    return 0;
  });
}

function givenOf(command: CommandName, args: readonly string[]): Given {
  const given = optionsOf(command, args);
  const other = OF_SERVERS.find((name) => given.values[name] !== undefined);
  if (other !== undefined) throw new UsageError(`${command} takes --data-dir or --${other}`);
  return given;
}

/** `undefined` for all of them. No option is empty. */
function contextIn(text: string | undefined): Context | undefined {
  return text === undefined ? undefined : parseContext(text);
}

/** Opens what is there, and makes nothing where there is none. */
async function within(dataDir: string | undefined, work: (store: EmbeddedStore) => Promise<number>): Promise<number> {
  if (dataDir === undefined) throw new UsageError('--data-dir takes a directory');
  if (!existsSync(join(dataDir, 'catalog', 'data.mdb')))
    throw new DataDirError(`expected the data directory of a server, got ${dataDir}`);
  const logger = createLogger({ level: 'silent' });
  const ports = { clock: systemClock, logger, metrics: new ProcessMetrics() };
  const store = await openEmbeddedStore({ ...ports, dataDir, setsAside: false });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
