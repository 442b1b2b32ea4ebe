// The refusal of what is intact but has no picture that can be decoded here, and the look at bytes that may not be there.
import { ProofsheetError } from '../kernel/errors.js';

/** `what` it is, in a few words that follow "got". */
export function refusedKind(what: string): ProofsheetError {
  return new ProofsheetError(
    'source-type-refused',
    `expected an image of a kind that can be decoded here, got ${what}`,
  );
}

/** Damage, for whoever reads a file: told to the uploader as such, whatever it says. */
export class DamagedSource extends Error {
  override readonly name = 'DamagedSource';
}

/** Throws `DamagedSource` unless the file goes on for `length` bytes from `at`. */
export function expectBytes(file: Buffer, at: number, length: number): void {
  if (!(at >= 0 && length >= 0 && at + length <= file.length)) {
    throw new DamagedSource(`expected ${length} bytes at ${at}, got a file of ${file.length}`);
  }
}
