// Runs once around all tests: makes dist/ what src/ is, gives the run a directory of its own, into which every temporary file goes, and a reaper that ends
// what the run has started and removes the directory, however the run ends.
import { once } from 'node:events';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { freshDist, mayNeedDist } from './fresh-dist.js';
import { startReaper } from './processes.js';
import { RUN_VARIABLE } from './run-variable.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const REAPER = fileURLToPath(new URL('./children/reaper.mjs', import.meta.url));

export default async function beginRun(project: TestProject): Promise<() => Promise<void>> {
  if (mayNeedDist(process.argv.slice(2)) && freshDist(ROOT))
    console.log('dist/ was not what src/ is: it has been built');
  const run = await mkdtemp(join(tmpdir(), 'proofsheet-run-'));
  const processes = join(run, 'processes');
  await mkdir(processes);
  const reaper = startReaper(REAPER, [run, ...directoriesOf(project)]);
  // The test processes inherit both; TMPDIR is what os.tmpdir() and the programs of others read.
  process.env[RUN_VARIABLE] = processes;
  process.env.TMPDIR = run;
  return async () => {
    const gone = once(reaper, 'exit');
    reaper.stdin.end();
    await gone;
  };
}

/** Vitest's own and its projects', chosen before anything here runs, which a run that is killed leaves behind. */
function directoriesOf({ vitest }: TestProject): readonly string[] {
  const own: unknown[] = [Reflect.get(vitest, '_tmpDir'), ...vitest.projects.map((one) => Reflect.get(one, 'tmpDir'))];
  return [...new Set(own.filter((directory) => typeof directory === 'string'))];
}
