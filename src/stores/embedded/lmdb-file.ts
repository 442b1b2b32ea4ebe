// Looks at LMDB's data file before LMDB does: a file that lost its end, or that is none of its own, would end the process
// (SIGBUS, SIGSEGV), not throw.
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DamagedStore, errnoOf } from './storage-errors.js';

// A meta page of the library's LMDB, format 2, all numbers little-endian; a test compares it to what LMDB itself tells.
const META_BYTES = 160;
const MAGIC_AT = 24;
const MAGIC = 0xbeefc0de;
const VERSION_AT = 28;
const VERSION = 2;
const PAGE_SIZE_AT = 48;
const LAST_PAGE_AT = 144;
const TXN_ID_AT = 152;

/** The last pages that a transaction allocated and gave back may never have been written; more than these were lost. */
const UNWRITTEN_TAIL_BYTES = 1024 * 1024;

/** The identity of a directory without a data file. */
export const NO_DATA = 'no data';

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly txnId: number;
}

/**
 * The length that the file's newest meta page speaks of, in bytes; `undefined` when there is no file, or an empty one.
 * Throws when the file is not LMDB's.
 */
export function describedBytes(path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    if (fstatSync(fd).size === 0) return undefined;
    const first = readMeta(fd, 0);
    const second = readMeta(fd, first.pageSize);
    const newest = first.txnId > second.txnId ? first : second;
    return (newest.lastPage + 1) * newest.pageSize;
  } finally {
    closeSync(fd);
  }
}

/** Throws when the file at `path` is shorter than it says. */
export function checkLength(path: string): void {
  const described = describedBytes(path);
  if (described === undefined) return;
  const { size } = statSync(path);
  if (size + Math.min(UNWRITTEN_TAIL_BYTES, described / 4) < described)
    throw new DamagedStore(`expected a data file of ${described} bytes, got ${size}`);
}

/** What tells one catalog file from another that took its place; `undefined` when there is none. */
export function identityOf(path: string): string | undefined {
  const file = join(path, 'data.mdb');
  if (!existsSync(file)) return existsSync(path) ? NO_DATA : undefined;
  const { ino, dev, birthtimeMs } = statSync(file);
  return `${dev}:${ino}:${birthtimeMs}`;
}

function readMeta(fd: number, at: number): Meta {
  const bytes = Buffer.alloc(META_BYTES);
  const isWhole = readSync(fd, bytes, 0, META_BYTES, at) === META_BYTES;
  if (!isWhole || bytes.readUInt32LE(MAGIC_AT) !== MAGIC || bytes.readUInt32LE(VERSION_AT) !== VERSION)
    throw new DamagedStore(
      `expected a meta page of LMDB's format ${VERSION} at byte ${at} of the data file, got something else`,
    );
  return {
    pageSize: bytes.readUInt32LE(PAGE_SIZE_AT),
    lastPage: Number(bytes.readBigUInt64LE(LAST_PAGE_AT)),
    txnId: Number(bytes.readBigUInt64LE(TXN_ID_AT)),
  };
}
