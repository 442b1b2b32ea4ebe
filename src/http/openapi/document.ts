// The OpenAPI 3.1 document of what a server speaks, made from the route tables of its dialects and its own probes. Pure; knows
// no dialect by name.
import type { Dialect } from '../dialects/dialect.js';
import { Components } from './components.js';
import type { OpenApiDocument, Operation } from './openapi-types.js';
import { operationsOfRoute } from './operations.js';
import { probePaths, SERVER_TAG } from './probe-paths.js';
import { SECURITY_SCHEMES } from './security.js';

export interface DocumentedServer {
  readonly version: string;
  /** Neither tokens nor signed URLs are asked for. */
  readonly isOpen: boolean;
  /** The probes answer beside the operations. */
  readonly withProbes: boolean;
  /** Where the readiness is told in a word: the first dialect's mount. */
  readonly probedMount: string;
}

/** The document of these dialects. `withProbes` adds what stands at the root of the server. */
export function openApiDocument(dialects: readonly Dialect[], server: DocumentedServer): OpenApiDocument {
  const components = new Components();
  const routes = dialects.flatMap((dialect) =>
    dialect.routes.flatMap((route) => operationsOfRoute(dialect, route, server.isOpen, components)),
  );
  const paths: Record<string, Record<string, Operation>> = {};
  const probes = server.withProbes ? probePaths(server.probedMount) : [];
  // Where a dialect answers at its mount itself, that is no probe.
  for (const [path, verb, operation] of [...routes, ...probes])
    if (paths[path]?.[verb] === undefined) paths[path] = { ...paths[path], [verb]: operation };
  const used = new Set(
    routes.flatMap(([, , { security }]) => security.flatMap((requirement) => Object.keys(requirement))),
  );
  const schemes = [
    ...Object.entries(SECURITY_SCHEMES),
    // Who has none of its own has none of its name: another stands there.
    ...dialects.flatMap(({ name, securityScheme }) => (securityScheme ? [[name, securityScheme] as const] : [])),
  ].filter(([name]) => used.has(name));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Proofsheet',
      version: server.version,
      summary: 'Takes a source image once and answers with the right preview of it.',
      description:
        'A failure is JSON with a stable code; its message says what was wrong and what would be right. ' +
        'Whatever is asked of a server, a malformed request is answered with 400, one that does not arrive in time with 408, an unknown `Expect` with 417, ' +
        'a `Host` that is not the server’s with 421, and too large a header with 431.',
      license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [
      ...dialects.map(({ name, summary }) => ({ name, description: summary })),
      ...(server.withProbes ? [SERVER_TAG] : []),
    ],
    paths,
    components: {
      schemas: components.schemas,
      responses: components.responses,
      securitySchemes: Object.fromEntries(schemes),
    },
  };
}
