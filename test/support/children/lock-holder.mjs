// Holds the write lock of an LMDB environment until a file is there, or a minute: node lock-holder.mjs <directory> <file>. Tells `held`
// when it has it.
import { existsSync } from 'node:fs';
import { open } from 'lmdb';

const MOST_MS = 60_000;
const LOOK_EVERY_MS = 50;

const [path, file] = process.argv.slice(2);
const environment = open({ path, maxDbs: 32 });
environment.transactionSync(() => {
  process.send('held');
  const since = performance.now();
  while (!existsSync(file) && performance.now() - since < MOST_MS)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_EVERY_MS);
});
process.exit(0);
