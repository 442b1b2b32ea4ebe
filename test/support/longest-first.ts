// The order in which the files of a run begin: those that take long first, so that at the end no worker waits for the other.
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take more than half a minute, the longest first, as a run names its slowest files at its end; below test/. What is not
 * here comes after them. A file that is wrong here costs a minute, not a result.
 */
export const LONG_FILES: readonly string[] = [
  'integration/nodes/library-nodes.test.ts',
  'faults/killed.test.ts',
  'faults/storage/disk-full.test.ts',
  'integration/server-life.test.ts',
  'integration/convert/quality.test.ts',
  'faults/fuzz/fuzz.test.ts',
  'faults/storage/killed-at-syscall.test.ts',
  'integration/s3/nodes.test.ts',
  'integration/redis/contracts-sentinel.test.ts',
  'integration/redis/contracts-cluster.test.ts',
  'integration/settings.test.ts',
  'integration/convert/one-result.test.ts',
  'integration/convert/auto.test.ts',
  'integration/nodes/one-cache.test.ts',
  'faults/converter/dying-children.test.ts',
  'integration/nodes/stalled.test.ts',
  'integration/s3/contracts.test.ts',
  'integration/redis/contracts.test.ts',
  'integration/workers.test.ts',
  'integration/log-reader.test.ts',
];

/** `files` by their paths below test/, the longest first; the others as they come. */
export function longestFirst<File>(files: readonly File[], pathOf: (file: File) => string): File[] {
  const rank = (file: File) => {
    const at = LONG_FILES.indexOf(pathOf(file));
    return at === -1 ? LONG_FILES.length : at;
  };
  return files.toSorted((a, b) => rank(a) - rank(b));
}

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const tests = new URL('..', import.meta.url).pathname;
    // A process is kept for the next file only where that is of the same project.
    const byProject = (await super.sort(files)).toSorted((a, b) => a.project.name.localeCompare(b.project.name));
    return longestFirst(byProject, ({ moduleId }) => relative(tests, moduleId));
  }
}
