// Has the system hand out process ids to nobody, so that the next process is far from those before it. There is no way to ask for
// an id without rights that containers do not have; they are given out one after the other in every PID namespace.
import { spawn } from 'node:child_process';

/** By chance, so that two servers that make way for each other do not meet again; about half a millisecond each. */
const FEWEST = 128;
const MOST = 1_024;
/** On a machine so busy that it takes longer, the next process finds out how far it has come. */
const LIMIT_MS = 5_000;

/** Resolves when some hundreds of ids are passed; also when that could not be done, which shows in the next process's id. */
export function passIds(): Promise<void> {
  const count = FEWEST + Math.floor(Math.random() * (MOST - FEWEST));
  // Each pair of brackets is a process of its own.
  const script = 'i=0; while [ "$i" -lt "$0" ]; do (:); i=$((i+1)); done';
  return new Promise((resolve) => {
    const shell = spawn('/bin/sh', ['-c', script, String(count)], { stdio: 'ignore', timeout: LIMIT_MS });
    shell.once('error', () => resolve());
    shell.once('exit', () => resolve());
  });
}
