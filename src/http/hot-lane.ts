// Prepared answers for cached previews, tried before Express sees the request. They hold no truth of their own: each is
// valid only while the catalog says that its group is still the one it was prepared from.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { GroupRef } from '../kernel/image-key.js';
import type { Catalog, Clock } from '../kernel/ports.js';
import type { ImageGroup } from '../kernel/source.js';
import type { PreviewChoice } from '../previews/answers.js';
import type { Conditions } from './conditional.js';
import { type ImageAnswer, imageAnswer, UNCONDITIONAL } from './image-response.js';

/** Larger previews are sent in slices by the slow way, with a deadline on each. */
const MAX_BODY_BYTES = 256 * 1024;
/** A longer URL is not worth remembering. */
const MAX_URL_CHARACTERS = 2_048;
/** What an entry costs beside its body: URL, headers, records. */
const ENTRY_OVERHEAD_BYTES = 2_048;

/** The part of the catalog that tells at once whether a prepared answer is still true. */
export type Currency = Pick<Catalog, 'generation' | 'revisionOf'>;

/** What a prepared answer can be answered with. */
export type HotStatus = ImageAnswer['status'];

export interface HotLaneDeps {
  readonly currency: Currency;
  readonly clock: Clock;
  readonly cacheControl: string;
  /** Most bytes of prepared answers. Their bodies are usually those of the memory tier, but are counted in full. */
  readonly maxBytes: number;
  /** Time a client has to take an answer that the socket did not take at once. */
  readonly sendTimeoutMs: number;
  /** Called for every answer given; has to be cheap. */
  readonly onAnswer: (group: ImageGroup, status: HotStatus, bodyBytes: number, seconds: number) => void;
}

interface Prepared {
  readonly ref: GroupRef;
  readonly choice: PreviewChoice;
  readonly body: Buffer;
  /** Flat name/value lists: Node writes them as they are. */
  readonly headers: string[];
  readonly headers304: string[];
  readonly etag: string;
  /** The catalog's generation at which the revision was last known to be current. */
  generation: number;
}

export class HotLane {
  private readonly prepared: LRUCache<string, Prepared>;

  constructor(private readonly deps: HotLaneDeps) {
    this.prepared = new LRUCache({
      maxSize: deps.maxBytes,
      sizeCalculation: (prepared, url) => prepared.body.length + url.length + ENTRY_OVERHEAD_BYTES,
    });
  }

  /**
   * Remembers the answer to `url`. `generation` is the catalog's from before the choice was made, so that a change in
   * between is noticed at the first hit.
   */
  offer(url: string, choice: PreviewChoice, body: Buffer, generation: number): void {
    const { group, source } = choice.entry;
    if (!source.complete || group.revision === '') return;
    if (body.length > MAX_BODY_BYTES || url.length > MAX_URL_CHARACTERS) return;
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
      generation,
    });
  }

  /** Answers the request and returns `true`, or leaves it untouched. */
  readonly answer = (request: IncomingMessage, response: ServerResponse): boolean => {
    const { method, url } = request;
    if ((method !== 'GET' && method !== 'HEAD') || url === undefined) return false;
    const prepared = this.prepared.get(url);
    if (prepared === undefined) return false;
    if (!this.isCurrent(prepared)) {
      this.prepared.delete(url);
      return false;
    }
    const startedAt = performance.now();
    const conditions = conditionsOf(request);
    if (conditions === 'not-for-us') return false;
    const status = this.send(prepared, conditions, method === 'HEAD', response);
    const bodyBytes = method === 'HEAD' || status !== 200 ? 0 : prepared.body.length;
    this.deps.onAnswer(prepared.choice.entry.group, status, bodyBytes, (performance.now() - startedAt) / 1_000);
    return true;
  };

  private isCurrent(prepared: Prepared): boolean {
    const generation = this.deps.currency.generation();
    if (prepared.generation === generation) return true;
    if (this.deps.currency.revisionOf(prepared.ref) !== prepared.choice.entry.group.revision) return false;
    // Read before the revision, so a change in between differs from it again.
    prepared.generation = generation;
    return true;
  }

  private send(
    prepared: Prepared,
    conditions: Conditions | undefined,
    head: boolean,
    response: ServerResponse,
  ): HotStatus {
    if (conditions === undefined) return this.sendWhole(prepared, head, response);
    if (conditions.ifNoneMatch === prepared.etag) {
      response.writeHead(304, prepared.headers304).end();
      return 304;
    }
    const { cacheControl, clock } = this.deps;
    const answer = imageAnswer(prepared.choice, conditions, cacheControl, clock.now());
    if (answer.status === 200) return this.sendWhole(prepared, head, response);
    response.writeHead(answer.status, answer.headers.flat());
    const { range } = answer;
    if (range === undefined || head) response.end();
    else response.end(prepared.body.subarray(range.first, range.last + 1));
    return answer.status;
  }

  private sendWhole(prepared: Prepared, head: boolean, response: ServerResponse): HotStatus {
    response.writeHead(200, prepared.headers);
    if (head) response.end();
    else response.end(prepared.body);
    const { socket } = response;
    // Nearly always the kernel has taken everything by now; only then is a deadline worth its timer.
    if (socket && socket.writableLength > 0) this.limit(response);
    return 200;
  }

  private limit(response: ServerResponse): void {
    const timer = setTimeout(() => response.destroy(), this.deps.sendTimeoutMs);
    response.once('close', () => clearTimeout(timer));
  }
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
