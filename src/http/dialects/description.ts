// What a route tells of itself to whoever writes a client: words and schemas as plain values, from which the API's document and
// the types of the client are made. Only what its rules do not tell already.
import type { ErrorName } from '../../kernel/errors.js';

/**
 * A JSON Schema (2020-12). One with a `title` is told once, under that name; its title is a name in the languages of clients:
 * `Metadata`, `KeyCount`.
 */
export type Schema = Readonly<Record<string, unknown>>;

/**
 * A parameter of the path (each `{name}` of it has one), or of the query, where none has to be given, or a header that tells of the
 * body, so that verbs without one do not have it.
 */
export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly description: string;
  readonly schema: Schema;
  /** A value that works where a picture is stored under the example of its key. */
  readonly example: string | number;
}

/** What is answered where all goes well, by the kind of the reply; its statuses and headers follow from that. */
export type AnswerDescription =
  | { readonly kind: 'picture' }
  /** Somebody's own file, of whatever type of image; where a route may answer with a preview instead, that too. */
  | { readonly kind: 'original' }
  /** `metadata`: of the part of that name. */
  | { readonly kind: 'both'; readonly metadata: Schema }
  | { readonly kind: 'json'; readonly schema: Schema; readonly status?: 200 | 201 | 202; readonly isKept?: boolean }
  | { readonly kind: 'listing'; readonly schema: Schema }
  | { readonly kind: 'redirect'; readonly status: 301 | 302 | 303 | 307 | 308; readonly hasText?: boolean }
  /** A picture that is drawn for the request. */
  | { readonly kind: 'drawn' }
  /** Many previews; `line`: of the lines of JSON that tell of one each. */
  | { readonly kind: 'pictures'; readonly line: Schema }
  | { readonly kind: 'page' }
  /** All that is answered is one of its failures. */
  | { readonly kind: 'refusal' }
  /** No body, and an entity tag. */
  | { readonly kind: 'nothing' }
  /** A text of one of these types, as a standard of others has it; it may be kept unless it `isPassing`. */
  | { readonly kind: 'text'; readonly mediaTypes: readonly string[]; readonly isPassing?: true };

export interface RouteDescription {
  /** What it does, in one line without a full stop. */
  readonly summary: string;
  /** What else has to be known; CommonMark. */
  readonly details?: string;
  /** In the order in which a person reads them. */
  readonly parameters?: readonly Parameter[];
  /** The last parameter of the path may be left out, with its slash. */
  readonly isLastOptional?: boolean;
  /** What it takes, where that is JSON. */
  readonly takes?: { readonly schema: Schema; readonly example: unknown };
  /** Of an upload: what is known already is answered without it. */
  readonly isUploadOptional?: true;
  readonly answer: AnswerDescription;
  /** How it can fail beside what every route of its body, its verbs and its openers can. */
  readonly failures?: readonly ErrorName[];
  /** What else it is answered with where all goes well: the media types of each, by status. */
  readonly otherAnswers?: Readonly<Record<number, readonly string[]>>;
  /** Failures with a status that is its dialect's own: what each means, by status. */
  readonly otherFailures?: Readonly<Record<number, string>>;
}

/** What a client of a dialect brings in place of a bearer token, as a security scheme of OpenAPI. */
export type SecurityScheme = Readonly<Record<string, unknown>>;

/** A parameter of the path: text of at least one character. */
export function inPath(name: string, description: string, example: string): Parameter {
  return { name, in: 'path', description, schema: { type: 'string', minLength: 1 }, example };
}

/** The same of the query, which may be left out. */
export function inQuery(name: string, description: string, example: string): Parameter {
  return { ...inPath(name, description, example), in: 'query' };
}
