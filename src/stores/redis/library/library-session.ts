// What every part of the library on Redis is handed, and how its records stand there: a token, a seal (see seals.ts), and JSON. The name
// of a record is sealed with it, so that none is believed under another's.
import { ProofsheetError } from '../../../kernel/errors.js';
import type { Clock } from '../../../kernel/ports/clock.js';
import type { Logger } from '../../../kernel/ports/logger.js';
import type { Metrics } from '../../../kernel/ports/metrics.js';
import type { Link } from '../link.js';
import { newToken, TOKEN_CHARACTERS } from '../record-codec.js';
import { SEAL_CHARACTERS, type Seals } from '../seals.js';
import type { RedisDeadlines } from '../session.js';
import type { LibraryKeys } from './library-keys.js';

export interface LibrarySession {
  readonly link: Link;
  readonly keys: LibraryKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly seals: Seals;
  readonly deadlines: RedisDeadlines;
  /** Ms on the clock that leases end by, as text; empty: that of the server, which all nodes share. */
  readonly leaseNow: () => string;
}

/** Where a value stands: a string's key, or a hash's key and a field of it. */
export interface Place {
  readonly key: string;
  readonly field?: string;
}

/** What a record begins with, which no other write of it has. */
export function tokenOf(text: string): string {
  return text.slice(0, TOKEN_CHARACTERS);
}

export function encodeRecord(session: LibrarySession, place: Place, value: unknown): string {
  const token = newToken();
  const body = JSON.stringify(value);
  return token + session.seals.of('library', sealedText(session, place, token, body)) + body;
}

/**
 * The record in `text`, by its parser. Throws `internal` for whatever is not what `encodeRecord` made for this very place: nothing of
 * it can be made again, so it is neither believed nor removed.
 */
export function decodeRecord<T>(session: LibrarySession, place: Place, text: string, parse: (value: unknown) => T): T {
  const token = tokenOf(text);
  const seal = text.slice(TOKEN_CHARACTERS, TOKEN_CHARACTERS + SEAL_CHARACTERS);
  const body = text.slice(TOKEN_CHARACTERS + SEAL_CHARACTERS);
  try {
    if (session.seals.proves('library', sealedText(session, place, token, body), seal)) return parse(JSON.parse(body));
  } catch {
    // No JSON, or a field that is none of its kind: told below, like a wrong seal.
  }
  session.metrics.count('damaged_records_total');
  const name = nameOf(session, place);
  session.logger.error({ name }, 'a record of the library in Redis is damaged, and was left as it is');
  throw new ProofsheetError('internal', 'a record of the library is damaged: restore it from a backup');
}

function sealedText(session: LibrarySession, place: Place, token: string, body: string): string {
  return `${nameOf(session, place)}\0${token}\0${body}`;
}

/** Without the prefix, so that data can be moved under another one. */
function nameOf({ keys }: LibrarySession, { key, field = '' }: Place): string {
  return `${key.slice(keys.base.length)}\0${field}`;
}
