// Every way a request can fail, by name. Knows no HTTP status and no numeric code: those are the edge's (http/replies/error-map.ts).

/** The closed set of failures; API errors, log lines and metrics all use these names. */
export const ERROR_NAMES = [
  'invalid-image-key',
  'invalid-request-format',
  'missing-source-image',
  'broken-upload',
  'digest-mismatch',
  'unauthorized',
  'protected-operation-disabled',
  'blocked-content',
  'unknown-image-key',
  'unknown-operation',
  'verb-not-allowed',
  'upload-too-slow',
  'source-too-large',
  'source-limits-exceeded',
  'source-type-refused',
  'source-undecodable',
  'over-quota',
  'internal',
  'unsupported-request',
  'overloaded',
  'shared-tier-unreachable',
  'conversion-timeout',
  'storage-full',
] as const;

export type ErrorName = (typeof ERROR_NAMES)[number];

export interface ErrorOptions {
  /** What went wrong underneath; logged, never sent to a client. */
  readonly cause?: unknown;
  /** For `overloaded`, `over-quota` and `shared-tier-unreachable`: whole seconds after which a retry makes sense. */
  readonly retryAfterSeconds?: number;
  /** A failure of a source that may have been the machine's: believed when it comes a second time. */
  readonly uncertain?: boolean;
  /** For `storage-full`: removing what this machine's disk holds would not help. */
  readonly elsewhere?: boolean;
}

/**
 * The one error type that crosses module borders. `message` is public: it says what was wrong and what would be right,
 * and holds no path, no stack and no key of anybody else.
 */
export class ProofsheetError extends Error {
  override readonly name = 'ProofsheetError';
  readonly code: ErrorName;
  readonly retryAfterSeconds: number | undefined;
  readonly uncertain: boolean;
  readonly elsewhere: boolean;

  constructor(code: ErrorName, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.uncertain = options.uncertain ?? false;
    this.elsewhere = options.elsewhere ?? false;
  }
}

const NO_SPACE = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EFBIG']);
/** Of these, what no removed file changes. */
const NO_ROOM_EVER = new Set(['EROFS', 'EFBIG']);
const NO_HANDLES = new Set(['EMFILE', 'ENFILE']);

/** What an upload is told when the data directory was removed under the server. */
export const DATA_DIR_GONE = 'the place to store this is gone; it comes back when the server is restarted';

/**
 * What the operating system said about the machine, in our words: `storage-full` (a disk that takes nothing more, for
 * whatever reason) or `overloaded` (out of file handles); `undefined` for any other error.
 */
export function asMachineFailure(error: unknown): ProofsheetError | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (NO_SPACE.has(code))
    return new ProofsheetError('storage-full', 'no space is left to store this; try again once there is', {
      cause: error,
      elsewhere: NO_ROOM_EVER.has(code),
    });
  // Its parent is missing, and that was made at the start.
  if (code === 'ENOENT' && error instanceof Error && 'syscall' in error && error.syscall === 'mkdtemp')
    return new ProofsheetError('storage-full', DATA_DIR_GONE, { cause: error, elsewhere: true });
  if (NO_HANDLES.has(code))
    return new ProofsheetError('overloaded', 'too many files are open at this moment; try again shortly', {
      cause: error,
      retryAfterSeconds: 1,
    });
  return undefined;
}

/** `error` itself when it is ours, `asMachineFailure` of it, otherwise an `internal` error that carries it as its cause. */
export function asProofsheetError(error: unknown): ProofsheetError {
  return error instanceof ProofsheetError
    ? error
    : (asMachineFailure(error) ??
        new ProofsheetError('internal', 'the server failed to answer; the fault is ours and has been logged', {
          cause: error,
        }));
}

/** Whether `error` says that this machine's disk is full, so that removing from it makes room. */
export function wantsRoom(error: unknown): boolean {
  const { code, elsewhere } = asProofsheetError(error);
  return code === 'storage-full' && !elsewhere;
}

/** What a store throws that is given bytes under another digest than theirs: a fault of ours. */
export function wrongDigest(): ProofsheetError {
  return new ProofsheetError('internal', 'the bytes to store have another digest than they were given with');
}
