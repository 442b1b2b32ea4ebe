// Which operations of the OpenAPI documents the API tests have had answered well: each file of theirs writes down what it saw, in the
// directory of the run, and a run of all of them fails where an operation was met by none.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectOf, testFiles } from './projects.js';
import { RUN_VARIABLE } from './run-variable.js';

/** By operationId; without those whose every answer is a failure. */
export interface Met {
  readonly documented: readonly string[];
  readonly answered: readonly string[];
}

/** `file`: below test/. */
export function noteMet(file: string, met: Met, directory = directoryOfRun()): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, encodeURIComponent(file)), JSON.stringify(met));
}

/**
 * Documented operations that no API test has had answered well. `ran`: files of the run, below test/; where not all API tests are
 * among them, or one of them noted nothing, that says nothing, and none is told.
 */
export function unanswered(
  ran: ReadonlySet<string>,
  wanted: readonly string[] = testFiles().filter((path) => projectOf(path) === 'api'),
  directory = directoryOfRun(),
): readonly string[] {
  if (!wanted.every((file) => ran.has(file))) return [];
  const noted = new Set(notedIn(directory));
  if (!wanted.every((file) => noted.has(encodeURIComponent(file)))) return [];
  const met = [...noted].map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as Met);
  const answered = new Set(met.flatMap((one) => one.answered));
  return [...new Set(met.flatMap(({ documented }) => documented))].filter((id) => !answered.has(id)).sort();
}

function notedIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Beside the processes of the run. */
function directoryOfRun(): string {
  return join(dirname(process.env[RUN_VARIABLE] ?? ''), 'answered');
}
