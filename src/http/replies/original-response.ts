// The answer to a request for the original of an asset, as plain status and header pairs: a function of its version, the conditions
// and the configuration. An original is somebody else's file: a browser must neither guess its type nor run what is in it.
import { reprDigest } from '../../kernel/digest.js';
import { allowsRange, type Conditions, isNotModified, type Validators } from './conditional.js';
import type { HeaderPairs } from './headers.js';
import { httpDate } from './http-date.js';
import { type ByteRange, contentRange, rangeAnswer, unsatisfiedContentRange } from './range.js';
import type { OriginalReply } from './reply.js';

/** What may be sent of an SVG's own: no scripts, no references. */
const SAFE = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

export interface OriginalAnswer {
  readonly status: 200 | 206 | 304 | 416;
  readonly headers: HeaderPairs;
  /** `undefined`: no bytes are sent (304, 416). */
  readonly range: ByteRange | undefined;
}

export function originalAnswer(
  { version, mediaType }: Pick<OriginalReply, 'version' | 'mediaType'>,
  conditions: Conditions,
  cacheControl: string,
  nowMs: number,
): OriginalAnswer {
  const validators: Validators = { etag: `"${version.digest}"`, lastModifiedMs: version.createdAt, isDateStrong: true };
  const renewal: HeaderPairs = [
    ['ETag', validators.etag],
    ['Last-Modified', httpDate(validators.lastModifiedMs)],
    ['Cache-Control', cacheControl],
  ];
  if (isNotModified(conditions, validators, nowMs)) return { status: 304, headers: renewal, range: undefined };
  const asked = allowsRange(conditions.ifRange, validators, nowMs)
    ? rangeAnswer(conditions.range, version.bytes)
    : ({ kind: 'whole' } as const);
  if (asked.kind === 'unsatisfiable')
    return { status: 416, headers: [['Content-Range', unsatisfiedContentRange(version.bytes)]], range: undefined };
  const range = asked.kind === 'part' ? asked.range : { first: 0, last: version.bytes - 1 };
  const headers: HeaderPairs = [
    ['Content-Type', mediaType],
    ['Content-Length', String(range.last - range.first + 1)],
    ...renewal,
    ['Accept-Ranges', 'bytes'],
    ['Repr-Digest', reprDigest(version.digest)],
    ['X-Content-Type-Options', 'nosniff'],
    ['Content-Security-Policy', SAFE],
  ];
  if (asked.kind === 'whole') return { status: 200, headers, range };
  return { status: 206, headers: [...headers, ['Content-Range', contentRange(range, version.bytes)]], range };
}
