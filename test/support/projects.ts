// Which test files run together, as `vitest --project quick`: every test file belongs to exactly one project, by where it stands.
import { readdirSync } from 'node:fs';

export const PROJECT_NAMES = ['quick', 'store', 'api', 'slow'] as const;
export type ProjectName = (typeof PROJECT_NAMES)[number];

const TESTS = new URL('..', import.meta.url);

/** Beginnings of paths below test/, the first that fits decides; what none fits is slow. */
const PLACES: readonly (readonly [beginning: string, ProjectName])[] = [
  ['unit/stores/', 'store'],
  ['unit/library/', 'store'],
  ['integration/stores/', 'store'],
  ['integration/redis/', 'store'],
  ['integration/s3/', 'store'],
  ['api/', 'api'],
  // Thousands of schedules, and of damaged files: more than a third of the time of all unit tests together.
  ['unit/previews/interleavings.test.ts', 'store'],
  ['unit/convert/damaged-structures.test.ts', 'slow'],
  // The rest of it starts no process.
  ['unit/', 'quick'],
];

/** `path`: below test/. */
export function projectOf(path: string): ProjectName {
  return PLACES.find(([beginning]) => path.startsWith(beginning))?.[1] ?? 'slow';
}

/** Every test file, by its path below test/. */
export function testFiles(): readonly string[] {
  const all = readdirSync(TESTS, { recursive: true, encoding: 'utf8' });
  return all.filter((path) => path.endsWith('.test.ts') && !/(?:^|\/)node_modules\//.test(path)).sort();
}
