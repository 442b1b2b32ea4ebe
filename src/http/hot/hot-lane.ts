// Prepared answers for cached previews, tried before Express sees the request. They hold no truth of their own: each is
// valid only while the catalog says that its group is still the one it was prepared from, and its bytes are the tiers'.
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { Digest } from '../../kernel/digest.js';
import type { GroupRef } from '../../kernel/image-key.js';
import type { Catalog } from '../../kernel/ports/catalog.js';
import type { Clock } from '../../kernel/ports/clock.js';
import type { CountingSlot } from '../../kernel/ports/metrics.js';
import type { ImageGroup } from '../../kernel/source.js';
import type { Slice } from '../../kernel/zoom/pyramid-index.js';
import type { PreviewChoice } from '../../previews/answers.js';
import type { AskedLabels } from '../replies/asked.js';
import type { Conditions } from '../replies/conditional.js';
import type { HeaderPairs } from '../replies/headers.js';
import { type AnsweredChoice, imageAnswer, UNCONDITIONAL } from '../replies/image-response.js';
import type { ByteRange } from '../replies/range.js';
import { foldedTarget } from '../wire/request-rules.js';
import { isWaiting, limitTaking } from '../wire/taking.js';
import { acceptOf, authorizationOf, rawConditionsOf } from './raw-headers.js';
import { TurnGeneration } from './turn-generation.js';

/** A longer URL is not worth remembering. */
const MAX_URL_CHARACTERS = 2_048;
/** What an entry costs beside its URL: headers, group, the cache's own slots. Measured: 2.1 kB with 64 characters of key. */
const ENTRY_BYTES = 2_304;
/** A URL may be held in two bytes per character. */
const CHARACTER_BYTES = 2;

/** The part of the catalog that tells at once whether a prepared answer is still true. */
export type Currency = Pick<Catalog, 'generation' | 'revisionOf'>;

/** What a prepared answer is answered with. */
export type HotStatus = 200 | 206 | 304;

/** The preview bytes, by digest: what a digest names never changes, so they are right whenever they are there. */
export interface Bodies {
  /** The bytes if they are to be had at once: in memory, or of a `slice` that is read as soon as it is asked for. */
  peek(digest: Digest, slice?: Slice): Buffer | undefined;
  /** The bytes from whichever tier has them; `slice`: they are a part of a larger blob. */
  find(digest: Digest, slice?: Slice): Promise<{ readonly bytes: Buffer } | undefined>;
  /** The same of a picture that was drawn on demand. */
  findDrawn(digest: Digest): Promise<{ readonly bytes: Buffer } | undefined>;
}

export interface HotLaneDeps {
  readonly currency: Currency;
  readonly bodies: Bodies;
  readonly clock: Clock;
  readonly cacheControl: string;
  /** Most bytes of prepared answers, which hold everything but the preview's bytes. */
  readonly maxBytes: number;
  /** Time a client has to take each 256 KiB of an answer that the socket did not take at once. */
  readonly sendTimeoutMs: number;
  /** Whether an `Authorization` header opens the group to its sender; asked where a URL alone does not open it. */
  readonly admits?: (authorization: string | undefined, ref: GroupRef) => boolean;
  /** What clients with this Accept header have in common, where answers differ by it. */
  readonly acceptClassOf?: (accept: string) => string;
  /** Where answers with this choice are counted; looked up once for a prepared answer. */
  readonly countOf?: (choice: PreviewChoice) => CountingSlot | undefined;
  /** Called for every answer given; has to be cheap. */
  readonly onAnswer: (
    asked: AskedLabels,
    group: ImageGroup,
    status: HotStatus,
    bodyBytes: number,
    seconds: number,
    request: IncomingMessage,
  ) => void;
}

/** An answer that lacks only its bytes. */
interface Planned {
  readonly status: HotStatus;
  readonly headers: string[];
  /** `undefined`: all of them. */
  readonly range: ByteRange | undefined;
}

const NO_BODY = Buffer.alloc(0);

interface Prepared {
  /** What it is offered under: path and query, the path folded. */
  readonly url: string;
  readonly asked: AskedLabels;
  /** What the answer is made of, and no more: metadata and the other previews may be large. */
  readonly choice: AnsweredChoice & { readonly entry: { readonly group: ImageGroup } };
  /** Flat name/value lists: Node writes them as they are. */
  readonly headers: string[];
  /** Those of them that the choice does not give; usually none. */
  readonly alsoHeaders: string[];
  /** Made when they are first needed: most entries never need them. */
  headers304: string[] | undefined;
  readonly etag: string;
  readonly count: CountingSlot | undefined;
  /** Of a tile: where its bytes are. */
  readonly slice: Slice | undefined;
  /** It was drawn on demand, and is kept with such pictures. */
  readonly isDrawn: boolean;
  /** Unix ms until which the URL opens the answer to anybody; `undefined` when it takes a token. */
  readonly urlValidUntilMs: number | undefined;
  /** The catalog's generation at which the revision was last known to be current. */
  generation: number;
}

/** Stands for a URL whose answer depends on what the client takes: each class of clients has an entry of its own. */
const NEGOTIATED = Symbol('negotiated');
const MAX_CLASSES = 256;
const MAX_ACCEPT_CHARACTERS = 512;

export class HotLane {
  private readonly prepared: LRUCache<string, Prepared | typeof NEGOTIATED>;
  /** Of Accept headers, as they are written. */
  private readonly classes = new LRUCache<string, string>({ max: MAX_CLASSES });
  private readonly generations: TurnGeneration;
  /** Reads for answers, and answers that their clients have not taken yet. */
  private readonly underWay = new Set<Promise<void>>();

  constructor(private readonly deps: HotLaneDeps) {
    this.generations = new TurnGeneration(deps.currency);
    this.prepared = new LRUCache({
      maxSize: deps.maxBytes,
      sizeCalculation: (entry, url) =>
        ENTRY_BYTES + CHARACTER_BYTES * headersOf(entry).reduce((sum, text) => sum + text.length, url.length),
    });
  }

  /** The catalog's generation; asked before a choice is made that will be offered. */
  generation(): number {
    return this.deps.currency.generation();
  }

  /**
   * Remembers the answer to `url`, and counts what it answers as `asked`. `generation` is from before the choice was made, so that a change in between is noticed
   * at the first hit. `urlValidUntilMs`: until when the URL alone opens it, as the access check of the slow way said.
   * `alsoHeaders`: what every answer to this URL carries beside what the choice gives it.
   */
  offer(
    url: string,
    asked: AskedLabels,
    choice: PreviewChoice,
    generation: number,
    urlValidUntilMs: number | undefined,
    alsoHeaders: HeaderPairs = [],
    acceptClass?: string,
  ): void {
    const { group, source } = choice.entry;
    const { digest, bytes, type, widthPx, heightPx } = choice.preview;
    const { relation } = choice;
    const { text } = choice.format;
    if (!source.complete || group.revision === '') return;
    if (url.length > MAX_URL_CHARACTERS) return;
    const nowMs = this.deps.clock.now();
    const etag = `"${digest}"`;
    const { cacheControl } = this.deps;
    const key = acceptClass === undefined ? url : classKey(url, acceptClass);
    if (acceptClass !== undefined) this.prepared.set(url, NEGOTIATED);
    this.prepared.set(key, {
      url: key,
      asked,
      choice: { preview: { digest, bytes, type, widthPx, heightPx }, format: { text }, relation, entry: { group } },
      headers: [...imageAnswer(choice, UNCONDITIONAL, cacheControl, nowMs).headers, ...alsoHeaders].flat(),
      alsoHeaders: alsoHeaders.flat(),
      headers304: undefined,
      etag,
      count: this.deps.countOf?.(choice),
      slice: choice.part?.slice,
      isDrawn: choice.part?.isDrawn === true,
      urlValidUntilMs,
      generation,
    });
  }

  /**
   * Answers the request and returns `true`, or leaves it untouched. `otherwise` gets what turns out later to need the slow
   * way. `pipelined`: the request waited for another one on its connection, which has its turn now.
   */
  readonly answer = (
    request: IncomingMessage,
    response: ServerResponse,
    otherwise: RequestListener,
    pipelined: boolean,
  ): boolean => {
    const { method, url } = request;
    if ((method !== 'GET' && method !== 'HEAD') || url === undefined) return false;
    const prepared = this.preparedFor(url, request) ?? this.preparedFolded(url, request);
    if (prepared === undefined) return false;
    if (!this.isCurrent(prepared, pipelined)) {
      this.prepared.delete(prepared.url);
      return false;
    }
    if (prepared.urlValidUntilMs !== Number.POSITIVE_INFINITY && !this.isOpen(prepared, request)) return false;
    const startedAt = performance.now();
    const conditions = rawConditionsOf(request);
    if (conditions === 'not-for-us') return false;
    const planned = this.plan(prepared, method === 'HEAD' ? withoutRange(conditions) : conditions);
    if (planned === undefined) return false;
    const { digest } = prepared.choice.preview;
    const body = planned.status === 304 || method === 'HEAD' ? NO_BODY : this.deps.bodies.peek(digest, prepared.slice);
    if (body !== undefined) this.send(prepared, planned, body, response, startedAt);
    else this.sendOnceRead(prepared, planned, request, response, startedAt, otherwise);
    return true;
  };

  /** Of all that is prepared, nothing is answered any more. */
  readonly forget = (): void => this.prepared.clear();

  /** Resolves once every answer has its bytes, and every client has taken its own, or after `limitMs`. */
  async idle(limitMs: number): Promise<void> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), limitMs);
    const over = once(limit.signal, 'abort');
    // What was read is sent, and then may have to be waited for.
    while (this.underWay.size > 0 && !limit.signal.aborted) await Promise.race([over, Promise.all(this.underWay)]);
    clearTimeout(timer);
  }

  /** Answers are offered under folded targets; only one that was not found as it was sent is worth folding. */
  private preparedFolded(url: string, request: IncomingMessage): Prepared | undefined {
    const folded = foldedTarget(url);
    return folded === url ? undefined : this.preparedFor(folded, request);
  }

  private preparedFor(url: string, request: IncomingMessage): Prepared | undefined {
    const found = this.prepared.get(url);
    if (found !== NEGOTIATED) return found;
    const ofClass = this.prepared.get(classKey(url, this.classOf(acceptOf(request))));
    return ofClass === NEGOTIATED ? undefined : ofClass;
  }

  /** The same text is read once: a browser sends one and the same with every picture. */
  private classOf(accept: string | undefined): string {
    if (accept === undefined) return '';
    const known = this.classes.get(accept);
    if (known !== undefined) return known;
    const read = this.deps.acceptClassOf?.(accept) ?? '';
    if (accept.length <= MAX_ACCEPT_CHARACTERS) this.classes.set(accept, read);
    return read;
  }

  /** Where access is restricted; what it does not open is left to the slow way, which says why. */
  private isOpen({ urlValidUntilMs, choice }: Prepared, request: IncomingMessage): boolean {
    if (urlValidUntilMs !== undefined) return this.deps.clock.now() < urlValidUntilMs;
    return this.deps.admits?.(authorizationOf(request), choice.entry.group) ?? false;
  }

  private isCurrent(prepared: Prepared, pipelined: boolean): boolean {
    const generation = this.generations.forRequest(pipelined);
    if (prepared.generation === generation) return true;
    if (this.deps.currency.revisionOf(prepared.choice.entry.group) !== prepared.choice.entry.group.revision)
      return false;
    // Read before the revision, so a change in between differs from it again.
    prepared.generation = generation;
    return true;
  }

  /** Status, headers and part of the bytes; `undefined` for what is the slow way's business: 416 has an error body. */
  private plan(prepared: Prepared, conditions: Conditions | undefined): Planned | undefined {
    const { choice, etag, headers, headers304 } = prepared;
    if (conditions === undefined) return { status: 200, headers, range: undefined };
    if (headers304 !== undefined && conditions.ifNoneMatch === etag)
      return { status: 304, headers: headers304, range: undefined };
    const { cacheControl, clock } = this.deps;
    const answer = imageAnswer(choice, conditions, cacheControl, clock.now());
    switch (answer.status) {
      case 416:
        return undefined;
      case 304:
        prepared.headers304 ??= [...answer.headers.flat(), ...prepared.alsoHeaders];
        return { status: 304, headers: prepared.headers304, range: undefined };
      default:
        return {
          status: answer.status,
          headers: [...answer.headers.flat(), ...prepared.alsoHeaders],
          range: answer.range,
        };
    }
  }

  private send(
    { asked, choice, count }: Prepared,
    { status, headers, range }: Planned,
    bytes: Buffer,
    response: ServerResponse,
    startedAt: number,
  ): void {
    const body = range === undefined ? bytes : bytes.subarray(range.first, range.last + 1);
    // Without X-Request-Id: hits are not logged, so it would lead nowhere, and costs a tenth of a hit (1.5 of 16 µs).
    response.writeHead(status, headers);
    if (body.length === 0) {
      response.end();
    } else {
      response.end(body);
      if (isWaiting(response)) this.waitFor(response, body.length);
    }
    count?.add();
    const seconds = (performance.now() - startedAt) / 1_000;
    this.deps.onAnswer(asked, choice.entry.group, status, body.length, seconds, response.req);
  }

  /** As many at once as there are requests; tiers have deadlines of their own. What cannot be read the slow way makes again. */
  private sendOnceRead(
    prepared: Prepared,
    planned: Planned,
    request: IncomingMessage,
    response: ServerResponse,
    startedAt: number,
    otherwise: RequestListener,
  ): void {
    const { bodies } = this.deps;
    const { slice, isDrawn } = prepared;
    const { digest } = prepared.choice.preview;
    const read: Promise<void> = (isDrawn ? bodies.findDrawn(digest) : bodies.find(digest, slice))
      // Whatever failed fails again on the slow way, which tells it.
      .catch(() => undefined)
      .then((found) => {
        if (response.destroyed) return;
        if (found === undefined) otherwise(request, response);
        else this.send(prepared, planned, found.bytes, response, startedAt);
      })
      .finally(() => this.underWay.delete(read));
    this.underWay.add(read);
  }

  private waitFor(response: ServerResponse, bytes: number): void {
    limitTaking(response, bytes, this.deps.sendTimeoutMs);
    const closed = new Promise<void>((resolve) => {
      response.once('close', () => {
        this.underWay.delete(closed);
        resolve();
      });
    });
    this.underWay.add(closed);
  }
}

/** No URL has a line break. */
function classKey(url: string, acceptClass: string): string {
  return `${url}\n${acceptClass}`;
}

function headersOf(entry: Prepared | typeof NEGOTIATED): readonly string[] {
  return entry === NEGOTIATED ? [] : entry.alsoHeaders;
}

/** RFC 9110, section 14.2: Range means something for GET only. */
function withoutRange(conditions: Conditions | undefined): Conditions | undefined {
  return conditions && { ...conditions, range: undefined };
}
