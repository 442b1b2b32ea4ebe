// The body of an upload on its way to the multipart parser: counted, limited and timed. The parser reads this stream
// instead of the request, so that it can be ended at once while the request still lives to be answered.
import { createHash, type Hash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { type Digest, parseDigest } from '../../kernel/digest.js';
import { ProofsheetError } from '../../kernel/errors.js';
import { ClientGone } from '../wire/taking.js';

export interface UploadBodyLimits {
  /** Of the whole body, parts and boundaries included. */
  readonly maxBytes: number;
  /** The longest silence between two chunks. */
  readonly idleMs: number;
  /** From now to the end of the body. */
  readonly totalMs: number;
}

export class UploadBody extends Readable {
  readonly headers: IncomingHttpHeaders;
  /** Why the body ended early, when it did. */
  failure: Error | undefined;
  /** Bytes received so far. */
  received = 0;
  private readonly hash: Hash | undefined;
  private readonly idle: NodeJS.Timeout;
  private readonly total: NodeJS.Timeout;

  /**
   * Starts to read `request`, whose form has the given Content-Type for the parser. With `hashed` the digest of the whole
   * body is known in the end.
   */
  constructor(
    private readonly request: IncomingMessage,
    private readonly limits: UploadBodyLimits,
    formType: string,
    hashed: boolean,
  ) {
    super();
    this.headers = { ...request.headers, 'content-type': formType };
    this.hash = hashed ? createHash('sha256') : undefined;
    this.idle = setTimeout(() => this.fail(tooSlow(`sent nothing for ${limits.idleMs} ms`)), limits.idleMs);
    this.total = setTimeout(() => this.fail(tooSlow(`not complete after ${limits.totalMs} ms`)), limits.totalMs);
    // A parser that is gone already would leave an error without a listener, and that ends the process.
    this.on('error', () => undefined);
    request.once('aborted', this.onGone);
    request.once('close', this.onGone);
    request.once('error', this.onGone);
    request.once('end', this.onEnd);
    request.on('data', this.onChunk);
  }

  /** SHA-256 of the whole body; only with `hashed`, once, after the end. */
  digest(): Digest | undefined {
    return this.hash && parseDigest(this.hash.digest('hex'));
  }

  /** Ends the body early for `failure`: the first one counts. */
  fail(failure: Error): void {
    this.failure ??= failure;
    this.destroy(this.failure);
  }

  override _read(): void {
    this.request.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.idle);
    clearTimeout(this.total);
    // What is still to come is left where it is.
    this.request.off('data', this.onChunk);
    this.request.pause();
    this.request.off('end', this.onEnd);
    this.request.off('aborted', this.onGone);
    this.request.off('close', this.onGone);
    done(error);
  }

  private readonly onChunk = (chunk: Buffer): void => {
    this.idle.refresh();
    this.received += chunk.length;
    if (this.received > this.limits.maxBytes) {
      this.fail(sourceTooLarge());
      return;
    }
    this.hash?.update(chunk);
    if (!this.push(chunk)) this.request.pause();
  };

  private readonly onEnd = (): void => {
    clearTimeout(this.idle);
    clearTimeout(this.total);
    this.push(null);
  };

  private readonly onGone = (): void => {
    if (!this.request.complete) this.fail(new ClientGone('the client left during its upload'));
  };
}

/** The failure of a source, or a body around it, that has more bytes than are allowed. */
export function sourceTooLarge(maxBytes?: number): ProofsheetError {
  return new ProofsheetError(
    'source-too-large',
    maxBytes === undefined
      ? 'expected a smaller upload, got more bytes than are allowed for a source and its form'
      : `expected a source of at most ${maxBytes} bytes, got more`,
  );
}

function tooSlow(what: string): ProofsheetError {
  return new ProofsheetError('upload-too-slow', `the upload was ${what}; it was given up and nothing was stored`);
}
