// How a group and a source stand in Redis: a fixed head that scripts can read, a checksum, and JSON. Whatever is not
// exactly that is told as damaged, never guessed at.
import { createHash, randomBytes } from 'node:crypto';
import { type Digest, parseDigest } from '../../kernel/digest.js';
import { FORMAT_TYPES, parseFormat } from '../../kernel/format.js';
import type { GroupRef } from '../../kernel/image-key.js';
import type { Preview, SourceRecord } from '../../kernel/source.js';
import { groupName } from './key-layout.js';

/** 12 characters that no other commit has: names a group's commit, or a state of a source's record. */
export type Token = string & { readonly __brand: 'Token' };

export const TOKEN_CHARACTERS = 12;
const SUM_CHARACTERS = 32;
const DIGEST_CHARACTERS = 64;

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

/** Head: token, digest of the source, checksum. */
export function encodeGroup(ref: GroupRef, group: StoredGroup): string {
  const body = JSON.stringify([group.createdAt, ...(group.fileName === undefined ? [] : [group.fileName])]);
  return group.token + group.sourceDigest + groupSum(ref, group.token + group.sourceDigest, body) + body;
}

/** `undefined` when `text` is not what `encodeGroup` made for this very group. */
export function decodeGroup(ref: GroupRef, text: string): StoredGroup | undefined {
  const head = text.slice(0, TOKEN_CHARACTERS + DIGEST_CHARACTERS);
  const sum = text.slice(head.length, head.length + SUM_CHARACTERS);
  const body = text.slice(head.length + SUM_CHARACTERS);
  const sourceDigest = parseDigest(head.slice(TOKEN_CHARACTERS));
  if (sourceDigest === undefined || sum !== groupSum(ref, head, body)) return undefined;
  // The checksum has proved the shape: only encodeGroup makes it.
  const [createdAt, fileName] = JSON.parse(body) as [number, string?];
  return {
    token: head.slice(0, TOKEN_CHARACTERS) as Token,
    sourceDigest,
    createdAt,
    ...(fileName !== undefined && { fileName }),
  };
}

export interface StoredSource {
  readonly token: Token;
  readonly record: SourceRecord;
}

/** The parts of a source's text that scripts compare: 1 character each for kept and complete, then two checksums. */
export interface SourceHead {
  readonly kept: '0' | '1';
  readonly complete: '0' | '1';
  /** 16 hex characters over the sequence's id. */
  readonly sequence: string;
  readonly sum: string;
}

/** `sourceKept` changes by itself (eviction), so it stands in the head alone. */
export function sourceParts(record: SourceRecord): { readonly head: SourceHead; readonly body: string } {
  const { sourceKept, ...rest } = record;
  const body = JSON.stringify(rest);
  return {
    head: {
      kept: sourceKept ? '1' : '0',
      complete: record.complete ? '1' : '0',
      sequence: hex(record.sequenceId).slice(0, 16),
      sum: hex(body).slice(0, SUM_CHARACTERS),
    },
    body,
  };
}

/** Head: token, kept, complete, sequence, checksum. */
export function encodeSource(token: Token, { head, body }: ReturnType<typeof sourceParts>): string {
  return token + head.kept + head.complete + head.sequence + head.sum + body;
}

/** `undefined` when `text` is not what `encodeSource` made for this digest. */
export function decodeSource(digest: Digest, text: string): StoredSource | undefined {
  const kept = text[TOKEN_CHARACTERS];
  const bodyAt = TOKEN_CHARACTERS + 2 + 16 + SUM_CHARACTERS;
  const body = text.slice(bodyAt);
  const sum = text.slice(bodyAt - SUM_CHARACTERS, bodyAt);
  if ((kept !== '0' && kept !== '1') || sum !== hex(body).slice(0, SUM_CHARACTERS)) return undefined;
  const record = parsedRecord(body);
  // A record that stands under another digest's key is somebody's mistake, not this source.
  if (record?.digest !== digest) return undefined;
  return { token: text.slice(0, TOKEN_CHARACTERS) as Token, record: { ...record, sourceKept: kept === '1' } };
}

/**
 * The record in `body` with every name of a blob a digest, and every format one that we can read; `undefined` for anything else.
 * The checksum has no key: whoever can write to the server can make one, and a name that is no digest would be a path.
 */
function parsedRecord(body: string): Omit<SourceRecord, 'sourceKept'> | undefined {
  try {
    // Looked at below as far as anything is named or addressed by it.
    const record = JSON.parse(body) as Omit<SourceRecord, 'sourceKept'>;
    const digests = [
      record.digest,
      record.contentDigest ?? record.digest,
      ...record.previews.map(({ digest }) => digest),
    ];
    const isNamed = digests.every((text) => typeof text === 'string' && parseDigest(text) !== undefined);
    return isNamed && record.previews.every(isPreview) ? record : undefined;
  } catch {
    // No JSON, no list of previews, or a format that does not parse: damaged, and told so by the caller.
    return undefined;
  }
}

function isPreview({ formats, type, bytes, widthPx, heightPx }: Preview): boolean {
  for (const text of formats) parseFormat(text);
  return (
    formats.length > 0 &&
    FORMAT_TYPES.includes(type) &&
    [bytes, widthPx, heightPx].every((number) => Number.isSafeInteger(number) && number > 0)
  );
}

function groupSum(ref: GroupRef, head: string, body: string): string {
  return hex(`${groupName(ref)}\0${head}\0${body}`).slice(0, SUM_CHARACTERS);
}

function hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
