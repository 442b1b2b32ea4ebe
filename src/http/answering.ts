// The one writer of replies: HEAD, conditions, ranges, healing, what is logged as routine, and what the hot lane may keep.
// Knows no dialect.
import { createHash, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { reprDigest } from '../kernel/digest.js';
import type { Clock } from '../kernel/ports/clock.js';
import type { CountingSlot } from '../kernel/ports/metrics.js';
import type { PreviewChoice, Previews } from '../previews/answers.js';
import type { HotLane } from './hot/hot-lane.js';
import { AS_LINES, asParts, failureOfMany, pictureOfMany } from './replies/batch-response.js';
import { type Conditions, isNotModified } from './replies/conditional.js';
import { type Failure, failureOf } from './replies/error-map.js';
import { type HeaderPairs, JSON_HEADERS, jsonHeaders } from './replies/headers.js';
import { imageAnswer, MEDIA_TYPES, UNCONDITIONAL } from './replies/image-response.js';
import { imageAndMetadata } from './replies/multipart-response.js';
import { originalAnswer } from './replies/original-response.js';
import type {
  BothReply,
  DrawnReply,
  JsonReply,
  OriginalReply,
  PageReply,
  PictureReply,
  PicturesReply,
  RedirectReply,
  Reply,
} from './replies/reply.js';
import { sendProtocolError } from './wire/error-response.js';
import type { Exchange } from './wire/exchange-log.js';
import type { Sender } from './wire/sender.js';

export interface AnsweringDependencies {
  readonly previews: Pick<Previews, 'read'>;
  readonly clock: Clock;
  readonly send: Sender;
  /** `Cache-Control` of previews and of JSON that is kept. */
  readonly cacheControl: string;
  /** Where answers with a choice are counted. */
  readonly countOf?: (choice: PreviewChoice) => CountingSlot | undefined;
  /** Told of what failed in an answer of many. */
  readonly onFailedPart?: (exchange: Exchange, failure: Failure) => void;
  /** Takes answers that are worth preparing. */
  readonly hotLane?: HotLane;
}

/** The request that a reply answers. */
export interface Answered {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly exchange: Exchange;
  /** What a prepared answer would be asked for by. */
  readonly url: string;
  /** Headers that are on the response already, and have to be on a prepared answer too. */
  readonly headers: HeaderPairs;
  /** Unix ms until which this URL opens the answer to anybody; `undefined` when it takes a token. */
  readonly urlValidUntilMs: number | undefined;
  /** Who may read is what it was when the request was admitted. */
  readonly isStillAdmitted: () => boolean;
  /** The catalog's generation before the choice was made. */
  readonly generation: number;
}

const NO_BODY = ['Content-Length', '0'] as const;

/** Resolves when the socket has taken the answer. */
export type Answering = (reply: Reply, answered: Answered) => Promise<void>;

export function createAnswering(deps: AnsweringDependencies): Answering {
  return (reply, answered) => {
    switch (reply.kind) {
      case 'picture':
        return picture(deps, reply, answered);
      case 'drawn':
        return drawnPicture(deps, reply, answered);
      case 'original':
        return original(deps, reply, answered);
      case 'both':
        return both(deps, reply, answered);
      case 'json':
        return json(deps, reply, answered);
      case 'listing':
        return deps.send.stream(answered.response, answered.exchange, JSON_HEADERS, reply.pieces);
      case 'pictures':
        return pictures(deps, reply, answered);
      case 'stream':
        return deps.send.stream(answered.response, answered.exchange, reply.headers, reply.pieces());
      case 'empty':
        return deps.send.bytes(answered.response, answered.exchange, 200, [...reply.headers, NO_BODY], []);
      case 'redirect':
        return redirect(deps, reply, answered);
      case 'page':
        return page(deps, reply, answered);
    }
  };
}

async function picture(deps: AnsweringDependencies, reply: PictureReply, answered: Answered): Promise<void> {
  const { previews, clock, send, cacheControl, countOf } = deps;
  const { choice, headers: more = [] } = reply;
  const { request, response, exchange } = answered;
  // What stands in for a better picture is asked for again.
  const keeping = choice.part?.isPassing ? 'no-store' : cacheControl;
  const reading = isReading(request);
  const conditions = reading ? conditionsOf(request) : UNCONDITIONAL;
  const answerFor = (chosen: PictureReply['choice']) => imageAnswer(chosen, conditions, keeping, clock.now());
  const planned = answerFor(choice);
  if (planned.status === 416) return sendProtocolError(response, exchange, 'range-not-satisfiable', planned.headers);
  // 304 and HEAD are answered by what the catalog knows: no tier is asked for bytes that nobody gets.
  if (planned.range === undefined || request.method === 'HEAD') {
    exchange.routine = true;
    await send.bytes(response, exchange, planned.status, [...planned.headers, ...more], []);
    countOf?.(choice)?.add();
    return offer(deps, reply, answered);
  }
  const read = await previews.read(choice);
  exchange.from = read.from;
  exchange.routine = reading && read.from !== 'made';
  // Healing may have made another preview than the lost one: then the headers are its own, and so is the range.
  const { status, headers, range } = read.choice === choice ? planned : answerFor(read.choice);
  const body = range === undefined ? [] : [read.bytes.subarray(range.first, range.last + 1)];
  await send.bytes(response, exchange, status, [...headers, ...more], body);
  countOf?.(read.choice)?.add();
  // What was healed has changed its entry meanwhile: the next request finds it as it is.
  if (reading && read.from !== 'made') offer(deps, reply, answered);
}

/** What the hot lane may answer next time, but for what is right for this request alone. */
function offer(
  { hotLane }: AnsweringDependencies,
  { choice, headers: own = [], isForThisRequest = false, acceptClass }: PictureReply,
  { url, exchange, generation, urlValidUntilMs, isStillAdmitted, headers }: Answered,
): void {
  if (isForThisRequest || choice.part?.isPassing || !isStillAdmitted()) return;
  hotLane?.offer(url, exchange.asked, choice, generation, urlValidUntilMs, [...headers, ...own], acceptClass);
}

/** Of an upload: as made for it, whether somebody else had it made before or not. */
async function drawnPicture(
  { send }: AnsweringDependencies,
  { drawn, headers: more = [], status = 200 }: DrawnReply,
  { response, exchange }: Answered,
): Promise<void> {
  const { type, digest } = drawn.picture;
  exchange.from = drawn.from;
  exchange.routine = drawn.from !== 'made';
  const own: HeaderPairs = [
    ['Content-Type', MEDIA_TYPES[type]],
    ['Content-Length', String(drawn.bytes.length)],
    ['ETag', `"${digest}"`],
    ['Cache-Control', 'no-store'],
    ['Repr-Digest', reprDigest(digest)],
    ['X-Content-Type-Options', 'nosniff'],
  ];
  const headers = [...own.filter(([name]) => more.every(([other]) => other !== name)), ...more];
  await send.bytes(response, exchange, status, headers, [drawn.bytes]);
}

async function original(
  { clock, send, cacheControl }: AnsweringDependencies,
  reply: OriginalReply,
  { request, response, exchange }: Answered,
): Promise<void> {
  const conditions = isReading(request) ? conditionsOf(request) : UNCONDITIONAL;
  const answer = originalAnswer(reply, conditions, cacheControl, clock.now());
  const { status, range } = answer;
  const headers = [...answer.headers, ...(reply.headers ?? [])];
  if (status === 416) return sendProtocolError(response, exchange, 'range-not-satisfiable', headers);
  exchange.routine = true;
  if (range === undefined || request.method === 'HEAD') return send.bytes(response, exchange, status, headers, []);
  await send.stream(response, exchange, headers, await reply.open(range.first, range.last + 1), status);
}

async function both(
  { previews, clock, send, cacheControl, countOf }: AnsweringDependencies,
  { choice, metadata }: BothReply,
  { request, response, exchange }: Answered,
): Promise<void> {
  const answerFor = (chosen: BothReply['choice']) => imageAndMetadata(chosen, metadata(chosen), cacheControl);
  const planned = answerFor(choice);
  exchange.routine = isReading(request);
  if (isUnchanged(request, planned.etag, clock.now())) {
    const headers = withoutContent(planned.headers);
    return send.bytes(response, exchange, 304, headers, []);
  }
  if (request.method === 'HEAD') return send.bytes(response, exchange, 200, planned.headers, []);
  const read = await previews.read(choice);
  exchange.from = read.from;
  exchange.routine &&= read.from !== 'made';
  const whole = read.choice === choice ? planned : answerFor(read.choice);
  await send.bytes(response, exchange, 200, whole.headers, [whole.before, read.bytes, whole.after]);
  countOf?.(read.choice)?.add();
}

async function json(
  { clock, send, cacheControl }: AnsweringDependencies,
  reply: JsonReply,
  { request, response, exchange }: Answered,
): Promise<void> {
  const { text, status = 200, isKept = false, headers = [] } = reply;
  const body = Buffer.from(text);
  if (!isKept) return send.bytes(response, exchange, status, [...jsonHeaders(body.length), ...headers], [body]);
  const etag = `"${createHash('sha256').update(body).digest('hex')}"`;
  const kept: HeaderPairs = [['ETag', etag], ['Cache-Control', cacheControl], ...headers];
  exchange.routine = true;
  if (isUnchanged(request, etag, clock.now())) return send.bytes(response, exchange, 304, withoutContent(kept), []);
  await send.bytes(response, exchange, status, [...jsonHeaders(body.length), ...kept], [body]);
}

function pictures(deps: AnsweringDependencies, reply: PicturesReply, { response, exchange }: Answered): Promise<void> {
  const { clock, send, cacheControl, countOf, onFailedPart } = deps;
  const writing = reply.as === 'lines' ? AS_LINES : asParts(`proofsheet-${randomUUID()}`);
  exchange.routine = true;
  async function* written(): AsyncGenerator<string | Uint8Array, void, undefined> {
    for await (const item of reply.items) {
      if ('failed' in item) {
        const failure = failureOf(item.failed);
        onFailedPart?.(exchange, failure);
        yield writing.write(failureOfMany(item.index, exchange.renderFailure(failure)));
      } else {
        yield writing.write(pictureOfMany(item, reply.ifNoneMatch(item.index), cacheControl, clock.now()));
        countOf?.(item.read.choice)?.add();
      }
    }
    yield writing.end;
  }
  return send.stream(response, exchange, writing.headers, written());
}

function redirect(
  { send }: AnsweringDependencies,
  { status, location, text }: RedirectReply,
  { response, exchange }: Answered,
): Promise<void> {
  const body = text === undefined ? [] : [Buffer.from(text)];
  const headers: HeaderPairs = [
    ['Location', location],
    ...(body[0] ? jsonHeaders(body[0].length) : ([['Content-Length', '0']] as const)),
    ['Cache-Control', 'no-store'],
  ];
  return send.bytes(response, exchange, status, headers, body);
}

function page(
  { send }: AnsweringDependencies,
  { html, contentSecurityPolicy }: PageReply,
  { response, exchange }: Answered,
): Promise<void> {
  const body = Buffer.from(html);
  exchange.routine = true;
  const headers: HeaderPairs = [
    ['Content-Type', 'text/html; charset=utf-8'],
    ['Content-Length', String(body.length)],
    ['Cache-Control', 'no-store'],
    ['Content-Security-Policy', contentSecurityPolicy],
  ];
  return send.bytes(response, exchange, 200, headers, [body]);
}

/** Metadata has no date of its own, so only the tag counts. */
function isUnchanged(request: IncomingMessage, etag: string, nowMs: number): boolean {
  if (!isReading(request)) return false;
  const { ifNoneMatch } = conditionsOf(request);
  return isNotModified({ ifNoneMatch, ifModifiedSince: undefined }, { etag, lastModifiedMs: nowMs }, nowMs);
}

/** What a 304 carries: nothing of the body that it leaves out. */
function withoutContent(headers: HeaderPairs): HeaderPairs {
  return headers.filter(([name]) => !name.startsWith('Content-'));
}

function isReading({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** The header texts that conditions are read from. */
function conditionsOf({ headers, method }: IncomingMessage): Conditions {
  const ifRange = headers['if-range'];
  return {
    ifNoneMatch: headers['if-none-match'],
    ifModifiedSince: headers['if-modified-since'],
    ifRange: Array.isArray(ifRange) ? ifRange[0] : ifRange,
    // RFC 9110, section 14.2: Range means something for GET only.
    range: method === 'GET' ? headers.range : undefined,
  };
}
