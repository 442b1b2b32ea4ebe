// The floor of a tile from disk: a part of one open file, read and checked by its SHA-256, and bare node:http. FILE names the file, PARTS
// a JSON file: an object from a path to the start, the length and the digest of its part. Prints its port.
import { createHash } from 'node:crypto';
import { openSync, readFileSync, readSync } from 'node:fs';
import http from 'node:http';

const parts = JSON.parse(readFileSync(process.env.PARTS, 'utf8'));
const file = openSync(process.env.FILE, 'r');
const server = http.createServer((request, response) => {
  const { start, bytes, digest } = parts[request.url];
  const buffer = Buffer.allocUnsafeSlow(bytes);
  readSync(file, buffer, 0, bytes, start);
  if (createHash('sha256').update(buffer).digest('hex') !== digest) process.exit(1);
  response.writeHead(200, ['Content-Type', 'image/jpeg', 'Content-Length', String(bytes)]).end(buffer);
});
server.keepAliveTimeout = 65_000;
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
