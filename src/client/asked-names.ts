// What a call names: what would ask for something else, or for more than its caller means, is refused before it is asked.
import { ProofsheetApiError } from './api-error.js';

/** As the server answers names that are none: docs/API.md, `invalid-image-key`. */
const [STATUS, INVALID_NAME] = [400, 4001];

/** Throws a `ProofsheetApiError` for an operation whose key, or whatever stands in its place, is empty, and for segments that URLs cannot have. */
export function checkPath(path: readonly string[]): void {
  // `clearRefusals/` is `clearRefusals`, and forgets all of them.
  if (path[1] === '') throw refused('expected an image key of 1 to 256 characters, got none');
  // Percent-encoded as well, whoever reads the URL takes them for steps within the path, and asks for something else.
  if (path.includes('.') || path.includes('..'))
    throw refused('expected a name other than . and .. in a path, got one of them');
}

/**
 * The same for an empty context where none means all of them. Elsewhere it is the default one; here it is a variable that was not set, and
 * the server takes it for all.
 */
export function checkNarrowing({ context }: { readonly context?: string }): void {
  if (context === '')
    throw refused('expected a context of 1 or more characters, or none for all of them, got an empty one');
}

function refused(message: string): ProofsheetApiError {
  return new ProofsheetApiError(STATUS, INVALID_NAME, message);
}
