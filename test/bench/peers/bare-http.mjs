// The floor of a hit: a bare node:http server that answers the same status, headers and bytes, taken once from the server
// at ORIGIN, asked with the If-None-Match in ETAG if there is one. Prints its port.
import http from 'node:http';

/** What Node adds by itself. */
const OWN = new Set(['connection', 'date', 'keep-alive', 'transfer-encoding']);

const { status, headers, body } = await new Promise((resolve, reject) => {
  const conditions = process.env.ETAG ? { 'If-None-Match': process.env.ETAG } : {};
  const request = http.get(process.env.ORIGIN, { agent: false, headers: conditions }, async (response) => {
    const chunks = await response.toArray();
    const { rawHeaders } = response;
    const kept = rawHeaders.filter((_, index) => !OWN.has(rawHeaders[index - (index % 2)].toLowerCase()));
    resolve({ status: response.statusCode, headers: kept, body: Buffer.concat(chunks) });
  });
  request.on('error', reject);
});

const server = http.createServer(
  body.length > 0
    ? (_request, response) => response.writeHead(status, headers).end(body)
    : (_request, response) => response.writeHead(status, headers).end(),
);
server.keepAliveTimeout = 65_000;
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
