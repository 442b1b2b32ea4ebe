// Headers of answers as values: what every kind of answer starts from.

export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/** Of JSON that is written as it comes; `no-store` unless a later pair says otherwise. */
export const JSON_HEADERS: HeaderPairs = [
  ['Content-Type', 'application/json'],
  ['Cache-Control', 'no-store'],
  ['X-Content-Type-Options', 'nosniff'],
];

/** The same, of a length that is known. */
export function jsonHeaders(contentLength: number): HeaderPairs {
  return [...JSON_HEADERS, ['Content-Length', String(contentLength)]];
}
