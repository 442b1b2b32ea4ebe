// Prepared answers for cached previews, tried before Express sees the request. They hold no truth of their own: each is
// valid only while the catalog says that its group is still the one it was prepared from.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { GroupRef } from '../kernel/image-key.js';
import type { Catalog, Clock } from '../kernel/ports.js';
import type { ImageGroup } from '../kernel/source.js';
import type { PreviewChoice } from '../previews/answers.js';
import type { Conditions } from './conditional.js';
import { imageAnswer, UNCONDITIONAL } from './image-response.js';
import { TurnGeneration } from './turn-generation.js';

/** Larger previews are sent in slices by the slow way, with a deadline on each. */
const MAX_BODY_BYTES = 256 * 1024;
/** A longer URL is not worth remembering. */
const MAX_URL_CHARACTERS = 2_048;
/** What an entry costs beside its body: URL, headers, records. */
const ENTRY_OVERHEAD_BYTES = 2_048;

/** The part of the catalog that tells at once whether a prepared answer is still true. */
export type Currency = Pick<Catalog, 'generation' | 'revisionOf'>;

/** What a prepared answer is answered with. */
export type HotStatus = 200 | 206 | 304;

interface Sent {
  readonly status: HotStatus;
  readonly bytes: number;
}

const NOT_MODIFIED: Sent = { status: 304, bytes: 0 };

export interface HotLaneDeps {
  readonly currency: Currency;
  readonly clock: Clock;
  readonly cacheControl: string;
  /** Most bytes of prepared answers. Their bodies are usually those of the memory tier, but are counted in full. */
  readonly maxBytes: number;
  /** Time a client has to take an answer that the socket did not take at once. */
  readonly sendTimeoutMs: number;
  /** Whether an `Authorization` header opens the group to its sender; asked where a URL alone does not open it. */
  readonly admits?: (authorization: string | undefined, ref: GroupRef) => boolean;
  /** Called for every answer given; has to be cheap. */
  readonly onAnswer: (group: ImageGroup, status: HotStatus, bodyBytes: number, seconds: number) => void;
}

interface Prepared {
  readonly ref: GroupRef;
  readonly choice: PreviewChoice;
  /** Absent where only revalidations were seen so far: those need no bytes. */
  readonly body: Buffer | undefined;
  /** Flat name/value lists: Node writes them as they are. */
  readonly headers: string[];
  readonly headers304: string[];
  readonly etag: string;
  /** Unix ms until which the URL opens the answer to anybody; `undefined` when it takes a token. */
  readonly urlValidUntilMs: number | undefined;
  /** The catalog's generation at which the revision was last known to be current. */
  generation: number;
}

export class HotLane {
  private readonly prepared: LRUCache<string, Prepared>;
  private readonly generations: TurnGeneration;

  constructor(private readonly deps: HotLaneDeps) {
    this.generations = new TurnGeneration(deps.currency);
    this.prepared = new LRUCache({
      maxSize: deps.maxBytes,
      sizeCalculation: (prepared, url) => (prepared.body?.length ?? 0) + url.length + ENTRY_OVERHEAD_BYTES,
    });
  }

  /** The catalog's generation; asked before a choice is made that will be offered. */
  generation(): number {
    return this.deps.currency.generation();
  }

  /**
   * Remembers the answer to `url`; without `body` only 304s are answered from it. `generation` is from before the choice
   * was made, so that a change in between is noticed at the first hit. `urlValidUntilMs`: until when the URL alone opens
   * it, as the access check of the slow way said.
   */
  offer(
    url: string,
    choice: PreviewChoice,
    body: Buffer | undefined,
    generation: number,
    urlValidUntilMs: number | undefined,
  ): void {
    const { group, source } = choice.entry;
    if (!source.complete || group.revision === '') return;
    if ((body?.length ?? 0) > MAX_BODY_BYTES || url.length > MAX_URL_CHARACTERS) return;
    if (body === undefined && this.prepared.has(url)) return;
    const nowMs = this.deps.clock.now();
    const etag = `"${choice.preview.digest}"`;
    const { cacheControl } = this.deps;
    this.prepared.set(url, {
      ref: { context: group.context, imageKey: group.imageKey },
      choice,
      body,
      headers: imageAnswer(choice, UNCONDITIONAL, cacheControl, nowMs).headers.flat(),
      headers304: imageAnswer(choice, { ...UNCONDITIONAL, ifNoneMatch: etag }, cacheControl, nowMs).headers.flat(),
      etag,
      urlValidUntilMs,
      generation,
    });
  }

  /** Answers the request and returns `true`, or leaves it untouched. */
  readonly answer = (request: IncomingMessage, response: ServerResponse): boolean => {
    const { method, url } = request;
    if ((method !== 'GET' && method !== 'HEAD') || url === undefined) return false;
    const prepared = this.prepared.get(url);
    if (prepared === undefined) return false;
    // A response that waits for the one before it on its connection has no socket yet: its request was pipelined.
    if (!this.isCurrent(prepared, response.socket === null)) {
      this.prepared.delete(url);
      return false;
    }
    if (prepared.urlValidUntilMs !== Number.POSITIVE_INFINITY && !this.isOpen(prepared, request)) return false;
    const startedAt = performance.now();
    const conditions = conditionsOf(request);
    if (conditions === 'not-for-us') return false;
    const sent = this.send(prepared, conditions, method === 'HEAD', response);
    if (sent === undefined) return false;
    this.deps.onAnswer(prepared.choice.entry.group, sent.status, sent.bytes, (performance.now() - startedAt) / 1_000);
    return true;
  };

  /** Where access is restricted; what it does not open is left to the slow way, which says why. */
  private isOpen({ urlValidUntilMs, ref }: Prepared, request: IncomingMessage): boolean {
    if (urlValidUntilMs !== undefined) return this.deps.clock.now() < urlValidUntilMs;
    return this.deps.admits?.(authorizationOf(request), ref) ?? false;
  }

  private isCurrent(prepared: Prepared, pipelined: boolean): boolean {
    const generation = this.generations.forRequest(pipelined);
    if (prepared.generation === generation) return true;
    if (this.deps.currency.revisionOf(prepared.ref) !== prepared.choice.entry.group.revision) return false;
    // Read before the revision, so a change in between differs from it again.
    prepared.generation = generation;
    return true;
  }

  /** `undefined` when the answer needs bytes that are not at hand; then nothing was sent. */
  private send(
    { choice, body, etag, headers, headers304 }: Prepared,
    conditions: Conditions | undefined,
    head: boolean,
    response: ServerResponse,
  ): Sent | undefined {
    if (conditions?.ifNoneMatch === etag) {
      response.writeHead(304, headers304).end();
      return NOT_MODIFIED;
    }
    if (conditions === undefined) return body && this.sendBody(response, 200, headers, head, body);
    const { cacheControl, clock } = this.deps;
    const answer = imageAnswer(choice, conditions, cacheControl, clock.now());
    // 416 has an error body, which is the slow way's business.
    if (answer.status === 416) return undefined;
    if (answer.status === 304 || answer.range === undefined) {
      response.writeHead(304, headers304).end();
      return NOT_MODIFIED;
    }
    const part = body?.subarray(answer.range.first, answer.range.last + 1);
    return part && this.sendBody(response, answer.status, answer.headers.flat(), head, part);
  }

  private sendBody(response: ServerResponse, status: 200 | 206, headers: string[], head: boolean, body: Buffer): Sent {
    response.writeHead(status, headers);
    if (head) {
      response.end();
      return { status, bytes: 0 };
    }
    response.end(body);
    // Nearly always the kernel has taken everything by now; only if not is a deadline worth its timer.
    if (response.socket && response.socket.writableLength > 0) this.limit(response);
    return { status, bytes: body.length };
  }

  private limit(response: ServerResponse): void {
    const timer = setTimeout(() => response.destroy(), this.deps.sendTimeoutMs);
    response.once('close', () => clearTimeout(timer));
  }
}

/** The one `Authorization` header; `undefined` for none and for several. */
function authorizationOf({ rawHeaders }: IncomingMessage): string | undefined {
  let found: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() !== 'authorization') continue;
    if (found !== undefined) return undefined;
    found = rawHeaders[index + 1];
  }
  return found;
}

/**
 * Conditions of the request, `undefined` when it has none, or `not-for-us` when it is unusual in another way. Reads
 * `rawHeaders`, because building `headers` costs as much as the rest of a hit.
 */
function conditionsOf(request: IncomingMessage): Conditions | undefined | 'not-for-us' {
  const { rawHeaders } = request;
  let conditions: { -readonly [name in keyof Conditions]: Conditions[name] } | undefined;
  let hasHost = false;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const field = FIELDS_BY_LENGTH[rawHeaders[index]?.length ?? 0];
    if (field === undefined) continue;
    const name = rawHeaders[index]?.toLowerCase();
    if (name === 'host') hasHost = true;
    // A GET with a body, or one that waits for 100 Continue, is for the slow way to sort out.
    else if (name === 'content-length' || name === 'transfer-encoding' || name === 'expect') return 'not-for-us';
    else if (field !== 'other' && name === FIELD_NAMES[field]) {
      conditions ??= { ...UNCONDITIONAL };
      // The same condition twice: the slow way knows how the two are joined.
      if (conditions[field] !== undefined) return 'not-for-us';
      conditions[field] = rawHeaders[index + 1];
    }
  }
  return hasHost ? conditions : 'not-for-us';
}

const FIELD_NAMES = {
  ifNoneMatch: 'if-none-match',
  ifModifiedSince: 'if-modified-since',
  ifRange: 'if-range',
  range: 'range',
} as const satisfies Record<keyof Conditions, string>;

/** Which field a header of this length may be; all others are passed over by their length alone. */
const FIELDS_BY_LENGTH: readonly (keyof Conditions | 'other' | undefined)[] = fieldsByLength();

function fieldsByLength(): (keyof Conditions | 'other' | undefined)[] {
  const table: (keyof Conditions | 'other' | undefined)[] = [];
  for (const name of ['host', 'expect', 'content-length', 'transfer-encoding']) table[name.length] = 'other';
  for (const field of Object.keys(FIELD_NAMES) as (keyof Conditions)[]) table[FIELD_NAMES[field].length] = field;
  return table;
}
