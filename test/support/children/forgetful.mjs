// A converter child of regions that draws what it was sent: the tiles' bytes one after the other. It tells that it has their pixels, and
// has none: it says that it lacks those that are not sent next time. Of tiles that say `liar` it lacks some whatever it is sent.
import { createHash } from 'node:crypto';

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

const counts = { decodes: { sequence: 1, again: 0 }, encodes: { jpg: 1 } };
const info = { type: 'jpeg', widthPx: 8, heightPx: 8 };

process.on('message', ({ id, content, zoom }) => {
  const bytes = Buffer.from(content);
  if (zoom.tiles.some((tile) => tile.bytes === 0) || bytes.includes('liar')) return process.send({ kind: 'lacks', id });
  const digest = createHash('sha256').update(bytes).digest('hex');
  const preview = {
    formats: [],
    type: 'jpg',
    widthPx: 8,
    heightPx: 8,
    bytes: bytes.length,
    digest,
    path: '',
    content: bytes,
  };
  const conversion = { info, metadata: {}, previews: [preview] };
  process.send({ kind: 'done', id, conversion, counts, rssBytes: 1, tiles: zoom.tiles.map((tile) => tile.digest) });
});

process.send({ kind: 'ready' });
