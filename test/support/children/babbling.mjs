// A converter child that does, at the stage that the source names, what the source says: `<stage> <deed>`. Written against
// the messages alone; `good` does its job.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

const send = (message) => new Promise((resolve) => process.send(message, resolve));
const counts = { decodes: { sequence: 1, wanted: 0 }, encodes: { jpg: 1 } };
const info = {
  type: 'jpeg',
  widthPx: 40,
  heightPx: 30,
  orientation: 1,
  pages: 1,
  animated: false,
  delaysMs: [],
  loop: 0,
  hasAlpha: false,
  channels: 3,
  bitsPerSample: 8,
  colorSpace: 'srgb',
  progressive: false,
};
const hoard = [];
/** Of no file. */
const OTHER_DIGEST = 'ab'.repeat(32);
let proceed;

process.on('message', async (message) => {
  if (message.kind !== 'job') return proceed?.();
  const { id, sourcePath, outputDir, formats } = message;
  const [stage, deed] = readFileSync(sourcePath, 'latin1').trim().split(' ');
  const preview = (index, bytes = Buffer.from(`preview ${index}`)) => {
    const path = join(outputDir, `${index}.jpg`);
    writeFileSync(path, bytes);
    const digest = createHash('sha256').update(bytes).digest('hex');
    return {
      formats: [formats[index % formats.length].text],
      type: 'jpg',
      widthPx: 10,
      heightPx: 8,
      bytes: bytes.length,
      digest,
      path,
    };
  };
  const done = (previews) => ({
    kind: 'done',
    id,
    conversion: { info, metadata: {}, previews, complete: true },
    counts,
    rssBytes: 1,
  });
  const at = async (here) => {
    if (here !== stage) return;
    switch (deed) {
      case 'kill':
        process.kill(process.pid, 'SIGKILL');
        return new Promise(() => {});
      case 'segv':
        process.kill(process.pid, 'SIGSEGV');
        return new Promise(() => {});
      case 'exit':
        process.exit(7);
        return;
      case 'abort':
        process.abort();
        return;
      case 'hoard':
        // Twice what a child may take for a source that asks for one byte.
        for (let n = 0; n < 32; n++) hoard.push(Buffer.alloc(16 * 1024 * 1024, n + 1));
        return new Promise(() => {});
      case 'stop':
        process.kill(process.pid, 'SIGSTOP');
        return new Promise(() => {});
      case 'spin':
        for (;;);
      case 'text':
        return send('what?');
      case 'unknown':
        return send({ kind: 'gossip', id });
      case 'other':
        return send({ kind: 'header', id: id + 1, sourceType: 'jpeg', costBytes: 1 });
      case 'ready':
        return send({ kind: 'ready' });
      case 'digest':
        return send(done([{ ...preview(0), digest: OTHER_DIGEST }]));
      case 'size':
        return send(done([{ ...preview(0), bytes: 1 }]));
      case 'wanted-digest':
        return send({ kind: 'wanted', id, info, metadata: {}, preview: { ...preview(2), digest: OTHER_DIGEST } });
      case 'wanted-size':
        return send({ kind: 'wanted', id, info, metadata: {}, preview: { ...preview(2), bytes: 1 } });
      case 'again':
        return send(done([preview(2)]));
      case 'progress':
        return send({ kind: 'wanted', id, info, metadata: {}, preview: preview(2) });
      case 'failure':
        return send({ kind: 'failed', id, code: 'internal', message: '', detail: '', counts });
      case 'pause':
        return new Promise((resolve) => setTimeout(resolve, 200));
      case 'missing':
        await send(done([{ ...preview(0), path: join(outputDir, 'nowhere.jpg') }]));
        return new Promise(() => {});
      case 'outside':
        return send(done([{ ...preview(0), path: '/etc/hostname' }]));
      case 'upwards':
        return send(done([{ ...preview(0), path: `${outputDir}/../x.jpg` }]));
      case 'many':
        return send(done(Array(10_000).fill(preview(0))));
      case 'empty':
        return send(done([{}]));
      case 'cost':
        return send({ kind: 'header', id, sourceType: 'jpeg', costBytes: -5 });
      case 'type':
        return send({ kind: 'header', id, sourceType: 'x'.repeat(1_000_000), costBytes: 1 });
      case 'flood':
        for (let n = 0; n < 20_000; n++) process.send({ kind: 'header', id, sourceType: 'jpeg', costBytes: 1 });
        return undefined;
      default:
        return undefined;
    }
  };
  await at('reading');
  await send({ kind: 'header', id, sourceType: 'jpeg', costBytes: 1 });
  const proceeded = new Promise((resolve) => {
    proceed = resolve;
  });
  await at('waiting');
  await proceeded;
  await at('decoding');
  const first = preview(0);
  if (message.wanted) await send({ kind: 'wanted', id, info, metadata: {}, preview: first });
  await at('wanted');
  const last = preview(1);
  await at('writing');
  await send(done([first, last]));
  await at('idle');
  // By then it has the next source.
  if (stage === 'later') setTimeout(() => at('later'), 50);
});
await send({ kind: 'ready' });
