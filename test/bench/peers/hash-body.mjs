// The floor of an upload that is known: a bare node:http server that reads a body, hashes it, and answers with the bytes of the
// file PICTURE. Prints its port.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';

const picture = readFileSync(process.env.PICTURE);

const server = http.createServer((request, response) => {
  const hash = createHash('sha256');
  request.on('data', (chunk) => hash.update(chunk));
  request.once('end', () => {
    const headers = { 'Content-Type': 'image/jpeg', 'Content-Length': picture.length, ETag: `"${hash.digest('hex')}"` };
    response.writeHead(200, headers).end(picture);
  });
});
server.keepAliveTimeout = 65_000;
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
