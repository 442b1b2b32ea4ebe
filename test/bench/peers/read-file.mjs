// The floor of a hit from disk: fs.readFile and bare node:http, with the headers in HEADERS (JSON, flat). FILES names a
// JSON file: an object from the last seven characters of a path to the file that answers it. Prints its port.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import http from 'node:http';

const files = JSON.parse(readFileSync(process.env.FILES, 'utf8'));
const headers = JSON.parse(process.env.HEADERS);
const server = http.createServer(async (request, response) => {
  const bytes = await readFile(files[request.url.slice(-7)]);
  response.writeHead(200, [...headers, 'Content-Length', String(bytes.length)]).end(bytes);
});
server.keepAliveTimeout = 65_000;
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
