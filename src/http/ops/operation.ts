// What an operation is to the edge: its verbs, its path, what guards it, and the function that answers.
import type { Request, Response } from 'express';
import type { Format } from '../../kernel/format.js';
import type { Clock, Refusals } from '../../kernel/ports.js';
import type { Previews, Upload } from '../../previews/answers.js';
import type { Opener } from '../access.js';
import type { Conditions } from '../conditional.js';
import type { HttpConfig } from '../edge-dependencies.js';
import type { Exchange } from '../exchange.js';
import type { MetricsText } from '../health.js';
import type { HotLane } from '../hot-lane.js';
import { ignoredHeaders } from '../ignored-format.js';
import type { HeaderPairs } from '../image-response.js';
import { requestFormatOf, type Target } from '../parameters.js';
import type { Sender } from '../send.js';
import type { StatusReport } from '../status-page.js';

export type Verb = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/** One request on its way through an operation. */
export interface Call extends Target {
  readonly request: Request;
  readonly response: Response;
  readonly exchange: Exchange;
  /** Unix ms until which this URL opens the operation to anybody; `undefined` when it takes a token. */
  readonly urlValidUntilMs: number | undefined;
  /** Reads the upload; the operation hands the file on to a use case, which owns it from then on. */
  receive(): Promise<Upload>;
}

/** What operations answer from. */
export interface OperationContext {
  readonly previews: Previews;
  readonly config: HttpConfig;
  readonly clock: Clock;
  readonly send: Sender;
  /** Takes answers that are worth preparing. */
  readonly hotLane?: HotLane;
  /** The negative cache; absent where it is off. */
  readonly refusals?: Refusals;
  readonly status: () => Promise<StatusReport>;
  readonly metricsText: () => Promise<MetricsText>;
}

export interface Operation {
  /** Verbs it answers to, as `Allow` lists them. */
  readonly verbs: readonly Verb[];
  /** Names of the path segments behind the operation's own. */
  readonly segments: readonly ('imageKey' | 'requestFormat' | 'digest')[];
  /** Needs the admin's credentials. */
  readonly isProtected: boolean;
  /** What opens it where API tokens or signed URLs are configured. */
  readonly opener: Opener;
  /** Takes an upload. */
  readonly takesUpload: boolean;
  /** Converts its upload even if the group exists. */
  readonly overwrites: boolean;
  /** Goes on while the server drains, because it starts no work. */
  readonly answersWhileDraining: boolean;
  run(call: Call, context: OperationContext): Promise<void>;
}

/**
 * The request format, and the headers of the answer that tell what of it was passed over; they are on the response
 * already, so that a failure tells it too. Throws `invalid-request-format` where formats are read strictly.
 */
export function requestedFormat(
  call: Call,
  { config }: OperationContext,
): { readonly format: Format; readonly headers: HeaderPairs } {
  const { format, ignored } = requestFormatOf(call, config.strictFormats);
  const headers = ignoredHeaders(ignored);
  for (const [name, value] of headers) call.response.setHeader(name, value);
  return { format, headers };
}

/** The header texts that conditions are read from. */
export function conditionsOf(request: Request): Conditions {
  const { headers, method } = request;
  return {
    ifNoneMatch: headers['if-none-match'],
    ifModifiedSince: headers['if-modified-since'],
    ifRange: first(headers['if-range']),
    // RFC 9110, section 14.2: Range means something for GET only.
    range: method === 'GET' ? headers.range : undefined,
  };
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
