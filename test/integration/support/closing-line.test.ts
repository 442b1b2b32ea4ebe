// The closing line counts what really happened: a real vitest run over files made here.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { slowestLines } from '../../support/closing-line-reporter.js';
import { type Ended, run } from '../../support/processes.js';
import { NODE } from '../../support/tools.js';

const ROOT = new URL('../../..', import.meta.url).pathname;

let directory: string;
beforeEach(async () => {
  // Inside the package, so that `vitest` resolves.
  directory = await mkdtemp(join(ROOT, 'test/integration/support/.closing-line-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Runs vitest over `files`; resolves with its exit code, its last line of output and the line in the file. */
async function runOver(
  files: Record<string, string>,
): Promise<{ code: number; last: string; written: string; slowest: string[] }> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  await writeFile(
    join(directory, 'vitest.config.ts'),
    `import { ClosingLineReporter } from '../../../support/closing-line-reporter.js';
     export default { test: { root: ${JSON.stringify(directory)}, include: ['*.case.ts'], passWithNoTests: true,
       reporters: ['default', new ClosingLineReporter()] } };`,
  );
  const file = join(directory, 'line');
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const { code, stdout } = await run(NODE, [vitest, 'run', '--config', join(directory, 'vitest.config.ts')], {
    cwd: ROOT,
    timeout: 90_000,
    env: { ...process.env, CLOSING_LINE_FILE: file },
  }).then(
    (ended) => ({ ...ended, code: 0 }),
    (error: Ended & { readonly code: number }) => error,
  );
  const written = (await readFile(file, 'utf8').catch(() => 'nothing')).trim();
  const slowest = [...stdout.matchAll(/^ +\d+\.\d s {2}(?: *\d+\.\d s CPU {2})?(\S+)$/gm)].map(([, path = '']) => path);
  return { code, last: stdout.trim().split('\n').at(-1) ?? '', written, slowest };
}

const imports = "import { expect, test } from 'vitest';\n";

test('passed and failed tests, and a file that does not load, are counted; the run fails', async () => {
  const { code, last, written } = await runOver({
    'a.case.ts': `${imports}test('1', () => {}); test('2', () => { expect(1).toBe(2); });`,
    'b.case.ts': `${imports}test('3', () => {}); test.each([1, 2])('%i', () => {});`,
    'c.case.ts': `${imports}throw new Error('does not load');`,
  });
  expect({ code, last, written }).toEqual({ code: 1, last: '4 passed, 2 failed', written: '4 passed, 2 failed' });
});

test('a run without failures succeeds', async () => {
  expect(await runOver({ 'a.case.ts': `${imports}test('1', () => {});` })).toEqual({
    code: 0,
    last: '1 passed, 0 failed',
    written: '1 passed, 0 failed',
    slowest: ['a.case.ts'],
  });
});

test('a run without tests fails, even where vitest would let it pass', async () => {
  expect(await runOver({})).toEqual({
    code: 1,
    last: '0 passed, 0 failed',
    written: '0 passed, 0 failed',
    slowest: [],
  });
});

test('the slowest files are named, in front of the line and in order', async () => {
  const after = (ms: number) => `${imports}test('1', () => new Promise((resolve) => setTimeout(resolve, ${ms})));`;
  const { slowest } = await runOver({ 'a.case.ts': after(1), 'b.case.ts': after(1_500), 'c.case.ts': after(700) });
  expect(slowest).toEqual(['b.case.ts', 'c.case.ts', 'a.case.ts']);
});

test('ten of them at most, the slowest', () => {
  const files = Array.from({ length: 12 }, (_, index) => ({ path: `${index}.test.ts`, ms: index * 100 }));
  const lines = slowestLines(files);
  expect(lines).toHaveLength(10);
  expect(lines[0]).toBe('   1.1 s  11.test.ts');
  expect(lines.at(-1)).toBe('   0.2 s  2.test.ts');
});

test('a file that had a process to itself has what it took of the processor beside it', () => {
  expect(slowestLines([{ path: 'a.test.ts', ms: 12_340, cpuMs: 8_010 }])).toEqual([
    '  12.3 s     8.0 s CPU  a.test.ts',
  ]);
});
