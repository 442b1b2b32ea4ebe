// What the operations of this dialect have in common: their paths, and the rules of each kind of them.

import type { ErrorName } from '../../../kernel/errors.js';
import { checkExact, type ExactPolicy } from '../../../kernel/exact.js';
import type { Context, GroupRef } from '../../../kernel/image-key.js';
import type { RequestFormat } from '../../../kernel/request-format.js';
import type { HeaderPairs } from '../../replies/headers.js';
import { READS, type RouteRules, type Target } from '../route.js';
import { ignoredHeaders } from './ignored-format.js';
import {
  asksExactly,
  checkSegments,
  groupRefOf,
  narrowingContextOf,
  type PlaceholderName,
  placeholderNameOf,
  requestFormatOf,
} from './parse.js';

export const READING = {
  ...READS,
  opensTo: 'token-or-signature',
  takesAnySegments: true,
} as const satisfies Partial<RouteRules>;

export const UPLOADING = {
  verbs: ['POST', 'PUT'],
  opensTo: 'token',
  body: 'source',
  takesRawSource: true,
  takesContent: true,
  effort: 'makes',
  takesAnySegments: true,
} as const satisfies Partial<RouteRules>;

export const LISTING = { ...READING, opensTo: 'admin', effort: 'administers' } as const satisfies Partial<RouteRules>;

export const CLEARING = { ...LISTING, verbs: ['DELETE', 'POST'] } as const satisfies Partial<RouteRules>;

/** What an operation on one group asks for. */
export interface AskedGroup {
  readonly ref: GroupRef;
}

export interface AskedPreview extends AskedGroup, RequestFormat {
  /** To be told in a header of a picture. */
  readonly placeholder?: PlaceholderName;
}

export interface AskedPicture extends AskedPreview {
  /** What the format says, and not what fits it best. */
  readonly isExact: boolean;
  /** What the client takes. */
  readonly accept: string | undefined;
}

/** Parsing and scope of operations on one group. */
export const OF_GROUP = {
  parse(target: Target): AskedGroup {
    checkSegments(target, ['imageKey']);
    return { ref: groupRefOf(target) };
  },
  scopeOf: ({ ref }: AskedGroup): Context => ref.context,
  groupOf: ({ ref }: AskedGroup): GroupRef => ref,
};

/** The same of operations that ask for a preview of it. What of the format was passed over is told with every answer. */
export function ofPreview(strictFormats: boolean) {
  return {
    parse(target: Target): AskedPreview {
      checkSegments(target, ['imageKey', 'requestFormat']);
      const placeholder = placeholderNameOf(target);
      return {
        ref: groupRefOf(target),
        ...requestFormatOf(target, strictFormats),
        ...(placeholder && { placeholder }),
      };
    },
    scopeOf: OF_GROUP.scopeOf,
    groupOf: OF_GROUP.groupOf,
    headersOf: ({ ignored }: AskedPreview): HeaderPairs => ignoredHeaders(ignored),
  };
}

/** The same where the very format may be asked for; then it is read strictly, for nobody wants a misreading exactly. */
export function ofPicture(strictFormats: boolean, exact: ExactPolicy) {
  return {
    ...ofPreview(strictFormats),
    parse(target: Target): AskedPicture {
      const isExact = asksExactly(target);
      const asked = ofPreview(strictFormats || isExact).parse(target);
      if (isExact) checkExact(exact, asked.format);
      return { ...asked, isExact, accept: target.accept };
    },
  };
}

/** How an operation with a request format can fail at it. */
export function failuresOfFormats(strictFormats: boolean): readonly ErrorName[] {
  return strictFormats ? ['invalid-request-format'] : [];
}

/** How one can that may ask exactly. */
export function failuresOfExact(...more: readonly ErrorName[]): readonly ErrorName[] {
  return [...more, 'invalid-request-format', 'protected-operation-disabled', 'over-quota'];
}

/** How reading a preview can. */
export function failuresOfReading(strictFormats: boolean): readonly ErrorName[] {
  return ['unknown-image-key', ...failuresOfFormats(strictFormats)];
}

/** What an operation on all groups, or on those of one context, asks for. */
export interface AskedContext {
  readonly context: Context | undefined;
}

export const OF_CONTEXT = {
  parse(target: Target): AskedContext {
    checkSegments(target, []);
    return { context: narrowingContextOf(target) };
  },
  scopeOf: ({ context }: AskedContext): Context | undefined => context,
};
