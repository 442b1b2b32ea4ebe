// Bodies of JSON: small, complete, in time, and one value. What they say is their route's to check.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProofsheetError } from '../../kernel/errors.js';
import { UploadBody, type UploadBodyLimits } from './upload-body.js';

/** Far more than most requests need, and small enough to be held by every connection. */
const MAX_BYTES = 64 * 1024;
/** What all requests hold at the same time: as text alone, and what is parsed of it takes several times as much. */
const MAX_BODIES = 256;
const MAX_HELD_BYTES = 32 * 2 ** 20;
const RETRY_SECONDS = 1;
const MEDIA_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';
/** Deeper than anybody means, and far from what exhausts the stack of whoever writes the value out again. */
const MAX_DEPTH = 100;

/** How a route's bodies look. */
export interface JsonShape {
  readonly maxJsonBytes?: number;
  /** None, and a form, are taken too. */
  readonly isBodyLoose?: boolean;
}

/** One request's part of what all hold. */
export interface JsonHold {
  /** Throws `overloaded` when all together hold too much. */
  add(bytes: number): void;
  /** To be called once, when nobody needs the value any more. */
  leave(): void;
}

/** Bodies of JSON that are received or answered at the same time: so many, and so many bytes, of one process. */
export class JsonBodies {
  private bodies = 0;
  private bytes = 0;

  constructor(private readonly most = { bodies: MAX_BODIES, bytes: MAX_HELD_BYTES }) {}

  /** Throws `overloaded` when there are too many. */
  enter(): JsonHold {
    if (this.bodies >= this.most.bodies) throw tooMuch();
    this.bodies++;
    let held = 0;
    return {
      add: (bytes) => {
        if (this.bytes + bytes > this.most.bytes) throw tooMuch();
        this.bytes += bytes;
        held += bytes;
      },
      leave: () => {
        this.bodies--;
        this.bytes -= held;
      },
    };
  }
}

function tooMuch(): ProofsheetError {
  return new ProofsheetError('overloaded', 'too many bodies of JSON are being received; send this one again', {
    retryAfterSeconds: RETRY_SECONDS,
  });
}

/**
 * The value of the request's body. Throws `source-type-refused` for another media type, `broken-upload` for what is no JSON
 * or nested deeper than `MAX_DEPTH`,
 * `source-too-large` (more than `maxBytes`), `upload-too-slow`, `overloaded` (more than `hold` has room for), and `ClientGone`.
 */
export async function receiveJson(
  request: IncomingMessage,
  response: ServerResponse,
  {
    uploadIdleTimeoutMs: idleMs,
    uploadTimeoutMs,
  }: { readonly uploadIdleTimeoutMs: number; readonly uploadTimeoutMs: number },
  hold: JsonHold,
  { maxJsonBytes: maxBytes = MAX_BYTES, isBodyLoose = false }: JsonShape = {},
): Promise<unknown> {
  const { headers } = request;
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  const isForm = isBodyLoose && type === FORM_TYPE;
  if ((type !== MEDIA_TYPE && !isForm) || (headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new ProofsheetError('source-type-refused', `expected a body of ${MEDIA_TYPE}, not encoded, got another`);
  if (headers.expect !== undefined) response.writeContinue();
  const limits: UploadBodyLimits = { maxBytes, idleMs, totalMs: uploadTimeoutMs };
  const body = new UploadBody(request, limits, MEDIA_TYPE, false);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of body) {
      hold.add(chunk.length);
      chunks.push(chunk);
    }
  } catch (error) {
    throw body.failure ?? error;
  }
  const bytes = Buffer.concat(chunks);
  if (isForm) return formIn(bytes);
  // A chunked body may turn out to be none.
  if (isBodyLoose && bytes.length === 0) return undefined;
  const value = parsed(bytes);
  if (isDeeperThan(MAX_DEPTH, value))
    throw new ProofsheetError('broken-upload', `expected JSON of at most ${MAX_DEPTH} levels, got more`);
  return value;
}

/** Its fields as texts; of one given twice the last counts. */
function formIn(bytes: Buffer): Readonly<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(bytes.toString('utf8')));
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // V8's own words quote what was sent.
    throw new ProofsheetError('broken-upload', 'expected a body of JSON in UTF-8, got something else');
  }
}

/** Level by level: parsing takes any depth, but walks that recurse, `JSON.stringify` among them, do not. */
function isDeeperThan(most: number, value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > most) return true;
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
  }
  return false;
}
