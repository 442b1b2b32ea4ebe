// Where the multipart parser puts the file of a small upload: memory. What becomes of it is stored elsewhere as bytes, so that a file
// of its own would only be made, written, closed and removed. A multer storage engine; knows nothing of requests and answers.
import type { Request } from 'express';
import type { StorageEngine } from 'multer';
import { digestOf } from '../../kernel/digest.js';
import { safeFileName } from '../../kernel/file-name.js';
import type { Upload } from '../../previews/answers.js';
import { sourceTooLarge } from './upload-body.js';

export class UploadMemory implements StorageEngine {
  private taken: Upload | undefined;
  /** As the other storage has it: nothing can fail here. */
  readonly failure = undefined;

  /** Whoever uses it bounds the whole body, whose length is known. */
  constructor(private readonly maxSourceBytes: number) {}

  /** The finished upload, or `undefined` when no file came. */
  get upload(): Upload | undefined {
    return this.taken;
  }

  async discard(): Promise<void> {
    this.taken = undefined;
  }

  _handleFile(
    _request: Request,
    { stream, originalname }: Express.Multer.File,
    done: (error?: unknown, info?: Partial<Express.Multer.File>) => void,
  ): void {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    // The parser's file that is cut off is destroyed, with or without an error; told twice, the parser would count twice.
    let told = false;
    const tell: typeof done = (...outcome) => {
      if (!told) done(...outcome);
      told = true;
    };
    // The parser cuts the stream at its limit and then waits for the rest of the body; we do not.
    stream.once('limit', () => tell(sourceTooLarge(this.maxSourceBytes)));
    stream.once('error', tell);
    stream.once('close', () => {
      if (!told) tell(new Error('expected a file that ends, got one that was cut off'));
    });
    stream.once('end', () => {
      if (told) return;
      // Memory of its own: the chunks are parts of what the socket was read into.
      const content = Buffer.concat(chunks);
      const fileName = safeFileName(originalname);
      this.taken = {
        path: '',
        content,
        digest: digestOf(content),
        bytes: content.length,
        ...(fileName === '' ? {} : { fileName }),
      };
      tell(null, { size: content.length });
    });
  }

  _removeFile(_request: Request, _file: Express.Multer.File, done: (error: Error | null) => void): void {
    done(null);
  }
}
