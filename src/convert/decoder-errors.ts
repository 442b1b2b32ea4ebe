// What libvips and its decoders say, in our words. The one place that reads their messages; each pattern has a test that
// makes the decoder say it, so that a new version with other words is noticed.
import { asMachineFailure, type ErrorName, ProofsheetError } from '../kernel/errors.js';

interface Rule {
  readonly says: RegExp;
  readonly code: ErrorName;
  readonly message: string;
}

const LIMITS = 'the image is larger than the pixel limit; expected a smaller image';

const KIND = 'the image is of a kind that cannot be decoded here; expected a common form of its type';

/** Whether the decoder did not even see what type it has before it. */
export function sawNoType(error: Error): boolean {
  return /unsupported image format|not a known (?:buffer|file) format/i.test(rootCause(error).message);
}

/** What the decoder said, under what we made of it. */
export function rootCause(error: Error): Error {
  return error.cause instanceof Error ? rootCause(error.cause) : error;
}

const RULES: readonly Rule[] = [
  {
    says: /channel limit|samples out of range|too many (?:channels|bands)|expected 3 or 4 channels/i,
    code: 'source-type-refused',
    message: 'the image has more channels than can be converted; expected grey, RGB or CMYK, with or without alpha',
  },
  {
    says: /Security limit exceeded|exceeds pixel limit|pixel limit when scaled|Input image exceeds/i,
    code: 'source-limits-exceeded',
    message: LIMITS,
  },
  {
    says: /support is not configured|(?:is|are) not (?:implemented|supported)|planes not supported|Unsupported (?:JPEG data precision|color conversion|BitsPerSample)|unsupported tiff image type|not a whole number of bytes|can not handle image|bad labq format|Unsupported marker type|Sorry, (?:can not|requested)/i,
    code: 'source-type-refused',
    message: KIND,
  },
  {
    says: /unsupported image format|No decoding plugin installed|Unsupported (?:codec|feature)|operation is blocked|not a known (?:buffer|file) format/i,
    code: 'source-type-refused',
    message: KIND,
  },
  {
    says: /ENOSPC|no space left/i,
    code: 'storage-full',
    message: 'there is no space left to write previews',
  },
];

/** `error` of a decoder or encoder as an error with a public message; what they said stays in `cause`. */
export function asConversionError(error: unknown): ProofsheetError {
  if (error instanceof ProofsheetError) return error;
  // The machine failed, not the image: a system call never fails because of what a file shows.
  if (error instanceof Error && 'syscall' in error)
    return (
      asMachineFailure(error) ??
      new ProofsheetError('internal', 'a file could not be read or written', { cause: error })
    );
  // A fault of ours, whatever the image shows.
  if (error instanceof ReferenceError)
    return new ProofsheetError('internal', 'the image could not be converted', { cause: error });
  const said = error instanceof Error ? error.message : String(error);
  const rule = RULES.find((candidate) => candidate.says.test(said));
  if (rule) return new ProofsheetError(rule.code, rule.message, { cause: error });
  return new ProofsheetError(
    'source-undecodable',
    'the image cannot be decoded: it is truncated or damaged; expected a complete image file',
    { cause: error },
  );
}
