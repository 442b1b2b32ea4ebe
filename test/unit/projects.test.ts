// The projects of the tests: together they are all tests, each once, and what is called quick starts no process.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importsOf } from '../support/import-edges.js';
import { LONG_FILES, longestFirst } from '../support/longest-first.js';
import { PROJECT_NAMES, projectOf, testFiles } from '../support/projects.js';
import config from '../vitest.config.js';

const root = new URL('../../', import.meta.url);
/** What starts processes, or composes a server with its converters; each is reached by its importers too. */
const STARTING = [
  'test/support/processes.ts',
  'test/support/converting.ts',
  'test/support/test-server.ts',
  'src/compose.ts',
  'src/supervisor.ts',
];

/** What `path` imports, and what that imports, itself included. */
function reachedFrom(path: string): ReadonlySet<string> {
  const reached = new Set([path]);
  for (const file of reached)
    for (const specifier of importsOf(readFileSync(new URL(file, root), 'utf8'))) {
      const target = posix.join(posix.dirname(file), specifier.replace(/\.js$/, '.ts'));
      if (specifier.startsWith('.') && target.endsWith('.ts')) reached.add(target);
    }
  return reached;
}

describe('the projects', () => {
  it('are all test files, each in one', () => {
    const projects = config.test?.projects ?? [];
    const included = projects.flatMap((project) =>
      typeof project === 'object' && 'test' in project ? (project.test?.include ?? []) : [],
    );
    const there = readdirSync(new URL('test', root), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.test.ts') && !path.includes('node_modules/'))
      .map((path) => `test/${path}`);
    expect(there.length).toBeGreaterThan(150);
    expect([...included].sort()).toEqual(there.sort());
  });

  it('begin with the long files, all of which are there', () => {
    expect(LONG_FILES.filter((path) => !testFiles().includes(path))).toEqual([]);
    const [first, second] = LONG_FILES;
    expect(longestFirst(['b', second, 'a', first], String)).toEqual([first, second, 'b', 'a']);
  });

  it('have files each', () => {
    const used = testFiles().map(projectOf);
    for (const name of PROJECT_NAMES) expect(used.filter((one) => one === name).length, name).toBeGreaterThan(5);
  });

  it('share one set-up: none has a directory or an installation of its own', () => {
    expect(config.test?.globalSetup).toHaveLength(2);
    for (const project of config.test?.projects ?? []) expect(project).not.toHaveProperty(['test', 'globalSetup']);
  });

  it.each(['integration/workers.test.ts', 'api/operations.test.ts'])(
    '%s is told as one that starts processes',
    (path) => {
      const reached = reachedFrom(`test/${path}`);
      expect(STARTING.some((starting) => reached.has(starting))).toBe(true);
    },
  );

  it.each(testFiles().filter((path) => projectOf(path) === 'quick' || path.startsWith('unit/')))(
    '%s starts no process',
    (path) => {
      const reached = reachedFrom(`test/${path}`);
      expect(STARTING.filter((starting) => reached.has(starting))).toEqual([]);
    },
  );
});
