// The values of the library: JSON or one number, each behind a checksum. Only what this folder wrote is read here.
import type { Context } from '../../../kernel/image-key.js';
import type { Json } from '../../../kernel/library/asset.js';
import type { ImportJob } from '../../../kernel/library/import-job.js';
import type { UploadSession } from '../../../kernel/library/upload.js';
import { checkSeal, SEAL_BYTES, sealed } from '../row-seal.js';

/** A key alone says it all; LMDB wants a value nevertheless. */
export const NOTHING = Buffer.of(0);

export interface UsageRow {
  readonly assets: number;
  readonly originals: number;
  readonly bytes: number;
  readonly openImports: number;
  /** Images reserved in minutes that stand in `reservations`. */
  readonly reserved: number;
  /** Slots that are not committed. */
  readonly openSlots: number;
}
export const NO_USAGE: UsageRow = { assets: 0, originals: 0, bytes: 0, openImports: 0, reserved: 0, openSlots: 0 };

/** One that was written before a count was there has none of it. */
export function usageOf(bytes: Buffer): UsageRow {
  return { ...NO_USAGE, ...decodeJson<Partial<UsageRow>>(bytes) };
}

export interface SessionRow {
  readonly session: UploadSession;
  readonly assets: number;
}

export interface OriginalRow {
  /** Versions that name it. */
  readonly refs: number;
  readonly bytes: number;
  /** Unix ms since when nothing names it; meaningless while something does. */
  readonly since: number;
}

export interface ImportRow {
  readonly job: ImportJob;
  readonly serial: number;
  /** The minute in which its images were reserved. */
  readonly minute: number;
  /** Hex hash of its key. */
  readonly key?: string;
  /** How many assets of the context had been erased when it was accepted. */
  readonly erased?: number;
}

export interface JobRow {
  readonly context: Context;
  readonly payload: Json;
  readonly enqueuedAt: number;
  readonly dueAt: number;
  readonly attempts: number;
  readonly lostLeases: number;
  readonly waitingSince?: number;
  /** Of the latest claim; 0 before the first. */
  readonly fence: number;
  readonly state: 'due' | 'delayed' | 'claimed';
  /** Machine time in ms; of a claimed one. */
  readonly leaseEndsAt?: number;
  /** The process that has it. */
  readonly holder?: string;
  /** How many that one had in hand when the first of its leases ended; absent as long as it renews them. */
  readonly beside?: number;
}

export function encodeJson(value: unknown): Buffer {
  const text = JSON.stringify(value);
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafe(length + SEAL_BYTES);
  bytes.write(text, 0, length);
  return sealed(bytes);
}

export function decodeJson<T>(bytes: Buffer): T {
  checkSeal(bytes);
  // Written by `encodeJson` in the same table, under a schema version that was checked.
  return JSON.parse(bytes.toString('utf8', 0, bytes.length - SEAL_BYTES)) as T;
}

export function encodeNumber(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8 + SEAL_BYTES);
  bytes.writeDoubleBE(value, 0);
  return sealed(bytes);
}

export function decodeNumber(bytes: Buffer): number {
  checkSeal(bytes);
  return bytes.readDoubleBE(0);
}

export function decodeText(bytes: Buffer): string {
  return bytes.toString('utf8', 0, bytes.length);
}
