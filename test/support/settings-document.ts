// The generated part of docs/CONFIGURATION.md: what it has to be, and, run as a program, the writer of it (npm run docs).
import { writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { configTable } from '../../src/config/config-table.js';
import { readDocument } from './documents.js';

/** Below the repository. */
export const SETTINGS_DOCUMENT = 'docs/CONFIGURATION.md';
const START = '<!-- config:start -->';
const END = '<!-- config:end -->';

/** `text` with the table of settings as the code gives it. Throws when the markers are not there. */
export function withGeneratedParts(text: string): string {
  const start = text.indexOf(START);
  const end = text.indexOf(END);
  if (start < 0 || end < start) throw new Error(`expected ${START} and ${END} in ${SETTINGS_DOCUMENT}`);
  return `${text.slice(0, start + START.length)}\n${configTable()}\n${text.slice(end)}`;
}

if (argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(
    new URL(`../../${SETTINGS_DOCUMENT}`, import.meta.url),
    withGeneratedParts(readDocument(SETTINGS_DOCUMENT)),
  );
