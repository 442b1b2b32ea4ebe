// How a route can fail, in a document's words: which failures follow from its rules, and how its dialect tells them.
import { type ErrorName, ProofsheetError } from '../../kernel/errors.js';
import type { Dialect } from '../dialects/dialect.js';
import type { Route } from '../dialects/route.js';
import { failureOf } from '../replies/error-map.js';
import { ERROR_MEANINGS } from '../replies/error-meanings.js';
import type { Components } from './components.js';
import type { Operation } from './openapi-types.js';

/** Whatever carries a body of either kind. */
const OF_BODIES: readonly ErrorName[] = [
  'broken-upload',
  'protected-operation-disabled',
  'upload-too-slow',
  'source-too-large',
  'source-type-refused',
  'over-quota',
];
const OF_SOURCES: readonly ErrorName[] = [
  'missing-source-image',
  'digest-mismatch',
  'source-limits-exceeded',
  'source-undecodable',
  'blocked-content',
  'conversion-timeout',
  'storage-full',
];
/** A login that is tried too often is over its quota too. */
const OF_ADMINS: readonly ErrorName[] = ['unauthorized', 'protected-operation-disabled', 'over-quota'];

/** Without tenants nobody may, and a token may be for something else. */
const OF_TENANTS: readonly ErrorName[] = ['unauthorized', 'protected-operation-disabled'];

/** Every failure that `route` can be answered with, in the order of their codes. */
export function failuresOf({ body, opensTo, effort, description }: Route, isOpen: boolean): readonly ErrorName[] {
  const possible = new Set<ErrorName>([
    'internal',
    'invalid-image-key',
    ...(effort === 'stays-open' ? [] : (['overloaded', 'shared-tier-unreachable'] as const)),
    ...(body === 'none' ? [] : OF_BODIES),
    ...(body === 'source' ? OF_SOURCES : []),
    ...(opensTo === 'admin' ? OF_ADMINS : []),
    ...(opensTo === 'tenant' ? OF_TENANTS : []),
    ...(isOpen || opensTo === 'everybody' ? [] : (['unauthorized'] as const)),
    ...(description.failures ?? []),
  ]);
  return [...possible].sort((a, b) => codeOf(a) - codeOf(b));
}

/** By the status that the dialect gives them. */
export function failureAnswersOf(
  dialect: Dialect,
  route: Route,
  isOpen: boolean,
  components: Components,
): Operation['responses'] {
  const byStatus = new Map<number, { readonly name: ErrorName; readonly mediaType: string }[]>();
  for (const name of failuresOf(route, isOpen)) {
    const { status, headers } = dialect.renderFailure(failureOf(new ProofsheetError(name, '')), route.name);
    const mediaType =
      headers.findLast(([header]) => header.toLowerCase() === 'content-type')?.[1]?.split(';', 1)[0] ??
      'application/json';
    byStatus.set(status, [...(byStatus.get(status) ?? []), { name, mediaType }]);
  }
  const schema = components.schema(dialect.failureSchema);
  const others = Object.entries(route.description.otherFailures ?? {}).map(([status, description]) => [
    status,
    { description, content: { 'application/json': { schema } } },
  ]);
  const known = Object.fromEntries(
    [...byStatus].map(([status, failures]) => {
      const lines = failures.map(({ name }) => `\`${codeOf(name)} ${name}\`: ${ERROR_MEANINGS[name]}.`);
      const told = {
        description: lines.join(' '),
        content: Object.fromEntries(failures.map(({ mediaType }) => [mediaType, { schema }])),
      };
      // The same failures of a dialect are the same response.
      const name = `${dialect.name}-${status}-${failures.map((failure) => codeOf(failure.name)).join('-')}`;
      return [String(status), components.response(name, told)];
    }),
  );
  return { ...known, ...Object.fromEntries(others) };
}

function codeOf(name: ErrorName): number {
  return failureOf(new ProofsheetError(name, '')).code;
}
