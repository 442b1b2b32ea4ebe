// A converter child that makes nothing but tells how many previews it was allowed to encode side by side, as the width of
// its source. A job ends when the file that its source names is there.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('message', async ({ kind, id, sourcePath, encodesAtOnce, outputDir }) => {
  if (kind !== 'job') return;
  const until = readFileSync(sourcePath, 'utf8');
  while (!existsSync(until)) await setTimeout(5);
  const path = join(outputDir, '0.jpg');
  writeFileSync(path, 'x');
  const digest = createHash('sha256').update('x').digest('hex');
  const preview = { formats: ['auto:10x10'], type: 'jpg', widthPx: 10, heightPx: 10, bytes: 1, digest, path };
  process.send({
    kind: 'done',
    id,
    conversion: { info: { type: 'jpeg', widthPx: encodesAtOnce }, metadata: {}, previews: [preview], complete: true },
    counts: { decodes: { sequence: 0, wanted: 0 }, encodes: {} },
    rssBytes: 1,
  });
});
process.send({ kind: 'ready' });
