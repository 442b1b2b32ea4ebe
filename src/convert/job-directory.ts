// The directory of one conversion.
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConversionJob } from '../kernel/ports/converter.js';

/** Of a job with bytes its name alone: what is handed over as bytes mostly comes back as bytes, and no directory is needed. */
export async function directoryOf({ content, outputDir }: ConversionJob): Promise<string> {
  const prefix = join(outputDir, 'conversion-');
  return content ? `${prefix}${randomUUID()}` : mkdtemp(prefix);
}

/** For a second attempt, whose first may have left anything in `directory`, or not even have needed it. */
export async function directoryWithin(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  return mkdtemp(join(directory, 'again-'));
}
