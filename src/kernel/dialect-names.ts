// The faces that a server may have, and where they stand unless settings say otherwise. Pure.

export const DIALECT_NAMES = [
  'image-converter',
  'livingdocs',
  'mediagraph',
  'imaginary',
  'dzi',
  'iiif',
  'zoomhub',
  'micrio',
] as const;
export type DialectName = (typeof DIALECT_NAMES)[number];

/** A face that a server shows. */
export interface EnabledDialect {
  readonly name: DialectName;
  /** In front of its paths, without a slash at the end; `""` is the root. Absent: its usual place. */
  readonly mount?: string;
}

/** Where a dialect stands unless it is told; ImageConverter's is a setting of its own. */
export const USUAL_MOUNTS = {
  'image-converter': '/imageconverter',
  livingdocs: '/livingdocs',
  mediagraph: '/mediagraph',
  imaginary: '/imaginary',
  dzi: '/dzi',
  iiif: '/iiif',
  zoomhub: '/zoomhub',
  micrio: '/micrio',
} as const satisfies Record<DialectName, string>;

/** Where the server's own faces stand, whatever dialects it has: their paths and everything below. */
export const OWN_MOUNTS = { admin: '/admin', console: '/console', library: '/library', openapi: '/openapi' } as const;

/** `NAME` or `NAME=/PATH`. Throws `TypeError`. */
export function parseEnabledDialect(text: string): EnabledDialect {
  const [, given, path] = /^([a-z-]+)(?:=(\/|(?:\/[A-Za-z0-9._~-]+)+))?$/.exec(text) ?? [];
  const name = DIALECT_NAMES.find((known) => known === given);
  if (name === undefined) throw new TypeError(`expected NAME or NAME=/PATH with a name of ${DIALECT_NAMES.join(', ')}`);
  if (path === undefined) return { name };
  if (path === '/' && name === 'image-converter')
    throw new TypeError('expected a path other than / for image-converter');
  return { name, mount: path === '/' ? '' : path };
}
