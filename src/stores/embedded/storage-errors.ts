// What the operating system and LMDB report, in the words of the kernel.
import { asMachineFailure, ProofsheetError } from '../../kernel/errors.js';
import { DamagedRow } from './row-seal.js';

/** LMDB's own "the map is full" (lmdb.h). */
const MDB_MAP_FULL = -30792;

/** The error code of a failed system call, such as `ENOENT`; `undefined` for any other error. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** `error` as one of ours: `storage-full`, `overloaded` (out of file handles) or `internal`. */
export function storageError(error: unknown): ProofsheetError {
  if (error instanceof ProofsheetError) return error;
  const failure = asMachineFailure(error);
  if (failure) return failure;
  if (isFullByNumber(error)) {
    return new ProofsheetError('storage-full', 'no space is left to store this; try again once there is', {
      cause: error,
      elsewhere: isReadOnly(error),
    });
  }
  return new ProofsheetError('internal', 'the store failed; the fault is ours and has been logged', { cause: error });
}

/**
 * LMDB errors carry a number: its own (negative) or the system's (28 is ENOSPC, 30 EROFS, 122 EDQUOT on Linux; 5 is EIO,
 * which is also what LMDB makes of a write that found room for its beginning alone).
 */
function isFullByNumber(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && typeof error.code === 'number') return [MDB_MAP_FULL, 5, 28, 30, 122].includes(error.code);
  return /no space left|disk quota exceeded|MDB_MAP_FULL/i.test(error.message);
}

/** As LMDB says it. */
function isReadOnly(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 30;
}

/** A file of the store is not what it says it is: its own bytes show that it is damaged. */
export class DamagedStore extends Error {
  override readonly name = 'DamagedStore';
}

/**
 * LMDB's names for what it finds in pages of the data file (lmdb.h). Not MDB_INVALID and MDB_VERSION_MISMATCH: the data file's own
 * head is looked at before, so these are the lock file's, of another build that runs beside us. Nor MDB_PANIC, which a failed
 * write leaves.
 */
const DAMAGE = /MDB_(?:CORRUPTED|PAGE_NOTFOUND)\b/;

/** Whether `error`, or what caused it, is of damaged bytes; whatever else went wrong says nothing about them. */
export function isDamage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error instanceof DamagedStore || error instanceof DamagedRow || DAMAGE.test(error.message) || isDamage(error.cause)
  );
}

/** The data directory cannot be used as it is; the message tells an operator what to do. The server does not start. */
export class DataDirError extends Error {
  override readonly name = 'DataDirError';
}

/**
 * A server in another container has the data directory: this process must not open it meanwhile, but may pass on to that server what
 * it is asked. The message tells who cannot do that what to do.
 */
export class DirectoryInUse extends DataDirError {
  constructor(dataDir: string, processes: readonly number[]) {
    super(
      `expected a data directory that no server in another container uses, got ${dataDir}, which processes of another PID namespace use ` +
        `(${processes.join(', ')} there): do this in their container, or stop them first`,
    );
  }
}
