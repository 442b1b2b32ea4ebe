// A client that counts pixels: asks for distinct exact pictures of one image, from one to another, as fast as it is answered. Prints what
// it was answered with, as JSON: statuses with their numbers, and an answer that was refused.
import { Agent, get } from 'node:http';

const url = process.argv[2];
const [first, end] = process.argv.slice(3).map(Number);
const CONNECTIONS = 16;
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
const statuses = {};
let refused;
let next = first;

const ask = (size) =>
  new Promise((resolve) => {
    const sent = get(`${url.replace('SIZE', size)}`, { agent }, async (response) => {
      const body = Buffer.concat(await response.toArray()).toString('latin1');
      statuses[response.statusCode] = (statuses[response.statusCode] ?? 0) + 1;
      if (response.statusCode !== 200)
        refused ??= { status: response.statusCode, retryAfter: response.headers['retry-after'], body };
      resolve();
    });
    sent.once('error', () => {
      statuses.none = (statuses.none ?? 0) + 1;
      resolve();
    });
  });

async function client() {
  for (let at = next++; at < end; at = next++) await ask(`${1 + (at % 400)}x${1 + Math.floor(at / 400)}`);
}
await Promise.all(Array.from({ length: CONNECTIONS }, client));
console.log(JSON.stringify({ statuses, refused }));
process.exit(0);
