// Conversions without isolation: the product's own, called in this process, with what a converter child is given of the
// allocator by whoever starts it. Gets a message { sourcePath, formats, dir, repeats } and answers with the processor time
// of this process for one conversion, ms.
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { convertSource, WorkTally } from '../../../dist/convert/convert-source.js';
import { ReadBuffer } from '../../../dist/convert/read-buffer.js';

// As in a converter child.
sharp.cache(false);
sharp.concurrency(1);
const buffer = new ReadBuffer();
const steps = { admit: async () => {}, wantedReady: () => {} };

process.on('message', async ({ sourcePath, formats, dir, settings, repeats }) => {
  const before = process.cpuUsage();
  for (let repeat = 0; repeat < repeats; repeat++) {
    const outputDir = await mkdtemp(join(dir, 'out-'));
    await convertSource({ sourcePath, formats, outputDir }, settings, steps, new WorkTally(), buffer);
    await rm(outputDir, { recursive: true });
  }
  const { user, system } = process.cpuUsage(before);
  process.send({ cpuMs: (user + system) / 1000 / repeats });
});
process.send('ready');
