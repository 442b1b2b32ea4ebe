// A CMS that is told what became of its assets: takes webhooks as Standard Webhooks has them, checks who speaks and when, takes each
// once, and says on standard output what it would do. The tenant's `webhookSecrets` are in PROOFSHEET_WEBHOOK_SECRET.
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const { PROOFSHEET_WEBHOOK_SECRET = '', PORT = '3001' } = process.env;
const webhook = new Webhook(PROOFSHEET_WEBHOOK_SECRET);
const MAX_BYTES = 1_000_000;
const MAX_KNOWN = 10_000;
/** What was taken already, the latest last: a delivery that was not acknowledged in time comes again under the same id. */
const taken = new Set();

async function bodyOf(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error('expected a smaller body');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const server = createServer(async (request, response) => {
  const answer = (status) => response.writeHead(status).end();
  try {
    if (request.method !== 'POST') return answer(405);
    const body = await bodyOf(request);
    // Throws for another secret, other bytes, and a time that is more than five minutes off.
    const event = webhook.verify(body, request.headers);
    const id = String(request.headers['webhook-id']);
    if (!taken.has(id)) {
      taken.add(id);
      if (taken.size > MAX_KNOWN) taken.delete(taken.values().next().value);
      console.log(JSON.stringify({ id, event }));
    }
    answer(204);
  } catch {
    answer(400);
  }
});

server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
