// The answer to a request for a preview, as plain status and header pairs: a function of the choice, the conditions and the
// configuration. Free of Express and sockets, so that prepared answers can be made from the same rules.
import { reprDigest } from '../../kernel/digest.js';
import type { PreviewType } from '../../kernel/format.js';
import type { Preview } from '../../kernel/source.js';
import type { PreviewChoice } from '../../previews/answers.js';
import { allowsRange, type Conditions, isNotModified, type Validators } from './conditional.js';
import type { HeaderPairs } from './headers.js';
import { httpDate } from './http-date.js';
import { type ByteRange, contentRange, rangeAnswer, unsatisfiedContentRange } from './range.js';

export const MEDIA_TYPES = {
  jpg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  avif: 'image/avif',
  gif: 'image/gif',
} as const satisfies Record<PreviewType, string>;

/** The part of a choice that its answer is made of. */
export interface AnsweredChoice extends Pick<PreviewChoice, 'relation'> {
  readonly preview: Pick<Preview, 'digest' | 'bytes' | 'type' | 'widthPx' | 'heightPx'>;
  readonly format: Pick<PreviewChoice['format'], 'text'>;
  readonly entry: { readonly group: Pick<PreviewChoice['entry']['group'], 'createdAt'> };
}

/** Everything about an answer to an image request that the bytes are not needed for. */
export interface ImageAnswer {
  readonly status: 200 | 206 | 304 | 416;
  readonly headers: HeaderPairs;
  /** The bytes to send: all of the preview (200), a part (206), or `undefined` (304, 416). */
  readonly range: ByteRange | undefined;
}

/** No conditions: what an upload that answers with its preview is treated with. */
export const UNCONDITIONAL: Conditions = {
  ifNoneMatch: undefined,
  ifModifiedSince: undefined,
  ifRange: undefined,
  range: undefined,
};

/**
 * The validators of a choice: the preview's digest names its bytes, the group's creation dates them. The date stays when the same
 * upload is answered with other bytes: by another Accept, once a better preview is there, after a change of the pipeline.
 */
export function validatorsOf(choice: AnsweredChoice): Validators {
  return {
    etag: `"${choice.preview.digest}"`,
    lastModifiedMs: choice.entry.group.createdAt,
    isDateStrong: false,
  };
}

/**
 * Status and headers for `choice` under `conditions`. `nowMs` is Unix time.
 *
 * 304 carries what a cache needs to renew its copy, and no length or type; 416 names the length.
 */
export function imageAnswer(
  choice: AnsweredChoice,
  conditions: Conditions,
  cacheControl: string,
  nowMs: number,
): ImageAnswer {
  const validators = validatorsOf(choice);
  const length = choice.preview.bytes;
  if (isNotModified(conditions, validators, nowMs)) {
    return {
      status: 304,
      headers: renewalHeaders(choice, validators, cacheControl, nowMs),
      range: undefined,
    };
  }
  const asked = allowsRange(conditions.ifRange, validators, nowMs)
    ? rangeAnswer(conditions.range, length)
    : ({ kind: 'whole' } as const);
  switch (asked.kind) {
    case 'unsatisfiable':
      return {
        status: 416,
        headers: [['Content-Range', unsatisfiedContentRange(length)]],
        range: undefined,
      };
    case 'part': {
      const { first, last } = asked.range;
      return {
        status: 206,
        headers: [
          ...imageHeaders(choice, validators, cacheControl, nowMs, last - first + 1),
          ['Content-Range', contentRange(asked.range, length)],
        ],
        range: asked.range,
      };
    }
    case 'whole':
      return {
        status: 200,
        headers: imageHeaders(choice, validators, cacheControl, nowMs, length),
        range: { first: 0, last: length - 1 },
      };
  }
}

interface MatchedSize {
  readonly preview: Pick<Preview, 'widthPx' | 'heightPx'>;
}

/** Which preview answered and why, e.g. `larger; format="auto:800x800"; size=600x800`. */
export function matchHeader(choice: Pick<AnsweredChoice, 'relation' | 'format'> & MatchedSize): string {
  const { widthPx, heightPx } = choice.preview;
  return `${choice.relation}; format="${choice.format.text}"; size=${widthPx}x${heightPx}`;
}

function imageHeaders(
  choice: AnsweredChoice,
  validators: Validators,
  cacheControl: string,
  nowMs: number,
  contentLength: number,
): HeaderPairs {
  return [
    ['Content-Type', MEDIA_TYPES[choice.preview.type]],
    ['Content-Length', String(contentLength)],
    ...renewalHeaders(choice, validators, cacheControl, nowMs),
    ['Accept-Ranges', 'bytes'],
    ['Repr-Digest', reprDigest(choice.preview.digest)],
    ['X-Content-Type-Options', 'nosniff'],
  ];
}

function renewalHeaders(
  choice: AnsweredChoice,
  validators: Validators,
  cacheControl: string,
  nowMs: number,
): HeaderPairs {
  return [
    ['ETag', validators.etag],
    // Groups that are replaced within a second are ahead of the clock, and no date may be (RFC 9110, section 8.8.2.1).
    ['Last-Modified', httpDate(Math.min(validators.lastModifiedMs, nowMs))],
    ['Cache-Control', cacheControl],
    ['X-Proofsheet-Match', matchHeader(choice)],
  ];
}
