// The records of the library as they come from Redis, looked at field by field: whoever can write to the server can write anything, and
// what is named, fetched or told by it later has to be what its type says. The same parser is what a field's type is known by.
import type { Digest } from '../../../kernel/digest.js';
import { type Context, parseContext } from '../../../kernel/image-key.js';
import { IMPORT_REASONS } from '../../../kernel/import-reasons.js';
import type { Asset, AssetVersion, ExternalReference, Json, JsonObject } from '../../../kernel/library/asset.js';
import { parseAssetId, parseImportId, parseTenantId } from '../../../kernel/library/ids.js';
import {
  type Callback,
  type ImportItem,
  type ImportJob,
  ITEM_STATES,
  type ItemPicture,
} from '../../../kernel/library/import-job.js';
import type { Reason } from '../../../kernel/library/reason.js';
import type { SourceValidators } from '../../../kernel/ports/source-fetcher.js';
import { SOURCE_TYPES } from '../../../kernel/source.js';
import { newToken } from '../record-codec.js';
import {
  digestIn,
  type Fields,
  fieldsOf,
  flagIn,
  listIn,
  oneOf,
  optionalIn,
  parsedIn,
  textIn,
  wholeIn,
  wrong,
} from '../record-fields.js';
import { embeddedIn, slotIn, timeIn, uploadIn } from './upload-records.js';

const ASSET_STATES = ['pending', 'uploaded', 'processing', 'processed', 'failed'] as const;
const CREATED_VIA = ['import', 'upload'] as const;

/** An original: where its bytes are, and who needs them. */
export interface OriginalRow {
  /** Versions that name it. */
  readonly refs: number;
  readonly bytes: number;
  /** Unix ms since when nothing names it; meaningless while something does. */
  readonly since: number;
  /** Names the bytes where they lie: another one each time that they are kept anew after they were removed. */
  readonly place: string;
  /** The bytes are there. */
  readonly kept: boolean;
}

export interface ImportRow {
  readonly job: ImportJob;
  readonly serial: number;
  /** The minute in which its images were reserved. */
  readonly minute: number;
  readonly key?: string;
  /** How many assets of the context had been erased when it was accepted. */
  readonly erased?: number;
}

/** What never changes of a job. */
export interface JobRecord {
  readonly context: Context;
  readonly payload: Json;
  readonly enqueuedAt: number;
}

export function assetIn(value: unknown): Asset {
  const given = fieldsOf(value);
  return {
    id: parsedIn(parseAssetId, given.id),
    number: wholeIn(given.number, 1),
    context: contextIn(given.context),
    title: textIn(given.title),
    ...optionalIn(given, 'fileName', textIn),
    mediaType: textIn(given.mediaType),
    metadata: objectIn(given.metadata),
    createdVia: oneOf(CREATED_VIA, given.createdVia),
    state: oneOf(ASSET_STATES, given.state),
    head: wholeIn(given.head, 0),
    versions: wholeIn(given.versions, 0),
    ...optionalIn(given, 'reference', referenceIn),
    ...optionalIn(given, 'upload', uploadIn),
    ...optionalIn(given, 'slots', (slots) => listIn(slots).map(slotIn)),
    ...optionalIn(given, 'failure', reasonIn),
    ...optionalIn(given, 'validators', validatorsIn),
    revision: wholeIn(given.revision, 1),
    createdAt: timeIn(given.createdAt),
    updatedAt: timeIn(given.updatedAt),
    ...optionalIn(given, 'trashedAt', timeIn),
  };
}

export function versionIn(value: unknown): AssetVersion {
  const given = fieldsOf(value);
  return {
    assetId: parsedIn(parseAssetId, given.assetId),
    number: wholeIn(given.number, 1),
    digest: digestIn(given.digest),
    md5: /^[0-9a-f]{32}$/.test(textIn(given.md5)) ? textIn(given.md5) : wrong(),
    bytes: wholeIn(given.bytes, 1),
    type: oneOf(SOURCE_TYPES, given.type),
    widthPx: wholeIn(given.widthPx, 1),
    heightPx: wholeIn(given.heightPx, 1),
    createdAt: timeIn(given.createdAt),
    ...optionalIn(given, 'fileName', textIn),
    ...optionalIn(given, 'via', textIn),
    ...optionalIn(given, 'viaId', textIn),
    ...optionalIn(given, 'embedded', embeddedIn),
  };
}

export function importIn(value: unknown): ImportRow {
  const given = fieldsOf(value);
  return {
    job: jobIn(fieldsOf(given.job)),
    serial: wholeIn(given.serial, 1),
    minute: timeIn(given.minute),
    ...optionalIn(given, 'key', textIn),
    ...optionalIn(given, 'erased', (erased) => wholeIn(erased, 0)),
  };
}

function jobIn(given: Fields): ImportJob {
  const ended = fieldsOf(given.ended);
  return {
    id: parsedIn(parseImportId, given.id),
    context: contextIn(given.context),
    ...optionalIn(given, 'tenantId', (id) => parsedIn(parseTenantId, id)),
    dialect: textIn(given.dialect),
    ...optionalIn(given, 'system', textIn),
    items: wholeIn(given.items, 1),
    ended: {
      succeeded: wholeIn(ended.succeeded, 0),
      skipped: wholeIn(ended.skipped, 0),
      failed: wholeIn(ended.failed, 0),
      cancelled: wholeIn(ended.cancelled, 0),
    },
    ...optionalIn(given, 'callback', callbackIn),
    acceptedAt: timeIn(given.acceptedAt),
    ...optionalIn(given, 'finishedAt', timeIn),
  };
}

/** A thousand at a time: field by field, in half the time of an object for each of them. */
export function itemIn(value: unknown): ImportItem {
  const given = fieldsOf(value);
  const item: { -readonly [Name in keyof ImportItem]: ImportItem[Name] } = {
    importId: parsedIn(parseImportId, given.importId),
    index: wholeIn(given.index, 0),
    url: urlIn(given.url),
    title: textIn(given.title),
    state: oneOf(ITEM_STATES, given.state),
    attempts: wholeIn(given.attempts, 0),
  };
  if (given.sentUrl !== undefined) item.sentUrl = textIn(given.sentUrl);
  if (given.reference !== undefined) item.reference = referenceIn(given.reference);
  if (given.fileName !== undefined) item.fileName = textIn(given.fileName);
  if (given.mediaType !== undefined) item.mediaType = textIn(given.mediaType);
  if (given.metadata !== undefined) item.metadata = objectIn(given.metadata);
  if (given.becomes !== undefined) item.becomes = parsedIn(parseAssetId, given.becomes);
  if (given.reason !== undefined) item.reason = reasonIn(given.reason);
  if (given.nextAttemptAt !== undefined) item.nextAttemptAt = timeIn(given.nextAttemptAt);
  if (given.assetId !== undefined) item.assetId = parsedIn(parseAssetId, given.assetId);
  if (given.versionNumber !== undefined) item.versionNumber = wholeIn(given.versionNumber, 1);
  if (given.picture !== undefined) item.picture = pictureIn(given.picture);
  return item;
}

function pictureIn(value: unknown): ItemPicture {
  const given = fieldsOf(value);
  return {
    title: textIn(given.title),
    type: oneOf(SOURCE_TYPES, given.type),
    widthPx: wholeIn(given.widthPx, 1),
    heightPx: wholeIn(given.heightPx, 1),
  };
}

export function originalIn(value: unknown): OriginalRow {
  const given = fieldsOf(value);
  return {
    refs: wholeIn(given.refs, 0),
    bytes: wholeIn(given.bytes, 1),
    since: timeIn(given.since),
    place: placeIn(given.place),
    kept: flagIn(given.kept),
  };
}

export function jobRecordIn(value: unknown): JobRecord {
  const given = fieldsOf(value);
  return {
    context: contextIn(given.context),
    payload: jsonIn(given.payload),
    enqueuedAt: timeIn(given.enqueuedAt),
  };
}

/** The name of an original's bytes: its digest and a part of its own. */
export function parsePlace(text: string): string | undefined {
  return /^[0-9a-f]{64}-[\w-]{12}$/.test(text) ? text : undefined;
}

export function placeIn(value: unknown): string {
  return parsedIn(parsePlace, value);
}

/** Where the bytes of an original are to lie this time. */
export function newPlace(digest: Digest): string {
  return `${digest}-${newToken()}`;
}

export function digestOfPlace(place: string): Digest {
  return digestIn(place.slice(0, 64));
}

export function contextIn(value: unknown): Context {
  const text = textIn(value);
  try {
    return parseContext(text);
  } catch {
    return wrong();
  }
}

function referenceIn(value: unknown): ExternalReference {
  const given = fieldsOf(value);
  return { system: textIn(given.system), externalId: textIn(given.externalId) };
}

function validatorsIn(value: unknown): SourceValidators {
  const given = fieldsOf(value);
  return {
    finalUrl: urlIn(given.finalUrl),
    ...optionalIn(given, 'etag', textIn),
    ...optionalIn(given, 'lastModified', textIn),
  };
}

function callbackIn(value: unknown): Callback {
  const given = fieldsOf(value);
  return { url: urlIn(given.url), ...optionalIn(given, 'context', jsonIn) };
}

function reasonIn(value: unknown): Reason {
  const given = fieldsOf(value);
  return {
    code: oneOf(IMPORT_REASONS, given.code),
    ...optionalIn(given, 'status', (status) => wholeIn(status, 100)),
    ...optionalIn(given, 'message', textIn),
  };
}

/** Whether it may be asked is decided when it is; here it is one that can be. */
export function urlIn(value: unknown): string {
  const text = textIn(value);
  // The scheme as it mostly stands, before a parser is asked for it: an import has a thousand.
  const isOfHttp = /^https?:/.test(text) ? URL.canParse(text) : URL.canParse(text) && isHttp(new URL(text));
  return isOfHttp ? text : wrong();
}

function isHttp({ protocol }: URL): boolean {
  return protocol === 'http:' || protocol === 'https:';
}

export function objectIn(value: unknown): JsonObject {
  // JSON.parse made it, so everything in it is JSON.
  return fieldsOf(value) as JsonObject;
}

function jsonIn(value: unknown): Json {
  // As above; only `undefined` is none.
  return value === undefined ? wrong() : (value as Json);
}
