// The generated part of README.md: what it has to be, and, run as a program, the writer of it (npm run docs).
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { configTable } from '../../src/config/config-table.js';

const README = fileURLToPath(new URL('../../README.md', import.meta.url));
const START = '<!-- config:start -->';
const END = '<!-- config:end -->';

/** README.md as it stands. */
export function readReadme(): string {
  return readFileSync(README, 'utf8');
}

/** `readme` with the configuration table as the settings give it. Throws when the markers are not there. */
export function withGeneratedParts(readme: string): string {
  const start = readme.indexOf(START);
  const end = readme.indexOf(END);
  if (start < 0 || end < start) throw new Error(`expected ${START} and ${END} in README.md`);
  return `${readme.slice(0, start + START.length)}\n${configTable()}\n${readme.slice(end)}`;
}

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(README, withGeneratedParts(readReadme()));
