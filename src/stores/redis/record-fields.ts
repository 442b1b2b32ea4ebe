// The fields of records as they come from Redis: each is what its type says, or the record is refused as a whole. All throw a
// `TypeError`, which whoever reads the record takes for damage.
import { type Digest, parseDigest } from '../../kernel/digest.js';

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(given: unknown): Fields {
  return typeof given === 'object' && given !== null && !Array.isArray(given) ? (given as Fields) : wrong();
}

export function listIn(given: unknown): readonly unknown[] {
  return Array.isArray(given) ? given : wrong();
}

export function digestIn(given: unknown): Digest {
  return parseDigest(textIn(given)) ?? wrong();
}

export function textIn(given: unknown): string {
  return typeof given === 'string' ? given : wrong();
}

export function flagIn(given: unknown): boolean {
  return typeof given === 'boolean' ? given : wrong();
}

export function wholeIn(given: unknown, min: number): number {
  return Number.isSafeInteger(given) && (given as number) >= min ? (given as number) : wrong();
}

/** Finite: times are not always whole. */
export function numberIn(given: unknown): number {
  return typeof given === 'number' && Number.isFinite(given) ? given : wrong();
}

export function oneOf<const T>(all: readonly T[], given: unknown): T {
  return all.find((one) => one === given) ?? wrong();
}

export function wrong(): never {
  throw new TypeError('a field of a record is none of its kind');
}

/** What `read` makes of the JSON in `text`; `undefined` for what is none, or is not what it reads. */
export function readIn<T>(text: string, read: (value: unknown) => T): T | undefined {
  try {
    return read(JSON.parse(text));
  } catch {
    // Whoever asks takes it for what it is: as good as nothing.
    return undefined;
  }
}

/** What `parse` makes of a text; it gives `undefined` for one that names nothing. */
export function parsedIn<T>(parse: (text: string) => T | undefined, given: unknown): T {
  return parse(textIn(given)) ?? wrong();
}

/** An object with `name` when that is given, else an empty one: for optional fields. */
export function optionalIn<Name extends string, T>(
  given: Fields,
  name: Name,
  read: (value: unknown) => T,
): { readonly [N in Name]?: T } {
  const value = given[name];
  // One property, of the name and type that the signature says.
  return value === undefined ? {} : ({ [name]: read(value) } as { readonly [N in Name]: T });
}
