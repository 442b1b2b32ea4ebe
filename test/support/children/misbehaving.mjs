// A converter child that misbehaves as the first byte of each source says; written against the messages alone.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A preview of one byte, `x`. */
const preview = (path) => ({
  formats: ['auto:10x10'],
  type: 'jpg',
  widthPx: 10,
  heightPx: 10,
  bytes: 1,
  digest: createHash('sha256').update('x').digest('hex'),
  path,
});

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('message', async (message) => {
  if (message.kind !== 'job') return;
  const { id, sourcePath, outputDir } = message;
  await writeFile(join(outputDir, 'half-written'), 'x');
  switch (readFileSync(sourcePath, 'latin1')[0]) {
    case 'h': // hangs without ever giving the event loop back
      for (;;);
    case 'k':
      return process.kill(process.pid, 'SIGKILL');
    case 's':
      return process.kill(process.pid, 'SIGSEGV');
    case 'e':
      return process.exit(3);
    case 'n':
      return process.send({ kind: 'nonsense', id });
    case 'w': // answers for another job
      return process.send({ kind: 'header', id: id + 1000, sourceType: 'jpeg', costBytes: 1 });
    case 'p': // hands out a file that is not its own
      return process.send({
        kind: 'done',
        id,
        conversion: { info: {}, metadata: {}, previews: [preview('/etc/hostname')], complete: true },
        counts: { decodes: {}, encodes: {} },
        rssBytes: 1,
      });
    default:
      return process.send({
        kind: 'done',
        id,
        conversion: { info: {}, metadata: {}, previews: [preview(join(outputDir, 'half-written'))], complete: true },
        counts: { decodes: { sequence: 1, wanted: 0 }, encodes: { jpg: 1 } },
        rssBytes: 1,
      });
  }
});
process.send({ kind: 'ready' });
