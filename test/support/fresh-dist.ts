// What tests start and fork is bin/, made of dist/: before they run both are made what src/ says, should they be older or of another state of the
// tree.
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isBuilt } from '../../src/build-stamp.mjs';
import { runSync } from './processes.js';
import { projectOf, testFiles } from './projects.js';
import { NODE } from './tools.js';

const BUNDLER = 'src/bundle.mjs';

/** Builds in `root`, as `npm run build` does, unless dist/ and bin/ are known to be what src/ is now. Resolves with whether it did; throws when it does not compile. */
export function freshDist(root: string): boolean {
  if (isSharedWithAnotherTree(root)) rmSync(join(root, 'dist'), { recursive: true });
  if (isBuilt(root)) return false;
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout, stderr } = runSync(NODE, [compiler, '-p', join(root, 'tsconfig.json')], { cwd: root });
  if (status !== 0) throw new Error(`expected dist/ to be built from src/, but the compiler says:\n${stdout}${stderr}`);
  const bundled = runSync(NODE, [join(root, BUNDLER)], { cwd: root });
  if (bundled.status !== 0) throw new Error(`expected bin/ to be made of dist/, but: ${bundled.stderr}`);
  return true;
}

/** Whether any test that is to run may start a process; `args` are those of vitest. */
export function mayNeedDist(args: readonly string[]): boolean {
  const projects = args.flatMap((arg, at) =>
    arg === '--project' ? [args[at + 1]] : (/^--project=(.*)/.exec(arg)?.[1] ?? []),
  );
  if (projects.length > 0 && projects.every((name) => name === 'quick')) return false;
  const named = args.flatMap((arg) => /(?:^|\/)test\/(?!vitest\.config)(.*)/.exec(arg)?.[1] ?? []);
  const files = testFiles().filter((path) => named.length === 0 || named.some((name) => path.startsWith(name)));
  return files.length === 0 || files.some((path) => projectOf(path) !== 'quick');
}

/** A tree that was copied by hard links (`cp -al`): the compiler writes into files that are there, and so into those of the other. */
function isSharedWithAnotherTree(root: string): boolean {
  return (statSync(join(root, 'dist/.tsbuildinfo'), { throwIfNoEntry: false })?.nlink ?? 1) > 1;
}
