// Why an item of an import did not become an asset: the closed list that every dialect tells in its own words. Pure.

/**
 * `source-not-found`: 404, 410. `source-refused`: any other answer that will be the same tomorrow (401, 403, other 4xx, 206, an
 * encoded body). `source-unavailable`: 5xx, 429, DNS, connection, TLS, a body cut short. `address-forbidden`: the host is not
 * allowed, or it is at an address that is shut. `scheme-forbidden`: neither http nor https, or from https back to http.
 * `image-blocked`: it was taken down, and is not to come back.
 */
export const IMPORT_REASONS = [
  'source-not-found',
  'source-refused',
  'source-unavailable',
  'source-timeout',
  'address-forbidden',
  'scheme-forbidden',
  'too-many-redirects',
  'source-too-large',
  'not-an-image',
  'type-not-enabled',
  'image-damaged',
  'image-limits',
  'image-blocked',
  'over-quota',
  'duplicate-in-batch',
  'cancelled',
  'internal',
] as const;

export type ImportReason = (typeof IMPORT_REASONS)[number];
