// A vitest reporter that names the slowest files, says in one plain line how many tests passed and failed, and refuses a run
// without any.
import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

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

/** One line a file, the slowest first: `12.3 s  test/api/wire.test.ts`. Set-up and clean-up of the file count too. */
export function slowestLines(files: readonly { readonly path: string; readonly ms: number }[]): readonly string[] {
  return [...files]
    .sort((a, b) => b.ms - a.ms)
    .slice(0, SLOWEST)
    .map(({ path, ms }) => `${(ms / 1000).toFixed(1).padStart(6)} s  ${path}`);
}

/** Prints the line at the end, and writes it to the file that CLOSING_LINE_FILE names. */
export class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = modules.map(countsOf).reduce((sum, one) => add(sum, one), {
      passed: 0,
      // An error outside every test is nobody's failure in the tests' own figures, and a failure all the same.
      failed: unhandledErrors.length,
    });
    const slowest = slowestLines(modules.map((module) => ({ path: module.relativeModuleId, ms: durationOf(module) })));
    if (slowest.length > 0) console.log(['slowest files:', ...slowest].join('\n'));
    const line = closingLine(counts);
    console.log(line);
    if (process.env.CLOSING_LINE_FILE) writeFileSync(process.env.CLOSING_LINE_FILE, `${line}\n`);
    if (counts.passed + counts.failed === 0) {
      console.error('no test ran');
      process.exitCode = 1;
    }
  }
}

function durationOf(module: TestModule): number {
  const { environmentSetupDuration, prepareDuration, collectDuration, setupDuration, duration } = module.diagnostic();
  return environmentSetupDuration + prepareDuration + collectDuration + setupDuration + duration;
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
