// Runs once before all tests: installs the programs that the test files name in requireTool('...'), so that no two test
// processes do it at the same time and no test's own time limit pays for it.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installTools, MissingToolError, TOOLS, type ToolName } from './tools.js';

const TEST_ROOT = new URL('..', import.meta.url).pathname;

export default async function installNeededTools(): Promise<void> {
  // Somebody who names files or projects runs a few tests: what those need they ask for themselves.
  if (process.argv.some((argument) => /(?:^|\/)test\/(?!vitest\.config)|^--project\b/.test(argument))) return;
  try {
    await installTools(await neededTools());
  } catch (error) {
    // Each test that needs the tool fails with this same message; the others shall run.
    if (!(error instanceof MissingToolError)) throw error;
    console.warn(error.message);
  }
}

/** The tools that any file below test/ requires by name. */
async function neededTools(): Promise<readonly ToolName[]> {
  const all = await readdir(TEST_ROOT, { recursive: true });
  // The benchmark installs what it compares with by itself.
  const paths = all.filter((path) => path.endsWith('.ts') && !path.startsWith('bench/'));
  const texts = await Promise.all(paths.map((path) => readFile(join(TEST_ROOT, path), 'utf8')));
  const named = new Set(
    texts.flatMap((text) => [...text.matchAll(/requireTool\('([a-z-]+)'\)/g)].map(([, name]) => name)),
  );
  // The table's keys are exactly its type's.
  return (Object.keys(TOOLS) as ToolName[]).filter((name) => named.has(name));
}
