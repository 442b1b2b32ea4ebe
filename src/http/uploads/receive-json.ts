// Bodies of JSON: small, complete, in time, and one value. What they say is their route's to check.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProofsheetError } from '../../kernel/errors.js';
import { awaitsContinue } from '../wire/expectation.js';
import { UploadBody, type UploadBodyLimits } from './upload-body.js';

/** Far more than most requests need, and small enough to be held by every connection. */
const MAX_BYTES = 64 * 1024;
/** What all requests hold at the same time: as text alone, and what is parsed of it takes several times as much. */
const MAX_HELD = { bodies: 256, bytes: 32 * 2 ** 20 } as const;
/** Of it one holder may have a quarter: one of the largest bodies, and whoever sends slowly leaves room for the others. */
const HOLDER_SHARE = 4;
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
  /** Throws as `JsonBodies.enter` when so much more is too much. */
  add(bytes: number): void;
  /** To be called once, when nobody needs the value any more. */
  leave(): void;
}

interface Held {
  bodies: number;
  bytes: number;
}

/** Bodies of JSON that are received or answered at the same time: so many, and so many bytes, of one process and of one holder. */
export class JsonBodies {
  private readonly all: Held = { bodies: 0, bytes: 0 };
  private readonly holders = new Map<string, Held>();

  constructor(private readonly most: Readonly<Held> = MAX_HELD) {}

  /** `holder`: whoever is to leave room for others. Throws `over-quota` when that one has too many, `overloaded` when all have. */
  enter(holder: string): JsonHold {
    const own = this.holders.get(holder) ?? { bodies: 0, bytes: 0 };
    this.check(own, { bodies: 1, bytes: 0 });
    this.holders.set(holder, own);
    for (const held of [own, this.all]) held.bodies++;
    let bytes = 0;
    return {
      add: (more) => {
        this.check(own, { bodies: 0, bytes: more });
        for (const held of [own, this.all]) held.bytes += more;
        bytes += more;
      },
      leave: () => {
        for (const held of [own, this.all]) {
          held.bodies--;
          held.bytes -= bytes;
        }
        if (own.bodies === 0) this.holders.delete(holder);
      },
    };
  }

  private check(own: Held, more: Readonly<Held>): void {
    const { bodies, bytes } = this.most;
    const isOver = (held: Held, share: number): boolean =>
      held.bodies + more.bodies > bodies / share || held.bytes + more.bytes > bytes / share;
    if (isOver(own, HOLDER_SHARE)) throw tooMuch('over-quota', 'too many bodies of JSON of this client');
    if (isOver(this.all, 1)) throw tooMuch('overloaded', 'too many bodies of JSON');
  }
}

function tooMuch(code: 'over-quota' | 'overloaded', what: string): ProofsheetError {
  return new ProofsheetError(code, `${what} are being received; send this one again`, {
    retryAfterSeconds: RETRY_SECONDS,
  });
}

/**
 * The value of the request's body. Throws `source-type-refused` for another media type, `broken-upload` for what is no JSON
 * or nested deeper than `MAX_DEPTH`,
 * `source-too-large` (more than `maxBytes`), `upload-too-slow`, what `hold` throws, and `ClientGone`.
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
  if (awaitsContinue(request)) response.writeContinue();
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
