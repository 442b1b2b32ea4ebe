// Runs in every test file: bytes are compared as bytes. Vitest by itself makes a name for each byte of both and compares those, which was half
// of what a store's contract took of the processor.
import { expect } from 'vitest';

/** On the process: files that share one share what `expect` was taught, and would teach it the same again. */
const TAUGHT = Symbol.for('proofsheet.equal-bytes');
const taught = globalThis as { [TAUGHT]?: true };

if (!taught[TAUGHT])
  expect.addEqualityTesters([
    (a, b) => {
      if (!(a instanceof Uint8Array && b instanceof Uint8Array)) return undefined;
      // Whether those of two classes may be equal depends on who asks.
      return Object.getPrototypeOf(a) === Object.getPrototypeOf(b) ? Buffer.compare(a, b) === 0 : undefined;
    },
  ]);
taught[TAUGHT] = true;
