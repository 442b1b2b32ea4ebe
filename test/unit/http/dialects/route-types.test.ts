// What the types of routes promise to whoever writes a dialect; checked by `npm run typecheck`, which these lines are for.
import { expectTypeOf, it } from 'vitest';
import type { Dialect } from '../../../../src/http/dialects/dialect.js';
import { type Call, type Route, type RouteOf, route, type UseCases } from '../../../../src/http/dialects/route.js';
import type { Reply } from '../../../../src/http/replies/reply.js';

const RULES = {
  name: 'a',
  verbs: ['GET'],
  path: '/a',
  opensTo: 'everybody',
  body: 'none',
  effort: 'reads',
  description: { summary: 'a page', answer: { kind: 'page' } },
} as const;

it('what a route parses is what it is run with, and nobody else sees it', () => {
  type Asked = { readonly page: number };
  expectTypeOf<Parameters<RouteOf<Asked>['run']>>().toEqualTypeOf<[Asked, UseCases, Call]>();
  expectTypeOf<ReturnType<RouteOf<Asked>['parse']>>().toEqualTypeOf<Asked>();
  const one = route<Asked>({
    ...RULES,
    parse: () => ({ page: 1 }),
    run: async ({ page }) => ({ kind: 'json', text: `${page}` }),
  });
  expectTypeOf(one).toEqualTypeOf<Route>();
  // @ts-expect-error: what `parse` gives is not what `run` takes.
  route<Asked>({ ...RULES, parse: () => ({ page: 'one' }), run: async () => ({ kind: 'json', text: '' }) });
});

it('a route sees no request and no response, and cannot answer but by a reply', () => {
  expectTypeOf<keyof Call>().toEqualTypeOf<
    'receive' | 'namedSource' | 'isWaiting' | 'sourceTag' | 'seesPrivateTags' | 'tenant' | 'origin' | 'client' | 'verb'
  >();
  expectTypeOf<Awaited<ReturnType<RouteOf<void>['run']>>>().toEqualTypeOf<Reply>();
  // @ts-expect-error: no such kind of reply.
  route<void>({ ...RULES, parse: () => undefined, run: async () => ({ kind: 'bytes' }) });
});

it('a dialect is values all through', () => {
  expectTypeOf<Dialect['routes']>().toEqualTypeOf<readonly Route[]>();
  expectTypeOf<Reply['kind']>().toEqualTypeOf<
    | 'picture'
    | 'drawn'
    | 'original'
    | 'both'
    | 'json'
    | 'listing'
    | 'pictures'
    | 'stream'
    | 'empty'
    | 'redirect'
    | 'page'
  >();
});
