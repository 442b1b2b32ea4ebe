// Converts the files that are named, as a converter child does, and ends: which files that opens can be seen from outside.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertSource, WorkTally } from '../../../dist/convert/convert-source.js';
import { allowOnly } from '../../../dist/convert/loaders.js';
import { parseFormat } from '../../../dist/kernel/format.js';
import { SOURCE_TYPES } from '../../../dist/kernel/source.js';

allowOnly(SOURCE_TYPES);
for (const sourcePath of process.argv.slice(2)) {
  await convertSource(
    {
      sourcePath,
      formats: [parseFormat('auto:16x16')],
      outputDir: await mkdtemp(join(tmpdir(), 'converted-')),
      encodesAtOnce: 1,
    },
    { sourceTypes: SOURCE_TYPES, maxSourcePixels: 1e8, maxPages: 10, timeoutMs: 20_000, flush: false },
    { admit: async () => undefined, wantedReady: () => undefined },
    new WorkTally(),
  );
}
