// The floor of a hit: a bare node:http server that answers the same bytes and headers, taken once from a server given as
// ORIGIN. With ETAG_304=1 it answers 304 instead. Prints its port.
import http from 'node:http';

const origin = await fetch(process.env.ORIGIN);
const body = Buffer.from(await origin.arrayBuffer());
const skipped = new Set(['connection', 'date', 'keep-alive', 'transfer-encoding']);
const headers = [...origin.headers].filter(([name]) => !skipped.has(name)).flat();
const without = new Set(['content-length', 'content-type', 'accept-ranges', 'repr-digest']);
const headers304 = [...origin.headers].filter(([name]) => !skipped.has(name) && !without.has(name)).flat();

const server = http.createServer(
  process.env.ETAG_304
    ? (_request, response) => response.writeHead(304, headers304).end()
    : (_request, response) => response.writeHead(200, headers).end(body),
);
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
