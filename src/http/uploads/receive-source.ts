// Receiving a source: checks what can be checked before the body is read, lets multer parse it into a temp file, and turns
// everything that can go wrong into a named failure. Whatever fails, no file stays behind.
import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import type { Request, Response } from 'express';
import multer from 'multer';
import { ProofsheetError } from '../../kernel/errors.js';
import type { Upload } from '../../previews/answers.js';
import { boundaryOf, formTypeOf } from './form-type.js';
import { HeldUploads } from './held-uploads.js';
import { withFileName } from './part-disposition.js';
import { type PartHeaders, watchPartHeaders } from './part-headers.js';
import { sourceTooLarge, UploadBody } from './upload-body.js';
import { checkDigests, checkMd5, namedDigests, namedMd5 } from './upload-digest.js';
import { UploadMemory } from './upload-memory.js';
import { UploadStorage } from './upload-storage.js';

export interface UploadLimits {
  /** An existing directory for temp files. */
  readonly uploadDir: string;
  /** Largest source in bytes, 1 or more. */
  readonly maxSourceBytes: number;
  /** The longest silence between two chunks of a body, in ms. */
  readonly uploadIdleTimeoutMs: number;
  /** The longest time for a whole body, in ms. */
  readonly uploadTimeoutMs: number;
}

/** The part that is the source, with, without or with an empty file name. */
const SOURCE_PART = 'sourceImage';
/** What a form may have around its source: boundaries, part headers and a few small fields. */
const FORM_OVERHEAD_BYTES = 64 * 1024;
/** Bodies whose length says that they are no larger are kept in memory, which with every upload at once is little. */
const MAX_CONTENT_FORM_BYTES = 64 * 1024;
/** Other files mean nothing to us: those before the source are read and thrown away, those behind it are not waited for. */
const MAX_OTHER_FILES = 8;
/** Text fields mean nothing to us and are tolerated in small numbers; nested names serve only attacks. */
const FIELD_LIMITS = {
  files: 1 + MAX_OTHER_FILES,
  fields: 16,
  parts: 17,
  fieldNameSize: 256,
  fieldSize: 16 * 1024,
  fieldNestingDepth: 0,
  headerPairs: 64,
} as const;

/** How a route's uploads look; a form whose part `sourceImage` is the source unless it says otherwise. */
export interface UploadShape {
  readonly sourcePart?: string;
  readonly takesRawSource?: boolean;
  readonly takesContent?: boolean;
  /** A raw body may be handed on in memory, where there is room for it. */
  readonly holdsSource?: boolean;
  /** The whole body, whatever its Content-Type. */
  readonly takesBytes?: boolean;
  /** Fewer bytes than any source may have. */
  readonly maxBytes?: number;
}

/** Throws what is wrong with an upload by its headers alone: `missing-source-image`, `source-type-refused`, `source-too-large`. */
export function checkUploadHeaders(
  request: Pick<IncomingMessage, 'headers'>,
  maxSourceBytes: number,
  shape: UploadShape = {},
): void {
  const { headers } = request;
  const type = mediaTypeOf(request);
  if (type !== 'multipart/form-data' && !isRaw(type, shape)) {
    throw new ProofsheetError(
      'missing-source-image',
      `expected multipart/form-data with a part ${shape.sourcePart ?? SOURCE_PART}${shape.takesRawSource ? ', or a body that is no form' : ''}, got ${type === undefined || type === '' ? 'no Content-Type' : 'another Content-Type'}`,
    );
  }
  const encoding = headers['content-encoding']?.trim().toLowerCase();
  if (encoding !== undefined && encoding !== 'identity') {
    throw new ProofsheetError('source-type-refused', 'expected an upload without Content-Encoding, got an encoded one');
  }
  if (Number(headers['content-length'] ?? 0) > maxSourceBytes + FORM_OVERHEAD_BYTES)
    throw sourceTooLarge(maxSourceBytes);
}

/**
 * Reads the upload of `request`; the caller owns the file. Throws `missing-source-image`, `broken-upload`,
 * `digest-mismatch`, `source-too-large`, `source-type-refused` (empty), `upload-too-slow`, `storage-full`, and
 * `ClientGone`; it throws at once, without waiting for the rest of the body. `onBytes` hears how much was received.
 */
export async function receiveUpload(
  request: IncomingMessage,
  limits: UploadLimits,
  onBytes: (bytes: number) => void,
  shape: UploadShape = {},
  holding: HeldUploads = new HeldUploads(),
): Promise<Upload> {
  checkUploadHeaders(request, limits.maxSourceBytes, shape);
  const onRequest = namedDigests(request.headers);
  if (isRaw(mediaTypeOf(request), shape)) return receiveRaw(request, limits, onBytes, onRequest, shape, holding);
  const { sourcePart = SOURCE_PART } = shape;
  const boundary = boundaryOf(request.headers['content-type'] ?? '');
  if (boundary === undefined) throw broken('expected a Content-Type that names the boundary of the form, got none');
  const isSmall = shape.takesContent === true && Number(request.headers['content-length']) <= MAX_CONTENT_FORM_BYTES;
  const storage = isSmall
    ? new UploadMemory(limits.maxSourceBytes)
    : new UploadStorage(limits.uploadDir, limits.maxSourceBytes);
  const body = new UploadBody(
    request,
    {
      maxBytes: limits.maxSourceBytes + FORM_OVERHEAD_BYTES,
      idleMs: limits.uploadIdleTimeoutMs,
      totalMs: limits.uploadTimeoutMs,
    },
    formTypeOf(boundary),
    onRequest.length > 0,
  );
  try {
    const partHeaders = await parse(body, storage, limits.maxSourceBytes, sourcePart);
    const upload = storage.upload;
    if (upload === undefined) throw missingSource(sourcePart);
    if (upload.bytes === 0) {
      throw new ProofsheetError('source-type-refused', 'expected an image, got an empty file');
    }
    checkDigests(onRequest, namedDigests(partHeaders), upload.digest, body.digest());
    return upload;
  } catch (error) {
    body.destroy();
    await storage.discard();
    throw body.failure ?? storage.failure ?? uploadFailure(error);
  } finally {
    onBytes(body.received);
  }
}

function mediaTypeOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  return headers['content-type']?.split(';')[0]?.trim().toLowerCase();
}

/** Only `multipart/` means something of what clients say a body is. */
function isRaw(type: string | undefined, { takesRawSource = false, takesBytes = false }: UploadShape): boolean {
  if (takesBytes) return true;
  return takesRawSource && type?.startsWith('multipart/') !== true;
}

/** The body is the source. */
async function receiveRaw(
  request: IncomingMessage,
  limits: UploadLimits,
  onBytes: (bytes: number) => void,
  onRequest: ReturnType<typeof namedDigests>,
  { holdsSource = false }: UploadShape,
  holding: HeldUploads,
): Promise<Upload> {
  const { uploadDir, maxSourceBytes: maxBytes, uploadIdleTimeoutMs: idleMs, uploadTimeoutMs: totalMs } = limits;
  const md5 = namedMd5(request.headers);
  const announced = Number(request.headers['content-length']);
  const isHeld = holdsSource && md5 === undefined && holding.reserve(announced);
  const storage = new UploadStorage(uploadDir, maxBytes, md5 !== undefined);
  const body = new UploadBody(request, { maxBytes, idleMs, totalMs }, 'application/octet-stream', false);
  let upload: Upload | undefined;
  try {
    upload = await (isHeld ? holding.take(body, announced) : storage.take(body));
    if (upload.bytes === 0) throw emptyBody(onRequest.length > 0);
    checkDigests(onRequest, [], upload.digest, upload.digest);
    checkMd5(md5, upload.md5);
    return upload;
  } catch (error) {
    body.destroy();
    upload?.held?.release();
    await storage.discard();
    throw body.failure ?? storage.failure ?? uploadFailure(error);
  } finally {
    onBytes(body.received);
  }
}

/** Resolves with the headers of the source's part. */
function parse(
  body: UploadBody,
  storage: UploadStorage | UploadMemory,
  maxSourceBytes: number,
  sourcePart: string,
): Promise<PartHeaders> {
  let latest: PartHeaders = {};
  let isNamed = true;
  let ofSource: PartHeaders | undefined;
  // `streamHandler` is part of multer 2.5 and not yet of its types.
  const options: multer.Options & {
    streamHandler: (request: unknown, parser: Writable) => void;
  } = {
    storage,
    limits: { ...FIELD_LIMITS, fileSize: maxSourceBytes },
    defParamCharset: 'utf8',
    fileFilter(_request, file, accept) {
      if (ofSource !== undefined) return accept(broken('expected nothing but fields behind the source, got a file'));
      if (file.fieldname !== sourcePart) return accept(null, false);
      // Asked while the parser tells of this part: the block read last is this part's.
      ofSource = latest;
      if (!isNamed) file.originalname = '';
      accept(null, true);
    },
    streamHandler(_request, parser) {
      watchPartHeaders(parser, (headers) => {
        latest = headers;
        const named = withFileName(headers['content-disposition']?.[0] ?? '', sourcePart);
        isNamed = named === undefined;
        return named === undefined ? headers : { ...headers, 'content-disposition': [named] };
      });
      // multer unpipes when it is done and then waits for the rest of the body. It need not: we do not send it.
      parser.once('unpipe', () => {
        if (!body.readableEnded) body.destroy();
      });
      body.pipe(parser);
    },
  };
  const middleware = multer(options).any();
  return new Promise((resolve, reject) => {
    // multer needs of a request its headers and its stream, and that is what an UploadBody is.
    const request = body as unknown as Request;
    middleware(request, {} as Response, (error: unknown) => {
      if (error) reject(error);
      else if (hasRepeatedField(request.body)) reject(broken('expected every field of the form once, got one twice'));
      else resolve(ofSource ?? {});
    });
  });
}

/** What multer makes of two fields with one name is an array. */
function hasRepeatedField(fields: unknown): boolean {
  return Object.values(fields ?? {}).some(Array.isArray);
}

function uploadFailure(error: unknown): unknown {
  if (error instanceof ProofsheetError) return error;
  if (error instanceof multer.MulterError) {
    switch (error.code) {
      case 'LIMIT_FILE_SIZE':
        return sourceTooLarge();
      case 'LIMIT_FIELD_VALUE':
        return broken('expected fields of at most 16 KiB, got a longer one');
      case 'LIMIT_FILE_COUNT':
      case 'LIMIT_UNEXPECTED_FILE':
        return broken(`expected at most ${MAX_OTHER_FILES} other files before the source, got more`);
      case 'LIMIT_PART_COUNT':
      case 'LIMIT_FIELD_COUNT':
        return broken(`expected at most ${FIELD_LIMITS.fields} fields beside the file, got more`);
      default:
        return broken('expected plain field names of at most 256 characters, got another');
    }
  }
  if (error instanceof Error && isFileSystemError(error)) return error;
  return broken('expected a complete multipart/form-data body with its boundary, got a malformed or cut one', error);
}

function isFileSystemError(error: Error): boolean {
  return 'syscall' in error && 'code' in error && 'errno' in error;
}

function missingSource(part: string): ProofsheetError {
  return new ProofsheetError('missing-source-image', `expected a part named ${part}, got none`);
}

function emptyBody(isNamed: boolean): ProofsheetError {
  return new ProofsheetError(
    'missing-source-image',
    isNamed
      ? 'expected the bytes of an image: that of this digest is not known in this context, or not completely; send it'
      : 'expected an image, got an empty body',
  );
}

function broken(message: string, cause?: unknown): ProofsheetError {
  return new ProofsheetError('broken-upload', message, { cause });
}
