// The names of image groups: image key and context, their limits and their checks. Names are compared exactly, character
// by character: no case folding and no Unicode normalisation, so that what a client wrote is what it finds again.
import { ProofsheetError } from './errors.js';

/** 1 to 256 characters without control characters. Clients usually send the hex SHA-256 of the source. */
export type ImageKey = string & { readonly __brand: 'ImageKey' };

/** 0 to 256 characters without control characters; `""` is the default context. */
export type Context = string & { readonly __brand: 'Context' };

/** Names one image group. */
export interface GroupRef {
  readonly context: Context;
  readonly imageKey: ImageKey;
}

export const MAX_NAME_CHARACTERS = 256;
export const DEFAULT_CONTEXT = '' as Context;

/** `text` (already URL-decoded) as an image key; throws `invalid-image-key`. */
export function parseImageKey(text: string): ImageKey {
  if (text.length === 0)
    throw new ProofsheetError('invalid-image-key', 'expected an image key of 1 to 256 characters, got none');
  checkName('image key', text);
  return text as ImageKey;
}

/** `text` (already URL-decoded) as a context; `undefined` and `""` are the default context. Throws `invalid-image-key`. */
export function parseContext(text: string | undefined): Context {
  if (text === undefined) return DEFAULT_CONTEXT;
  checkName('context', text);
  return text as Context;
}

/** No context that a client can name begins with it, since it is a control character. */
const LIBRARY_MARK = '\u0001';

/**
 * Where the previews of a context's assets lie in the cache. No client can name it: what is uploaded, read or cleared under a
 * context never meets them.
 */
export function libraryContextOf(context: Context): Context {
  return `${LIBRARY_MARK}${context}` as Context;
}

/** The context that a client knows, of one that `libraryContextOf` has named too. */
export function clientContextOf(context: Context): Context {
  return context.startsWith(LIBRARY_MARK) ? (context.slice(LIBRARY_MARK.length) as Context) : context;
}

/** A context as operators are shown it, and name it: that of a client, or where its assets' previews lie. */
export interface ShownContext {
  readonly context: Context;
  readonly isOfLibrary: boolean;
}

export function shownContextOf(context: Context): ShownContext {
  const shown = clientContextOf(context);
  return { context: shown, isOfLibrary: shown !== context };
}

function checkName(what: string, text: string): void {
  // Every character is at least one UTF-16 unit and at most two, so most are decided by the cheap check.
  if (text.length > MAX_NAME_CHARACTERS) {
    const characters = [...text].length;
    if (characters > MAX_NAME_CHARACTERS) {
      throw new ProofsheetError(
        'invalid-image-key',
        `expected ${what} of at most ${MAX_NAME_CHARACTERS} characters, got ${characters}`,
      );
    }
  }
  // \p{Cc} are the control characters; a lone surrogate (\p{Cs}) cannot be written as UTF-8, so two would become one name.
  const bad = /[\p{Cc}\p{Cs}]/u.exec(text);
  if (bad) {
    throw new ProofsheetError(
      'invalid-image-key',
      `expected ${what} without control characters, got one at position ${bad.index}`,
    );
  }
}
