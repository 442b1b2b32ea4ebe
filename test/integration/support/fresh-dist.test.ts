// dist/ and bin/ are never those of another day: a small package of its own, built, changed, built elsewhere.
import { copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freshDist, mayNeedDist } from '../../support/fresh-dist.js';
import { run } from '../../support/processes.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { requireTool } from '../../support/tools.js';

const ROOT = new URL('../../../', import.meta.url).pathname;

let dir: TempDir;
const at = (path: string) => join(dir.path, path);
const saidBy = (folder: string) => /said = '(\w+)'/.exec(readFileSync(at(`${folder}/a.js`), 'utf8'))?.[1];
/** What both say. */
const said = () => (saidBy('dist') === saidBy('bin') ? saidBy('bin') : 'not the same');
const write = (word: string) => writeFileSync(at('src/a.ts'), `export const said = '${word}';\n`);

beforeEach(async () => {
  dir = await tempDir();
  mkdirSync(at('src'));
  symlinkSync(join(ROOT, 'node_modules'), at('node_modules'));
  const options = {
    rootDir: 'src',
    outDir: 'dist',
    module: 'NodeNext',
    incremental: true,
    types: [],
    lib: ['ES5'],
    skipLibCheck: true,
  };
  const compilerOptions = { ...options, tsBuildInfoFile: 'dist/.tsbuildinfo' };
  writeFileSync(at('tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src/**/*.ts'] }));
  writeFileSync(at('package.json'), '{"type":"module"}');
  copyFileSync(join(ROOT, 'src/build-stamp.mjs'), at('src/build-stamp.mjs'));
  // As the package's own does, with all of dist/.
  writeFileSync(
    at('src/bundle.mjs'),
    "import { cpSync } from 'node:fs'; import { stampBuild } from './build-stamp.mjs'; cpSync('dist/a.js', 'bin/a.js'); stampBuild('.');",
  );
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
    // As the compiler does when it runs by itself, and leaves the stamp alone.
    writeFileSync(at('dist/.checked-against'), stamp);
    write('first');
    expect(freshDist(dir.path)).toBe(true);
    expect(said()).toBe('first');
  });

  it.each([
    ['bin/ is not there', () => rmSync(at('bin'), { recursive: true })],
    ['bin/ is of before the last build', () => writeFileSync(at('bin/.checked-against'), 'before')],
    [
      'the bundler does otherwise',
      () => writeFileSync(at('src/bundle.mjs'), `${readFileSync(at('src/bundle.mjs'))}\n;`),
    ],
  ])('bundles again when %s', (_case, happens) => {
    freshDist(dir.path);
    happens();
    expect(freshDist(dir.path)).toBe(true);
    expect(said()).toBe('first');
    expect(freshDist(dir.path)).toBe(false);
  });

  it('builds nothing after `npm run build`, and builds again what was changed since', async () => {
    for (const program of ['main', 'cli', 'convert/child', 'stores/embedded/salvage-child']) {
      mkdirSync(dirname(at(`src/${program}`)), { recursive: true });
      writeFileSync(at(`src/${program}.ts`), `export const program = '${program}';\n`);
    }
    mkdirSync(at('src/http/dialects/console/browser'), { recursive: true });
    writeFileSync(at('src/http/dialects/console/browser/page.ts'), 'export {};\n');
    copyFileSync(join(ROOT, 'src/bundle.mjs'), at('src/bundle.mjs'));
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { build: string } };
    writeFileSync(at('package.json'), JSON.stringify({ type: 'module', scripts: { build: scripts.build } }));
    await run(await requireTool('npm'), ['run', 'build'], { cwd: dir.path });
    expect(freshDist(dir.path)).toBe(false);
    write('second');
    expect(freshDist(dir.path)).toBe(true);
    expect(saidBy('dist')).toBe('second');
  });

  it('tells what the bundler says when it fails', () => {
    writeFileSync(at('src/bundle.mjs'), "throw new Error('no such program');");
    expect(() => freshDist(dir.path)).toThrow(/no such program/);
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
