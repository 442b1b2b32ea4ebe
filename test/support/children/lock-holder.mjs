// Holds the write lock of an LMDB environment for a while: node lock-holder.mjs <directory> <ms>. Tells `held` when it has it.
import { open } from 'lmdb';

const [path, ms] = process.argv.slice(2);
const environment = open({ path, maxDbs: 32 });
environment.transactionSync(() => {
  process.send('held');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(ms));
});
process.exit(0);
