// A run of tests leaves nothing behind, however it ends: a real vitest run over files made here, which start processes, leave them
// and fail, or are interrupted.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from '../../support/gate.js';
import { descendantsOf, isRunning, start } from '../../support/processes.js';
import { NODE } from '../../support/tools.js';

const ROOT = new URL('../../..', import.meta.url).pathname;

let directory: string;
let temporary: string;
beforeEach(async () => {
  // Inside the package, so that `vitest` resolves.
  directory = await mkdtemp(join(ROOT, 'test/integration/support/.leftovers-'));
  temporary = await mkdtemp(join(tmpdir(), 'leftovers-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
  await rm(temporary, { recursive: true, force: true });
});

/** Starts a child that starts a grandchild; both ignore every polite signal. Writes a file, and tells both ids. */
const STARTING = `
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { start } from '../../../support/processes.js';
import { NODE } from '../../../support/tools.js';
const STUBBORN = "for (const s of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(s, () => {}); setInterval(() => {}, 1000);";
const PARENT = STUBBORN + "const c = require('child_' + 'process').spawn(process.execPath, ['-e', " + JSON.stringify(STUBBORN) + "]); " +
  "console.log('left ' + process.pid + ' ' + c.pid);";
test('starts and leaves', async () => {
  writeFileSync(join(tmpdir(), 'left-file'), '');
  const child = start(NODE, ['-e', PARENT]);
  const [said] = await once(child.stdout, 'data');
  process.stdout.write('run ' + process.pid + '\\n' + said);
  END
}, 300_000);
`;

interface Run {
  readonly ids: readonly number[];
  readonly vitest: ReturnType<typeof start>;
  readonly gone: Promise<unknown>;
}

/** Runs one file whose test ends with `end`, until it has told what it started. */
async function runUntilStarted(end: string): Promise<Run> {
  await writeFile(join(directory, 'a.case.ts'), STARTING.replace('END', end));
  const support = join(ROOT, 'test/support');
  await writeFile(
    join(directory, 'vitest.config.ts'),
    // With projects, as our own run has them: each chooses a temporary directory.
    `const test = { root: ${JSON.stringify(directory)}, pool: 'forks', setupFiles: ['${support}/end-processes.ts'] };
     const projectOf = (name, include) => ({ test: { ...test, name, include } });
     export default { test: { root: test.root, globalSetup: ['${support}/run-of-tests.ts'],
       projects: [projectOf('one', ['*.case.ts']), projectOf('other', ['*.none.ts'])] } };`,
  );
  const vitest = start(
    NODE,
    [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(directory, 'vitest.config.ts')],
    { cwd: ROOT, env: { ...process.env, TMPDIR: temporary, PROOFSHEET_TEST_PROCESSES: undefined } },
  );
  const gone = new Promise((resolve) => vitest.once('exit', (code, signal) => resolve(code ?? signal)));
  let said = '';
  vitest.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  vitest.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until(() => /left \d+ \d+/.test(said), `the file tells what it has started: ${said}`);
  const ids = [/run (\d+)/, /left (\d+)/, /left \d+ (\d+)/].map((id) => Number(id.exec(said)?.[1]));
  return { ids: [...ids, ...descendantsOf(vitest.pid ?? 0)], vitest, gone };
}

async function expectNothingLeft({ ids }: Run): Promise<void> {
  expect(ids.length).toBeGreaterThan(3);
  await until(() => ids.every((id) => !isRunning(id)), 'every process has ended');
  const left = await readdir(temporary);
  await until(async () => (await readdir(temporary)).length === 0, `every temporary file is gone: ${left}`);
}

test('when a test fails', async () => {
  const run = await runUntilStarted('expect(1).toBe(2);');
  expect(await run.gone).toBe(1);
  await expectNothingLeft(run);
});

test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)('when the run gets %s', async (signal) => {
  const run = await runUntilStarted('await new Promise(() => {});');
  run.vitest.kill(signal);
  await run.gone;
  await expectNothingLeft(run);
});

test('when the process of a file is killed', async () => {
  // From here and not by itself: by the time it has told what it started it would be gone, and what it started unseen.
  const run = await runUntilStarted('await new Promise(() => {});');
  const [file = 0] = run.ids;
  process.kill(file, 'SIGKILL');
  expect(await run.gone).toBe(1);
  await expectNothingLeft(run);
});
