// bin/ is dist/ in fewer files: what its programs do, and where their modules believe to stand, is as if each stood there by itself.
import { existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { run } from '../../support/processes.js';
import { type TempDir, tempDir } from '../../support/temp-dir.js';
import { NODE } from '../../support/tools.js';

const BUNDLER = new URL('../../../src/bundle.mjs', import.meta.url);

let dir: TempDir;
beforeEach(async () => {
  dir = await tempDir();
});
afterEach(() => dir.remove());

function write(path: string, text: string): void {
  const at = join(dir.path, path);
  mkdirSync(dirname(at), { recursive: true });
  writeFileSync(at, text);
}

async function bundled(programs: readonly string[], copied: readonly string[] = []): Promise<void> {
  const { bundle } = (await import(BUNDLER.href)) as {
    bundle(root: string, programs: readonly string[], copied: readonly string[]): Promise<void>;
  };
  await bundle(dir.path, programs, copied);
}

async function said(program: string): Promise<unknown> {
  return JSON.parse((await run(NODE, [join(dir.path, 'bin', program)])).stdout);
}

it('tells each module the place that it has in bin/, in whatever file it is', async () => {
  write('package.json', '{"type":"module"}');
  write('dist/common/room/part.js', 'export const part = import.meta.url;');
  write('dist/late.js', 'export const late = import.meta.url;');
  write(
    'dist/main.js',
    "import { part } from './common/room/part.js'; const { late } = await import('./late.js'); console.log(JSON.stringify([part, late, import.meta.url]));",
  );
  write(
    'dist/deep/down/child.js',
    "import { part } from '../../common/room/part.js'; console.log(JSON.stringify([part, import.meta.url]));",
  );
  await bundled(['main', 'deep/down/child']);
  const at = (path: string) => pathToFileURL(join(realpathSync(dir.path), 'bin', path)).href;
  expect(await said('main.js')).toEqual([at('common/room/part.js'), at('late.js'), at('main.js')]);
  expect(await said('deep/down/child.js')).toEqual([at('common/room/part.js'), at('deep/down/child.js')]);
});

it('leaves nothing of an earlier one, has one file for what one program alone loads, and copies what is read as text', async () => {
  write('package.json', '{"type":"module"}');
  write('dist/a.js', 'export const a = 1;');
  write('dist/b.js', "export { a } from './a.js';");
  write('dist/main.js', "import { a } from './b.js'; console.log(a);");
  write('dist/browser/page.js', "import './other.js';");
  write('bin/old.js', '');
  await bundled(['main'], ['browser']);
  expect(readdirSync(join(dir.path, 'bin')).sort()).toEqual(['browser', 'main.js', 'main.js.map']);
  expect(await said('main.js')).toBe(1);
  expect(existsSync(join(dir.path, 'bin/browser/page.js'))).toBe(true);
});

it('fails when a module is not there, and leaves what was there before', async () => {
  write('package.json', '{"type":"module"}');
  write('dist/main.js', "import './gone.js';");
  write('bin/main.js', 'console.log(7);');
  await expect(bundled(['main'])).rejects.toThrow(/gone/);
  expect(await said('main.js')).toBe(7);
});
