// The floor of uploads and downloads of files: bare node:http that writes a body to FILE on its way through HASHES (with commas), and
// answers GET with the bytes that Range asks for by createReadStream. Prints its port.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import http from 'node:http';
import { pipeline } from 'node:stream/promises';

const file = process.env.FILE;
const names = (process.env.HASHES ?? 'sha256').split(',');

const server = http.createServer(async (request, response) => {
  if (request.method === 'PUT') {
    const hashes = names.map((name) => createHash(name));
    request.on('data', (chunk) => {
      for (const hash of hashes) hash.update(chunk);
    });
    await pipeline(request, createWriteStream(file));
    response.writeHead(200, { ETag: `"${hashes.map((hash) => hash.digest('hex')).at(-1)}"` }).end();
    return;
  }
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range);
  response.writeHead(206, { 'Content-Type': 'image/jpeg', 'Content-Length': String(last - first + 1) });
  createReadStream(file, { start: Number(first), end: Number(last) }).pipe(response);
});
server.keepAliveTimeout = 65_000;
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
