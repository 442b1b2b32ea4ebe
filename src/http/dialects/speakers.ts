// Which dialect and route a path belongs to, before it is routed: whoever fails on the way is answered in the right words.
import { SERVER, UNKNOWN, type Voice } from '../replies/asked.js';
import { plainFailure } from '../replies/error-map.js';
import type { Dialect } from './dialect.js';
import { expressionOf, literalOf } from './route.js';

export interface Speaker {
  readonly dialect: Dialect;
  /** The name of the route that the path is of, or whose literal beginning no other route has; if any. */
  readonly route: string | undefined;
}

export interface Speakers {
  /** `undefined` for a path below no dialect. */
  of(path: string): Speaker | undefined;
  /** What a request for `url`, path and query, is counted as, and how its failure is told. */
  voiceOf(url: string): Voice;
}

/** The longest mount wins where one is below another. */
export function createSpeakers(dialects: readonly Dialect[]): Speakers {
  const byMount = dialects
    .map((dialect) => ({ dialect, routes: routesOf(dialect) }))
    .toSorted((a, b) => b.dialect.mount.length - a.dialect.mount.length);
  const of = (path: string): Speaker | undefined => {
    const found = byMount.find(({ dialect: { mount } }) => path === mount || path.startsWith(`${mount}/`));
    if (found === undefined) return undefined;
    const { dialect, routes } = found;
    const below = path.slice(dialect.mount.length);
    const literal = below.slice(1).split('/', 1)[0] ?? '';
    const [first, ...others] = routes.get(literal) ?? [];
    const named = others.length === 0 ? first : [first, ...others].find((one) => one?.expression.test(below));
    const route = named ?? routes.get('')?.find(({ expression }) => expression.test(below));
    return { dialect, route: route?.name };
  };
  return {
    of,
    voiceOf(url) {
      const speaker = of(url.split('?', 1)[0] ?? '');
      if (speaker === undefined) return { asked: { dialect: SERVER, operation: UNKNOWN }, renderFailure: plainFailure };
      const { dialect, route } = speaker;
      return {
        asked: { dialect: dialect.name, operation: route ?? UNKNOWN },
        renderFailure: (failure) => dialect.renderFailure(failure, route),
      };
    },
  };
}

/** By the literal segment that they begin with: where one route has it, everything below is its own. */
function routesOf({ routes }: Dialect): ReadonlyMap<string, readonly { name: string; expression: RegExp }[]> {
  const byLiteral = new Map<string, { name: string; expression: RegExp }[]>();
  for (const route of routes) {
    const literal = literalOf(route);
    byLiteral.set(literal, [...(byLiteral.get(literal) ?? []), { name: route.name, expression: expressionOf(route) }]);
  }
  return byLiteral;
}
