// The records of uploads as they come from Redis, looked at field by field like those of the library (library-records.ts).
import { type Context, parseContext } from '../../../kernel/image-key.js';
import type { EmbeddedFacts } from '../../../kernel/library/asset.js';
import { parseTenantId } from '../../../kernel/library/ids.js';
import type { AssetUpload, ReceivedBytes, SlotId, UploadSession, UploadSlot } from '../../../kernel/library/upload.js';
import { digestIn, fieldsOf, flagIn, oneOf, optionalIn, parsedIn, textIn, wholeIn, wrong } from '../record-fields.js';

const SLOT_STATES = ['awaiting', 'received', 'committed'] as const;

/** Unix ms, not always whole: waits are drawn by chance. */
export function timeIn(value: unknown): number {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : wrong();
}

export function sessionIn(value: unknown): UploadSession {
  const given = fieldsOf(value);
  return {
    number: wholeIn(given.number, 1),
    context: parsedIn(contextOrNone, given.context),
    tenantId: parsedIn(parseTenantId, given.tenantId),
    ...optionalIn(given, 'name', textIn),
    ...optionalIn(given, 'note', textIn),
    standalone: flagIn(given.standalone),
    createdAt: timeIn(given.createdAt),
    updatedAt: timeIn(given.updatedAt),
    ...optionalIn(given, 'doneAt', timeIn),
  };
}

export function uploadIn(value: unknown): AssetUpload {
  const given = fieldsOf(value);
  return {
    session: wholeIn(given.session, 1),
    path: textIn(given.path),
    tenantId: parsedIn(parseTenantId, given.tenantId),
    ...optionalIn(given, 'via', textIn),
    ...optionalIn(given, 'viaId', textIn),
    ...optionalIn(given, 'uploadedAt', timeIn),
    ...optionalIn(given, 'processingAt', timeIn),
    ...optionalIn(given, 'processedAt', timeIn),
  };
}

export function slotIn(value: unknown): UploadSlot {
  const given = fieldsOf(value);
  return {
    id: parsedIn((text) => (/^[a-z0-9]{12}$/.test(text) ? (text as SlotId) : undefined), given.id),
    state: oneOf(SLOT_STATES, given.state),
    fileName: textIn(given.fileName),
    ...optionalIn(given, 'declaredBytes', (bytes) => wholeIn(bytes, 0)),
    ...optionalIn(given, 'via', textIn),
    ...optionalIn(given, 'viaId', textIn),
    openedAt: timeIn(given.openedAt),
    minute: timeIn(given.minute),
    ...optionalIn(given, 'received', receivedIn),
  };
}

export function embeddedIn(value: unknown): EmbeddedFacts {
  const given = fieldsOf(value);
  return Object.fromEntries(
    Object.entries(given).map(([name, fact]) => [
      name,
      typeof fact === 'string' || (typeof fact === 'number' && Number.isFinite(fact)) ? fact : wrong(),
    ]),
  );
}

function receivedIn(value: unknown): ReceivedBytes {
  const given = fieldsOf(value);
  return {
    digest: digestIn(given.digest),
    ...optionalIn(given, 'md5', (md5) => parsedIn((text) => (/^[0-9a-f]{32}$/.test(text) ? text : undefined), md5)),
    bytes: wholeIn(given.bytes, 1),
    at: timeIn(given.at),
  };
}

function contextOrNone(text: string): Context | undefined {
  try {
    return parseContext(text);
  } catch {
    return undefined;
  }
}
