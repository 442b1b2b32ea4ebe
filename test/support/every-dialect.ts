// All faces that a server can have, each at its usual place: for tests that hold something of every one.
import type { Dialect } from '../../src/http/dialects/dialect.js';
import { withOperators } from '../../src/http/dialects/registry.js';
import { DIALECT_NAMES } from '../../src/kernel/dialect-names.js';
import { parseContext } from '../../src/kernel/image-key.js';

/** Those of operators too. They are described, not asked: nothing stands behind their URLs. */
export function everyDialect(): readonly [Dialect, ...Dialect[]] {
  const place = { publicUrl: () => 'http://pictures.test', permitsPort: () => true, viewerScript: () => '' };
  const zoomhub = { tenant: 'agency', takesNew: true, takesUploads: true, requiresEmail: true, version: '1.2.3' };
  return withOperators(
    {
      ...{ basePath: '/imageconverter', strictErrors: false, strictFormats: false },
      dialects: DIALECT_NAMES.map((name) => ({ name })),
      livingdocs: { ...place, imageService: 'imgix' },
      ...{ mediagraph: place, micrio: place, zoom: place, zoomhub: { ...place, ...zoomhub } },
      imaginary: { context: parseContext(''), version: '1.2.3' },
    },
    true,
  );
}
