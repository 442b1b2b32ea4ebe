// What a client takes beside what every client takes, by its Accept header (RFC 9110, section 12.5.1): types of pictures, and others by
// their names. Pure.

/** What may stand in for a JPEG, where a client says that it can show it. */
export const NEGOTIATED_TYPES = ['avif', 'webp'] as const;
export type NegotiatedType = (typeof NEGOTIATED_TYPES)[number];

/**
 * Those of `types` that `accept` names, in the order of `types`. Ranges such as `image/*` name none: clients that cannot show these types
 * send them too. Equal classes are equal lists, however the header is written.
 */
export function acceptedTypes(accept: string | undefined, types: readonly NegotiatedType[]): readonly NegotiatedType[] {
  if (accept === undefined || types.length === 0) return [];
  const named = new Set(accept.split(',').map(wantedMediaType));
  return types.filter((type) => named.has(`image/${type}`));
}

/** Whether `accept` names the media type, in lower case; ranges name none, for who sends them was not thinking of it. */
export function takesMediaType(accept: string | undefined, mediaType: string): boolean {
  return accept?.split(',').some((range) => wantedMediaType(range) === mediaType) ?? false;
}

/** The media type of one range, in lower case; `''` where it is refused by a weight of 0. */
function wantedMediaType(range: string): string {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  return parameters.some((parameter) => /^q\s*=\s*0(?:\.0*)?$/.test(parameter)) ? '' : type;
}
