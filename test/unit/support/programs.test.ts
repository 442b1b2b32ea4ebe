// Programs of tests are started at one place, by a path that requireTool has found or brought: what a machine has not is then
// installed or named, never passed over, and what was started is ended.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const TESTS = new URL('../..', import.meta.url).pathname;
/** Starts everything; installs. */
const MAY_START = ['support/processes.ts', 'support/tools.ts'];
/** Peers that are measured start what they are; they come with packages of their own. */
const OF_OTHERS = /(^|\/)node_modules\//;

/** What brings the functions that start programs; types of the module start nothing. */
const STARTS = /^(?!import type ).*(?:from|import|import\(|require\() *['"](?:node:)?child_process['"]/m;

function codeFiles(): string[] {
  const all = readdirSync(TESTS, { recursive: true }).map(String);
  return all.filter((path) => /\.[cm]?[jt]s$/.test(path) && !OF_OTHERS.test(path));
}

test('no other file of the tests or the benchmark starts a program', () => {
  const files = codeFiles();
  expect(files.length).toBeGreaterThan(200);
  const starting = files.filter((path) => STARTS.test(readFileSync(join(TESTS, path), 'utf8')));
  expect(starting.sort()).toEqual(MAY_START);
});

test.each([
  "import { spawn } from 'node:MODULE';",
  "import child_process from 'MODULE';",
  "const { fork } = await import('node:MODULE');",
  'const { exec } = require("MODULE");',
])('the look at imports sees %s', (line) => {
  expect(STARTS.test(`// First.\n${line.replace('MODULE', 'child_process')}\n`)).toBe(true);
});

test('a program that processes.ts starts has been looked for: nothing becomes one by its mere name', () => {
  const casting = codeFiles().filter((path) => / as (?:\w+\.)?Program\b/.test(readFileSync(join(TESTS, path), 'utf8')));
  expect(casting.sort()).toEqual(['support/tools.ts']);
});
