// Which dialect and route a path belongs to, before it is routed: whoever fails on the way is answered in the right words.
import { plainFailure, type RenderFailure } from '../replies/error-map.js';
import type { Dialect } from './dialect.js';
import { literalOf } from './route.js';

export interface Speaker {
  readonly dialect: Dialect;
  /** The name of the route whose literal beginning the path has, if any. */
  readonly route: string | undefined;
}

export interface Speakers {
  /** `undefined` for a path below no dialect. */
  of(path: string): Speaker | undefined;
  /** How a failure of a request for `url`, path and query, is told. */
  rendererOf(url: string): RenderFailure;
}

/** The longest mount wins where one is below another. */
export function createSpeakers(dialects: readonly Dialect[]): Speakers {
  const byMount = dialects
    .map((dialect) => ({ dialect, routes: new Map(dialect.routes.map((route) => [literalOf(route), route.name])) }))
    .toSorted((a, b) => b.dialect.mount.length - a.dialect.mount.length);
  const of = (path: string): Speaker | undefined => {
    const found = byMount.find(({ dialect: { mount } }) => path === mount || path.startsWith(`${mount}/`));
    if (found === undefined) return undefined;
    const { dialect, routes } = found;
    return { dialect, route: routes.get(path.slice(dialect.mount.length + 1).split('/', 1)[0] ?? '') };
  };
  return {
    of,
    rendererOf(url) {
      const speaker = of(url.split('?', 1)[0] ?? '');
      if (speaker === undefined) return plainFailure;
      return (failure) => speaker.dialect.renderFailure(failure, speaker.route);
    },
  };
}
