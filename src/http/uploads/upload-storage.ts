// Where the multipart parser puts the file of one upload: a temp file of ours, hashed on the way, never whole in memory.
// A multer storage engine; knows nothing of requests and answers.
import { createHash, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request } from 'express';
import type { StorageEngine } from 'multer';
import { parseDigest } from '../../kernel/digest.js';
import { asMachineFailure, DATA_DIR_GONE, ProofsheetError } from '../../kernel/errors.js';
import { safeFileName } from '../../kernel/file-name.js';
import type { Upload } from '../../previews/answers.js';
import { createChunkFile } from './passed-on-chunks.js';
import { sourceTooLarge } from './upload-body.js';

type Stored = Pick<Express.Multer.File, 'path' | 'size'>;

export class UploadStorage implements StorageEngine {
  private readonly path: string;
  private writing: Promise<void> | undefined;
  private stored: Upload | undefined;
  private failed: ProofsheetError | undefined;
  private discarded = false;

  constructor(
    uploadDir: string,
    private readonly maxSourceBytes: number,
    /** MD5 beside SHA-256, which costs twice as much. */
    private readonly withMd5 = false,
  ) {
    this.path = join(uploadDir, `${randomUUID()}.upload`);
  }

  /** The finished upload, or `undefined` when no file came. */
  get upload(): Upload | undefined {
    return this.stored;
  }

  /** Why the file could not be taken, once it is discarded: the parser may tell first, and in the system's words. */
  get failure(): ProofsheetError | undefined {
    return this.failed;
  }

  /** The whole of `stream` as the file. */
  async take(stream: Readable): Promise<Upload> {
    const writing = this.write({ stream, originalname: '' });
    this.writing = writing.then(() => undefined);
    await this.writing;
    if (this.stored === undefined) throw new Error('expected a file that was written');
    return this.stored;
  }

  /** Removes whatever was written, and takes nothing more; resolves when it is gone. */
  async discard(): Promise<void> {
    this.discarded = true;
    await this.writing?.catch(() => undefined);
    if (this.writing !== undefined) await rm(this.path, { force: true });
  }

  _handleFile(
    _request: Request,
    file: Express.Multer.File,
    done: (error?: unknown, info?: Partial<Express.Multer.File>) => void,
  ): void {
    // The parser may come upon a file after it has told of a fault before it.
    if (this.discarded) {
      file.stream.resume();
      done(new Error('expected no file after the upload was given up'));
      return;
    }
    this.writing = this.write(file).then(
      (stored) => done(null, stored),
      (error: unknown) => done(error),
    );
  }

  _removeFile(_request: Request, _file: Express.Multer.File, done: (error: Error | null) => void): void {
    // The one place that removes is discard(), which every failed upload comes to.
    done(null);
  }

  private async write(file: Pick<Express.Multer.File, 'stream' | 'originalname'>): Promise<Stored> {
    const hash = createHash('sha256');
    const md5 = this.withMd5 ? createHash('md5') : undefined;
    let bytes = 0;
    // Beside the pipe, not as a stage of it, which would cost as much again as the hash: both see a chunk at the same time.
    file.stream.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      md5?.update(chunk);
      bytes += chunk.length;
    });
    // The parser cuts the stream at its limit and then waits for the rest of the body; we do not.
    const limit = new AbortController();
    file.stream.once('limit', () => limit.abort());
    const target = createChunkFile(this.path);
    const closed = new Promise<void>((resolve) => target.once('close', resolve));
    try {
      await pipeline(file.stream, target, { signal: limit.signal });
    } catch (error) {
      // A pipeline that is cut may end while its file is still being opened: then it would come to be after its removal.
      target.destroy();
      await closed;
      const failure = limit.signal.aborted ? sourceTooLarge(this.maxSourceBytes) : writeFailure(error);
      if (failure instanceof ProofsheetError) this.failed = failure;
      throw failure;
    }
    const digest = parseDigest(hash.digest('hex'));
    if (digest === undefined) throw new Error('expected SHA-256 to be 64 hex characters');
    const fileName = safeFileName(file.originalname);
    this.stored = {
      path: this.path,
      digest,
      bytes,
      ...(md5 && { md5: md5.digest('hex') }),
      ...(fileName === '' ? {} : { fileName }),
    };
    return { path: this.path, size: bytes };
  }
}

function writeFailure(error: unknown): unknown {
  // A new file whose directory is gone: that was made at the start.
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
    return new ProofsheetError('storage-full', DATA_DIR_GONE, { cause: error, elsewhere: true });
  return asMachineFailure(error) ?? error;
}
