// How a group and a source stand in Redis: a fixed head that scripts can read, a seal (see seals.ts), and JSON. Whatever is not
// exactly that is told as damaged, never guessed at.
import { createHash, randomBytes } from 'node:crypto';
import { type Digest, parseDigest } from '../../kernel/digest.js';
import type { GroupRef } from '../../kernel/image-key.js';
import type { SourceRecord } from '../../kernel/source.js';
import { groupName } from './key-layout.js';
import { parsedRecord } from './parsed-record.js';
import { SEAL_CHARACTERS, type Seals } from './seals.js';

/** 12 characters that no other commit has: names a group's commit, or a state of a source's record. */
export type Token = string & { readonly __brand: 'Token' };

export const TOKEN_CHARACTERS = 12;
const DIGEST_CHARACTERS = 64;
/** The last date that JavaScript knows (ECMA-262, time values). */
const LAST_DATE_MS = 8.64e15;

export function newToken(): Token {
  return randomBytes(9).toString('base64url') as Token;
}

/** A group without the facts that live elsewhere: its last access, and the state of its source. */
export interface StoredGroup {
  readonly token: Token;
  readonly sourceDigest: Digest;
  /** Unix time in ms. */
  readonly createdAt: number;
  readonly fileName?: string;
}

/** Head: token, digest of the source, seal. */
export function encodeGroup(seals: Seals, ref: GroupRef, group: StoredGroup): string {
  const body = JSON.stringify([group.createdAt, ...(group.fileName === undefined ? [] : [group.fileName])]);
  const head = group.token + group.sourceDigest;
  return head + seals.of('group', sealedGroup(ref, head, body)) + body;
}

/** `undefined` when `text` is not what `encodeGroup` made for this very group. */
export function decodeGroup(seals: Seals, ref: GroupRef, text: string): StoredGroup | undefined {
  const head = text.slice(0, TOKEN_CHARACTERS + DIGEST_CHARACTERS);
  const sum = text.slice(head.length, head.length + SEAL_CHARACTERS);
  const body = text.slice(head.length + SEAL_CHARACTERS);
  const sourceDigest = parseDigest(head.slice(TOKEN_CHARACTERS));
  const token = parseToken(head.slice(0, TOKEN_CHARACTERS));
  if (token === undefined || sourceDigest === undefined || !seals.proves('group', sealedGroup(ref, head, body), sum))
    return undefined;
  const facts = groupFacts(body);
  return facts && { token, sourceDigest, ...facts };
}

/** The facts of a group in `body`, which whoever made the seal may have made of anything. */
function groupFacts(body: string): Pick<StoredGroup, 'createdAt' | 'fileName'> | undefined {
  let given: unknown;
  try {
    given = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (!Array.isArray(given) || given.length > 2) return undefined;
  const [createdAt, fileName] = given as unknown[];
  if (typeof createdAt !== 'number' || !(createdAt >= 0 && createdAt <= LAST_DATE_MS)) return undefined;
  if (fileName === undefined) return { createdAt };
  // As an upload's name is cut: one segment without control characters.
  if (typeof fileName !== 'string' || !/^[^/\\\p{Cc}\p{Cs}]{1,512}$/u.test(fileName)) return undefined;
  return { createdAt, fileName };
}

function parseToken(text: string): Token | undefined {
  return /^[\w-]{12}$/.test(text) ? (text as Token) : undefined;
}

export interface StoredSource {
  readonly token: Token;
  readonly record: SourceRecord;
}

/** The parts of a source's text that scripts compare: 1 character each for kept and complete, then a checksum and the seal. */
export interface SourceHead {
  readonly kept: '0' | '1';
  readonly complete: '0' | '1';
  /** 16 hex characters over the sequence's id. */
  readonly sequence: string;
  readonly sum: string;
}

/** `sourceKept` changes by itself (eviction), so it stands in the head alone. */
export function sourceParts(seals: Seals, record: SourceRecord): { readonly head: SourceHead; readonly body: string } {
  const { sourceKept, ...rest } = record;
  const body = JSON.stringify(rest);
  return {
    head: {
      kept: sourceKept ? '1' : '0',
      complete: record.complete ? '1' : '0',
      sequence: hex(record.sequenceId).slice(0, 16),
      sum: seals.of('source', body),
    },
    body,
  };
}

/** Head: token, kept, complete, sequence, seal. */
export function encodeSource(token: Token, { head, body }: ReturnType<typeof sourceParts>): string {
  return token + head.kept + head.complete + head.sequence + head.sum + body;
}

/** `undefined` when `text` is not what `encodeSource` made for this digest. */
export function decodeSource(seals: Seals, digest: Digest, text: string): StoredSource | undefined {
  const kept = text[TOKEN_CHARACTERS];
  const bodyAt = TOKEN_CHARACTERS + 2 + 16 + SEAL_CHARACTERS;
  const body = text.slice(bodyAt);
  const sum = text.slice(bodyAt - SEAL_CHARACTERS, bodyAt);
  const token = parseToken(text.slice(0, TOKEN_CHARACTERS));
  if (token === undefined || (kept !== '0' && kept !== '1') || !seals.proves('source', body, sum)) return undefined;
  const record = parsedRecord(body);
  // A record that stands under another digest's key is somebody's mistake, not this source.
  if (record?.digest !== digest) return undefined;
  return { token, record: { ...record, sourceKept: kept === '1' } };
}

function sealedGroup(ref: GroupRef, head: string, body: string): string {
  return `${groupName(ref)}\0${head}\0${body}`;
}

function hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
