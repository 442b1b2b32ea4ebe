// The directory of one conversion.
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { leftBehind } from '../kernel/left-behind.js';
import type { ConversionJob } from '../kernel/ports/converter.js';

/** Of a job with bytes, or of a drawing, its name alone: what it makes mostly comes back as bytes, and is one file else, whose writer makes it. */
export async function directoryOf({ content, drawing, outputDir }: ConversionJob): Promise<string> {
  const prefix = join(outputDir, 'conversion-');
  return content || drawing ? `${prefix}${randomUUID()}` : mkdtemp(prefix);
}

/** For a second attempt, whose first may have left anything in `directory`, or not even have needed it. */
export async function directoryWithin(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  return mkdtemp(join(directory, 'again-'));
}

/** With all that is in it, of a conversion that failed, whose failure is to be told: it is left behind where it cannot be removed now. */
export async function removeDirectory(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  } catch {
    await rename(directory, leftBehind(directory)).catch(() => undefined);
  }
}
