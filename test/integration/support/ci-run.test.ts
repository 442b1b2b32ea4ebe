// What continuous integration is told: the script with an npm that does as the case says.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ended, run } from '../../support/processes.js';
import { requireTool, SYSTEM_DIRECTORIES } from '../../support/tools.js';

const SCRIPT = new URL('../../../.ci/run', import.meta.url).pathname;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'proofsheet-ci-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** Runs the script; `npm <words>` does the shell lines given for these words, everything else succeeds. */
async function ci(
  commands: Record<string, string>,
  environment: Record<string, string> = {},
): Promise<{ code: number; last: string; called: string[]; printed: string }> {
  const log = join(directory, 'called');
  const cases = Object.entries(commands).map(([words, lines]) => `  "${words}") ${lines} ;;`);
  const npm = ['#!/bin/sh', `echo "$*" >> ${log}`, 'case "$*" in', ...cases, 'esac'].join('\n');
  await writeFile(join(directory, 'npm'), npm);
  await chmod(join(directory, 'npm'), 0o755);
  const env = {
    ...process.env,
    ...environment,
    PATH: [directory, ...SYSTEM_DIRECTORIES, process.env.PATH].join(delimiter),
  };
  const { code, stdout } = await run(await requireTool('bash'), [SCRIPT], { env, timeout: 90_000 }).then(
    (ended) => ({ ...ended, code: 0 }),
    (error: Ended & { readonly code: number }) => error,
  );
  const called = (await readFile(log, 'utf8')).trim().split('\n');
  return { code, last: stdout.trim().split('\n').at(-1) ?? '', called, printed: stdout };
}

const counted = (line: string, code = 0) => `echo "${line}" > "$CLOSING_LINE_FILE"; exit ${code}`;

test('all good: installs, lints, checks types, tests, and ends with the real counts', async () => {
  expect(await ci({ test: counted('12 passed, 0 failed') })).toMatchObject({
    code: 0,
    last: '12 passed, 0 failed',
    called: ['ci', 'run lint', 'run typecheck', 'run --silent audit', 'test'],
  });
});

test('the tests see Node, npm and a shell by name, and no other program', async () => {
  const seen = 'cd "$PATH" && echo seen *; command -v ls cat redis-server && echo seen more';
  const { printed } = await ci({ test: `${seen}; ${counted('1 passed, 0 failed')}` });
  expect(printed.match(/^seen .*/gm)).toEqual(['seen node npm sh']);
});

test('failed tests keep their exit code', async () => {
  expect(await ci({ test: counted('10 passed, 2 failed', 3) })).toMatchObject({ code: 3, last: '10 passed, 2 failed' });
});

test('a failed lint or type check is a failure, and the tests still run', async () => {
  expect(
    await ci({ 'run lint': 'exit 1', 'run typecheck': 'exit 2', test: counted('12 passed, 0 failed') }),
  ).toMatchObject({
    code: 1,
    last: '12 passed, 2 failed',
  });
});

test('known vulnerabilities are a failure', async () => {
  expect(await ci({ 'run --silent audit': 'exit 1', test: counted('12 passed, 0 failed') })).toMatchObject({
    code: 1,
    last: '12 passed, 1 failed',
  });
});

test('an audit that could not be done is told at the end, and a failure where it is required', async () => {
  const commands = { 'run --silent audit': 'exit 3', test: counted('12 passed, 0 failed') };
  const told = await ci(commands);
  expect(told).toMatchObject({ code: 0, last: '12 passed, 0 failed' });
  expect(told.printed).toContain('DEPENDENCIES WERE NOT AUDITED');
  expect(await ci(commands, { AUDIT_REQUIRED: '1' })).toMatchObject({ code: 1, last: '12 passed, 1 failed' });
});

test('tests that never got to count have failed, whatever npm says', async () => {
  expect(await ci({ test: 'exit 0' })).toMatchObject({ code: 1, last: '0 passed, 1 failed' });
  expect(await ci({ test: 'exit 137' })).toMatchObject({ code: 137, last: '0 passed, 1 failed' });
});

test('a run of no tests fails', async () => {
  expect((await ci({ test: counted('0 passed, 0 failed') })).code).toBe(1);
});

test('without an install nothing else is tried', async () => {
  expect(await ci({ ci: 'exit 1' })).toMatchObject({ code: 1, last: '0 passed, 1 failed', called: ['ci'] });
});
