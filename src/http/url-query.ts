// The query of a request target, decoded: one value a name, whichever dialect asks. Knows no Express and no dialect.
import { ProofsheetError } from '../kernel/errors.js';

/** The failure of a percent-encoding; it never repeats what was sent. */
export function malformedEncoding(where: string): ProofsheetError {
  return new ProofsheetError(
    'invalid-image-key',
    `expected the ${where} to be percent-encoded UTF-8, got a malformed sequence`,
  );
}

/**
 * The decoded value of a query parameter, or `undefined`. Given twice it would be up to chance which one counts, so that
 * throws `invalid-image-key`. Parameters nobody asks for are tolerated: clients of the original send some.
 */
export function queryValue(url: string, name: string): string | undefined {
  let found: string | undefined;
  for (const value of valuesOf(url, name)) {
    if (found !== undefined) {
      throw new ProofsheetError('invalid-image-key', `expected the parameter ${name} once, got it more than once`);
    }
    found = value;
  }
  return found;
}

/** All values of a parameter that may be given more than once, in their order. */
export function queryValues(url: string, name: string): readonly string[] {
  return [...valuesOf(url, name)];
}

function* valuesOf(url: string, name: string): Generator<string, void, undefined> {
  const start = url.indexOf('?');
  if (start < 0) return;
  for (const pair of url.slice(start + 1).split('&')) {
    const equals = pair.indexOf('=');
    if (parameterName(equals < 0 ? pair : pair.slice(0, equals)) !== name) continue;
    yield equals < 0 ? '' : decodeQuery(pair.slice(equals + 1));
  }
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
