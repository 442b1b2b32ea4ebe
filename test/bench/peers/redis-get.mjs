// The floor of a hit from the shared tier: a plain Redis client's GET of as many bytes as a preview has, and bare node:http with the
// headers in HEADERS (JSON, flat). The bytes at ORIGIN are stored under as many keys as KEYS says at REDIS; the last seven characters of a
// path choose one. Prints its port.
import http from 'node:http';
import { createClient, RESP_TYPES } from '@redis/client';

const bytes = Buffer.from(await (await fetch(process.env.ORIGIN)).arrayBuffer());
const client = createClient({
  url: process.env.REDIS,
  commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
});
await client.connect();
const keys = Number(process.env.KEYS);
for (let key = 0; key < keys; key++) await client.set(`floor:${String(key).padStart(7, '0')}`, bytes);
const headers = JSON.parse(process.env.HEADERS);
const server = http.createServer(async (request, response) => {
  const found = await client.get(`floor:${request.url.slice(-7)}`);
  response.writeHead(200, [...headers, 'Content-Length', String(found.length)]).end(found);
});
server.keepAliveTimeout = 65_000;
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
