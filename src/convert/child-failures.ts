// How a child is caught out, and whose fault that is: the image's that it was given, or perhaps one's before it.
import { lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { ProofsheetError } from '../kernel/errors.js';
import type { MadePreview } from '../kernel/ports/converter.js';
import type { DoneMessage } from './protocol.js';
import type { SlotJob } from './slot-job.js';

/**
 * The child failed in a conversion, but has had other sources before, which may have left it so: the conversion deserves
 * another child. `verdict`: what it fails with when that one fails too.
 */
export class SpoiltChild extends Error {
  override readonly name = 'SpoiltChild';

  constructor(readonly verdict: ProofsheetError) {
    super(verdict.message, { cause: verdict });
  }
}

/** The child is gone, most likely because of the image; a machine short of memory may do the same. */
export function childEnded(why: string): ProofsheetError {
  return new ProofsheetError('source-undecodable', `the image cannot be decoded: ${why}`, { uncertain: true });
}

/**
 * Whether a preview has the claimed length, as bytes or as a file in the conversion's own directory, or the child is not to be trusted.
 * Blocks for a system call, about 3 µs: the child must not be given another source before. Its digest is looked at by
 * whoever stores it, who reads it anyway.
 */
export function isAsClaimed(outputDir: string, { path, content, bytes }: MadePreview): boolean {
  if (content !== undefined) return path === '' && content.length === bytes;
  if (dirname(path) !== outputDir) return false;
  try {
    const stat = lstatSync(path);
    return stat.isFile() && stat.size === bytes;
  } catch {
    return false;
  }
}

/** Something was made, unless nothing was to be, or need not be. */
export function isWhole({ message: { drawing, zoom } }: SlotJob, { headerOnly, conversion }: DoneMessage): boolean {
  if ((conversion.pages !== undefined) !== (zoom?.kind === 'pages')) return false;
  if (drawing?.of !== undefined) return true;
  return (headerOnly === true) === (zoom?.kind === 'pages' || (drawing !== undefined && drawing.recipe === undefined));
}
