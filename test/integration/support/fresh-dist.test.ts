// dist/ is never one of another day: a small package of its own, built, changed, built elsewhere.
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshDist, mayNeedDist } from '../../support/fresh-dist.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';

let dir: TempDir;
const at = (path: string) => join(dir.path, path);
const said = () => /said = '(\w+)'/.exec(readFileSync(at('dist/a.js'), 'utf8'))?.[1];
const write = (word: string) => writeFileSync(at('src/a.ts'), `export const said = '${word}';\n`);

beforeEach(async () => {
  dir = await tempDir();
  mkdirSync(at('src'));
  symlinkSync(new URL('../../../node_modules', import.meta.url).pathname, at('node_modules'));
  const options = { rootDir: 'src', outDir: 'dist', module: 'NodeNext', incremental: true, types: [] };
  const compilerOptions = { ...options, tsBuildInfoFile: 'dist/.tsbuildinfo' };
  writeFileSync(at('tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src/**/*.ts'] }));
  writeFileSync(at('package.json'), '{"type":"module"}');
  write('first');
});
afterEach(() => dir.remove());

describe('freshDist', () => {
  it('builds what was never built, and nothing a second time', () => {
    expect(freshDist(dir.path)).toBe(true);
    expect(said()).toBe('first');
    expect(freshDist(dir.path)).toBe(false);
  });

  it('builds again what was changed since, whatever its date', () => {
    freshDist(dir.path);
    write('second');
    expect(freshDist(dir.path)).toBe(true);
    expect(said()).toBe('second');
  });

  it('builds again when another state of the tree was built meanwhile', () => {
    freshDist(dir.path);
    const stamp = readFileSync(at('dist/.checked-against'), 'utf8');
    write('other');
    freshDist(dir.path);
    // As `npm run build` does, which leaves the stamp alone.
    writeFileSync(at('dist/.checked-against'), stamp);
    write('first');
    expect(freshDist(dir.path)).toBe(true);
    expect(said()).toBe('first');
  });

  it('never writes into the files of a tree that this one is a copy of by hard links', () => {
    freshDist(dir.path);
    mkdirSync(at('original'));
    for (const name of ['a.js', '.tsbuildinfo']) linkSync(at(`dist/${name}`), at(`original/${name}`));
    write('second');
    freshDist(dir.path);
    expect(said()).toBe('second');
    expect(readFileSync(at('original/a.js'), 'utf8')).toContain("'first'");
  });

  it('tells what the compiler says when it does not compile', () => {
    writeFileSync(at('src/a.ts'), "export const said: number = 'text';\n");
    expect(() => freshDist(dir.path)).toThrow(/TS2322/);
  });
});

it.each([
  [[], true],
  [['--project', 'quick'], false],
  [['--project=quick'], false],
  [['--project', 'api'], true],
  [['--config', 'test/vitest.config.ts', 'test/unit/kernel'], false],
  [['--config', 'test/vitest.config.ts', 'test/unit/kernel/format.test.ts', 'test/integration/cli.test.ts'], true],
  [['--config', 'test/vitest.config.ts', '--project', 'quick', 'test/api'], false],
])('dist/ is needed by %j: %s', (args, needed) => {
  expect(mayNeedDist(args)).toBe(needed);
});
