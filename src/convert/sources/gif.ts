// What is asked of a GIF before it is decoded: that it is whole. The decoder takes a cut animation for a shorter one.
import { ProofsheetError } from '../../kernel/errors.js';
import { gifStructure } from './page-count.js';

/** Throws `source-undecodable` for a file that ends within a block. Only the end marker may be missing, as it often is. */
export function checkGif(bytes: Buffer): void {
  if (!gifStructure(bytes, Number.POSITIVE_INFINITY).cut) return;
  throw new ProofsheetError(
    'source-undecodable',
    'the image cannot be decoded: it is truncated or damaged; expected a complete image file',
  );
}
