// Uploads: a session that pictures come in by, and the slot that the bytes of one version are put into. Words and pure rules; no store,
// no dialect. A slot is named and leased apart from how its bytes come, so that a front that appends can fill the same one later.
import { randomBytes } from 'node:crypto';
import type { Digest } from '../digest.js';
import type { Context } from '../image-key.js';
import type { AssetId, TenantId } from './ids.js';
import { parseAssetId } from './ids.js';

declare const slotBrand: unique symbol;
/** What names a slot within its asset: 12 of a-z and 0-9, by chance. */
export type SlotId = string & { readonly [slotBrand]: true };

/** Bytes of 0 to 255 from here on would make the first letters likelier. */
const FAIR_BELOW = 252;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const SLOT_CHARACTERS = 12;

/** Slots of one asset that wait for bytes or for their turn at the same time; more are refused. */
export const MAX_SLOTS = 16;

/** A slot, as URLs and jobs name it. */
export interface SlotRef {
  readonly assetId: AssetId;
  readonly slotId: SlotId;
}

/** The bytes that a slot has received: kept as an original, counted to the quota of its context. */
export interface ReceivedBytes {
  /** SHA-256. */
  readonly digest: Digest;
  /** 32 lower-case hex characters; where the client named it, or it was known anyway. */
  readonly md5?: string;
  readonly bytes: number;
  /** Unix ms. */
  readonly at: number;
}

/** `awaiting` bytes, which a later upload of the same slot replaces while it is `received`; `committed`: they are to become a version. */
export type SlotState = 'awaiting' | 'received' | 'committed';

/** How a client says that a picture came, as it said it; free texts. */
export interface CameBy {
  readonly via?: string;
  readonly viaId?: string;
}

export interface UploadSlot extends CameBy {
  readonly id: SlotId;
  readonly state: SlotState;
  /** What the version is called. */
  readonly fileName: string;
  /** What the client says it will send; a claim. */
  readonly declaredBytes?: number;
  /** Unix ms. */
  readonly openedAt: number;
  /** The minute in which its image was reserved, Unix ms. */
  readonly minute: number;
  readonly received?: ReceivedBytes;
}

/** Where an uploaded asset came from. */
export interface AssetUpload extends CameBy {
  /** The number of its session. */
  readonly session: number;
  /** Folders in front of the file name, as the client has them; `""` for none. */
  readonly path: string;
  readonly tenantId: TenantId;
  /** Unix ms: its first bytes were there; the last processing began, and ended. */
  readonly uploadedAt?: number;
  readonly processingAt?: number;
  readonly processedAt?: number;
}

/** Pictures that are uploaded together. */
export interface UploadSession {
  /** From 1, rising, unique in this library. */
  readonly number: number;
  readonly context: Context;
  readonly tenantId: TenantId;
  readonly name?: string;
  readonly note?: string;
  /** It was opened for a contribution. */
  readonly standalone: boolean;
  /** Unix ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly doneAt?: number;
}

/** Why no slot is given. */
export type SlotRefusal =
  | {
      readonly outcome: 'over-quota';
      readonly what: 'images' | 'bytes';
      readonly limit: number;
      readonly freeAt?: number;
    }
  | { readonly outcome: 'too-many-open'; readonly limit: number }
  | { readonly outcome: 'too-many-versions'; readonly limit: number };

export function newSlotId(): SlotId {
  let name = '';
  while (name.length < SLOT_CHARACTERS)
    for (const byte of randomBytes(2 * SLOT_CHARACTERS))
      if (byte < FAIR_BELOW && name.length < SLOT_CHARACTERS) name += ALPHABET[byte % ALPHABET.length];
  return name as SlotId;
}

/** The name of a slot in URLs and in the queue. */
export function slotName({ assetId, slotId }: SlotRef): string {
  return `${assetId}.${slotId}`;
}

/** What `slotName` wrote; `undefined` for another text. */
export function parseSlotName(text: string): SlotRef | undefined {
  const [, asset = '', slot] = /^([a-z0-9]{13})\.([a-z0-9]{12})$/.exec(text) ?? [];
  const assetId = parseAssetId(asset);
  return assetId && { assetId, slotId: slot as SlotId };
}
