// What a request says in its path and query, checked: image key, context, request format. Knows no Express and no bodies.
import { ProofsheetError } from '../kernel/errors.js';
import { parseFormat } from '../kernel/format.js';
import { type Context, type GroupRef, type ImageKey, parseContext, parseImageKey } from '../kernel/image-key.js';
import { type RequestFormat, readRequestFormat } from '../kernel/request-format.js';

/** The decoded path segments behind the operation's name, and the request target they came from. */
export interface Target {
  readonly segments: readonly string[];
  /** Path and query as sent. */
  readonly url: string;
}

/** The failure of a percent-encoding; it never repeats what was sent. */
export function malformedEncoding(where: string): ProofsheetError {
  return new ProofsheetError(
    'invalid-image-key',
    `expected the ${where} to be percent-encoded UTF-8, got a malformed sequence`,
  );
}

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
  const text = target.segments[1] ?? '';
  return strictly ? { format: parseFormat(text), ignored: [] } : readRequestFormat(text);
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

/**
 * The decoded value of a query parameter, or `undefined`. Given twice it would be up to chance which one counts, so that
 * throws `invalid-image-key`. Parameters nobody asks for are tolerated: clients of the original send some.
 */
export function queryValue(url: string, name: string): string | undefined {
  const start = url.indexOf('?');
  if (start < 0) return undefined;
  let found: string | undefined;
  for (const pair of url.slice(start + 1).split('&')) {
    const equals = pair.indexOf('=');
    if (parameterName(equals < 0 ? pair : pair.slice(0, equals)) !== name) continue;
    if (found !== undefined) {
      throw new ProofsheetError('invalid-image-key', `expected the parameter ${name} once, got it more than once`);
    }
    found = equals < 0 ? '' : decodeQuery(pair.slice(equals + 1));
  }
  return found;
}

/** Decoded like its value, since whoever looks at a URL before us does so too; one that does not decode is nobody's. */
function parameterName(text: string): string | undefined {
  return text.includes('%') || text.includes('+') ? tryDecode(text) : text;
}

function tryDecode(text: string): string | undefined {
  try {
    return decodeQuery(text);
  } catch {
    return undefined;
  }
}

function decodeQuery(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw malformedEncoding('query');
  }
}
