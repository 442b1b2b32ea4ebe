// What a request says in its path and query, checked: image key, context, request format. Knows no Express and no bodies.
import { ProofsheetError } from '../../../kernel/errors.js';
import { parseFormat } from '../../../kernel/format.js';
import { type Context, type GroupRef, type ImageKey, parseContext, parseImageKey } from '../../../kernel/image-key.js';
import { type RequestFormat, readRequestFormat } from '../../../kernel/request-format.js';
import { queryValue } from '../../url-query.js';
import type { Target } from '../route.js';

/** Throws `invalid-image-key` when the path has more segments than `names` lists; one that is missing is empty, and its parser says so. */
export function checkSegments(target: Target, names: readonly string[]): void {
  if (target.segments.length <= names.length) return;
  throw new ProofsheetError(
    'invalid-image-key',
    `expected ${names.length} path segments behind the operation, got ${target.segments.length}; a slash inside an image key is written %2F`,
  );
}

/** The image key of the path. Throws `invalid-image-key`. */
export function imageKeyOf(target: Target): ImageKey {
  return parseImageKey(target.segments[0] ?? '');
}

/**
 * The request format of the path, raw or percent-encoded, read as the original does, which refuses nothing. With
 * `strictly` throws `invalid-request-format` for a text that is no format.
 */
export function requestFormatOf(target: Target, strictly: boolean): RequestFormat {
  return formatOfText(target.segments[1] ?? '', strictly);
}

/** The same of a text. */
export function formatOfText(text: string, strictly: boolean): RequestFormat {
  return strictly ? { format: parseFormat(text), ignored: [] } : readRequestFormat(text);
}

/** What can stand in for a picture, by the names of its metadata. */
export const PLACEHOLDERS = ['thumbhash', 'blurhash', 'dominantColor'] as const;
export type PlaceholderName = (typeof PLACEHOLDERS)[number];

/** Which placeholder the query asks for; what is none is passed over. */
export function placeholderNameOf({ url }: Target): PlaceholderName | undefined {
  const asked = queryValue(url, 'placeholder');
  return PLACEHOLDERS.find((name) => name === asked);
}

/** Whether the query asks for what the format says, and not for what fits it best. Throws `invalid-request-format` for any other match. */
export function asksExactly({ url }: Target): boolean {
  const match = queryValue(url, 'match');
  if (match === undefined || match === 'best' || match === 'exact') return match === 'exact';
  throw new ProofsheetError('invalid-request-format', 'expected match=exact or match=best, got another match');
}

/** The group of an image call; no context and an empty one are both the default context. Throws `invalid-image-key`. */
export function groupRefOf(target: Target): GroupRef {
  return {
    imageKey: imageKeyOf(target),
    context: parseContext(queryValue(target.url, 'context')),
  };
}

/**
 * The context a clear, count or list is narrowed to. As in the original API an empty one narrows nothing, just as none
 * does: `undefined` means all contexts. Throws `invalid-image-key`.
 */
export function narrowingContextOf(target: Target): Context | undefined {
  const text = queryValue(target.url, 'context');
  return text === undefined || text === '' ? undefined : parseContext(text);
}
