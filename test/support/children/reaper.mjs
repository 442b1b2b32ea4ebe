// Outlives a test run, however it ends: when the run's end of standard input is gone, it kills every process group that is still
// written down in <run>/processes, and removes <run> and every other directory that is named to it.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const [run, ...others] = process.argv.slice(2);
// Ctrl-C and a closed terminal reach the run, which then ends; they must not end this process before.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
process.stdin.on('error', reap).on('close', reap).resume();

let done = false;
function reap() {
  if (done) return;
  done = true;
  for (const name of readdirSync(join(run, 'processes'))) {
    try {
      process.kill(-Number(name), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
  for (const directory of [run, ...others])
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}
