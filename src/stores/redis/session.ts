// What every part of the Redis store is handed: the connection for records, the names of keys, and the limits.
import { type Digest, parseDigest } from '../../kernel/digest.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { Logger } from '../../kernel/ports/logger.js';
import type { Metrics } from '../../kernel/ports/metrics.js';
import type { KeyLayout } from './key-layout.js';
import { TYPE_OF_KIND } from './key-layout.js';
import type { Command, Link, Script, ScriptCall } from './link.js';
import { TOKEN_CHARACTERS } from './record-codec.js';
import type { Seals } from './seals.js';

/** In ms, each for one call of the server, or one batch of calls in one go. */
export interface RedisDeadlines {
  readonly getMs: number;
  readonly setMs: number;
  readonly scriptMs: number;
}

export const DEFAULT_DEADLINES: RedisDeadlines = { getMs: 150, setMs: 500, scriptMs: 500 };

export interface Session {
  readonly link: Link;
  readonly keys: KeyLayout;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly seals: Seals;
  readonly deadlines: RedisDeadlines;
  /** Blobs live this long after their last write, commit or noted access, in ms. */
  readonly blobTtlMs: number;
  /** Sources of more bytes are not kept in Redis. */
  readonly maxSourceBytes: number;
}

/** Calls in one go: bounds what waits in the client, and how long the server serves nobody else. */
const CALLS_IN_ONE_GO = 256;

/** Runs a script over many keys; each go has the deadline of one script. */
export async function runMany(session: Session, of: Script, calls: readonly ScriptCall[]): Promise<unknown[]> {
  const replies: unknown[] = [];
  for (let from = 0; from < calls.length; from += CALLS_IN_ONE_GO) {
    const some = calls.slice(from, from + CALLS_IN_ONE_GO);
    replies.push(
      ...(await healingTypes(
        session,
        some.flatMap((call) => call.keys),
        () => session.link.runAll(of, some, session.deadlines.scriptMs),
      )),
    );
  }
  return replies;
}

/** Sends many reading commands, in goes like `runMany`. */
export async function readMany(session: Session, commands: readonly Command[]): Promise<unknown[]> {
  const replies: unknown[] = [];
  for (let from = 0; from < commands.length; from += CALLS_IN_ONE_GO) {
    const some = commands.slice(from, from + CALLS_IN_ONE_GO);
    replies.push(
      ...(await healingTypes(
        session,
        some.map(({ key }) => key),
        () =>
          // Many replies take longer than one: the deadline of a script is that of a batch.
          session.link.sendAll(some, session.deadlines.scriptMs),
      )),
    );
  }
  return replies;
}

/** Those of a set's members that are digests: whoever can write to the server can put anything there, a path too. */
export function digestsIn(members: readonly string[]): Digest[] {
  return members.flatMap((member) => parseDigest(member) ?? []);
}

/** The tokens that records begin with, in order; `''` for one that is not there. */
export async function readTokens(session: Session, keys: readonly string[]): Promise<string[]> {
  const replies = await readMany(
    session,
    keys.map((key) => ({ key, args: ['GETRANGE', key, '0', String(TOKEN_CHARACTERS - 1)] })),
  );
  return replies.map(String);
}

/**
 * The outcome of `work` on `keys`. When one of them has a type that we never wrote, it is removed like any other damage,
 * and `work` is done once more.
 */
export async function healingTypes<T>(session: Session, keys: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (!(cause instanceof Error) || !/WRONGTYPE/.test(cause.message)) throw error;
    await removeWrongTypes(session, [...new Set(keys)]);
    return work();
  }
}

async function removeWrongTypes(
  { link, keys, metrics, logger, deadlines }: Session,
  names: readonly string[],
): Promise<void> {
  const types = await link.sendAll(
    names.map((key) => ({ key, args: ['TYPE', key] })),
    deadlines.scriptMs,
  );
  const wrong = names.filter((name, at) => {
    const type = types[at];
    return type !== 'none' && type !== TYPE_OF_KIND[name[keys.prefix.length] ?? ''];
  });
  await link.sendAll(
    wrong.map((key) => ({ key, args: ['UNLINK', key] })),
    deadlines.scriptMs,
  );
  metrics.count('damaged_records_total', {}, wrong.length);
  logger.warn({ keys: wrong.length }, 'keys of a wrong type in Redis were removed');
}
