// Decoders in packages of their own: loaded when the first source of their type comes, and not before. They are optional, so that
// nobody has to install what he does not take.
import { ProofsheetError } from '../kernel/errors.js';

const loaded = new Map<string, Promise<unknown>>();

/** What `load` brings, once a process. Throws `source-type-refused` with the package's name where it is not installed. */
export async function decoderPackage<T>(name: string, decodes: string, load: () => Promise<T>): Promise<T> {
  const known = loaded.get(name) as Promise<T> | undefined;
  const loading = known ?? load();
  loaded.set(name, loading);
  try {
    return await loading;
  } catch (error) {
    loaded.delete(name);
    if (!isMissing(error, name)) throw error;
    throw new ProofsheetError(
      'source-type-refused',
      `expected an image of a type whose decoder is installed, got ${decodes}; the package ${name} is missing on this server`,
      { cause: error },
    );
  }
}

/** Drops what was loaded: a decoder that has failed in the midst of its work is not used again. */
export function forgetDecoder(name: string): void {
  loaded.delete(name);
}

function isMissing(error: unknown, name: string): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const isCode = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
  return isCode && error instanceof Error && error.message.includes(name);
}
