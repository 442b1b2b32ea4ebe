// A vitest reporter that names the slowest files, says in one plain line how many tests passed and failed, and refuses a run
// without any, and one of all API tests that has met an operation nowhere.
import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';
import { unanswered } from './answered-operations.js';

/** What the line is made from. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** The line itself: `12 passed, 0 failed`. */
export function closingLine({ passed, failed }: Counts): string {
  return `${passed} passed, ${failed} failed`;
}

/** Slow files that are named. */
const SLOWEST = 10;

/** What a file took. */
export interface Taken {
  readonly path: string;
  /** From its beginning to its end, set-up and clean-up too. */
  readonly ms: number;
  /** Of the processor, for itself and what it started. Absent: it shared its process with others. */
  readonly cpuMs?: number | undefined;
}

/** One line a file, the slowest first: `12.3 s   8.1 s CPU  test/api/wire.test.ts`. */
function linesOf(files: readonly Taken[]): readonly string[] {
  return files
    .toSorted((a, b) => b.ms - a.ms)
    .map(({ path, ms, cpuMs }) => `${seconds(ms)} s  ${cpuMs === undefined ? '' : `${seconds(cpuMs)} s CPU  `}${path}`);
}

/** The lines of those that are named. */
export const slowestLines = (files: readonly Taken[]): readonly string[] => linesOf(files).slice(0, SLOWEST);

const seconds = (ms: number): string => (ms / 1000).toFixed(1).padStart(6);

/** Prints the line at the end, and writes it to the file that CLOSING_LINE_FILE names, and what each file took into that of FILE_TIMES. */
export class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const unmet = unanswered(new Set(modules.map(({ relativeModuleId }) => relativeModuleId.replace(/^test\//, ''))));
    if (unmet.length > 0) {
      console.error(`no API test has had these operations answered well: ${unmet.join(', ')}`);
      process.exitCode = 1;
    }
    const counts = modules.map(countsOf).reduce((sum, one) => add(sum, one), {
      passed: 0,
      // An error outside every test is nobody's failure in the tests' own figures, and a failure all the same.
      failed: unhandledErrors.length + (unmet.length > 0 ? 1 : 0),
    });
    const files = modules.map(takenBy);
    if (files.length > 0) console.log(['slowest files:', ...slowestLines(files)].join('\n'));
    if (process.env.FILE_TIMES) writeFileSync(process.env.FILE_TIMES, `${linesOf(files).join('\n')}\n`);
    const line = closingLine(counts);
    console.log(line);
    if (process.env.CLOSING_LINE_FILE) writeFileSync(process.env.CLOSING_LINE_FILE, `${line}\n`);
    if (counts.passed + counts.failed === 0) {
      console.error('no test ran');
      process.exitCode = 1;
    }
  }
}

function takenBy(module: TestModule): Taken {
  const { environmentSetupDuration, prepareDuration, collectDuration, setupDuration, duration } = module.diagnostic();
  const ms = environmentSetupDuration + prepareDuration + collectDuration + setupDuration + duration;
  return { path: module.relativeModuleId, ms, cpuMs: module.meta().cpuMs };
}

function countsOf(module: TestModule): Counts {
  const states = [...module.children.allTests()].map((test) => test.result().state);
  // A file that fails outside its tests (it does not load, a hook throws) has failed at least once.
  const outside = module.errors().length > 0 || (module.state() === 'failed' && !states.includes('failed')) ? 1 : 0;
  return {
    passed: states.filter((state) => state === 'passed').length,
    failed: states.filter((state) => state === 'failed').length + outside,
  };
}

function add(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed };
}
