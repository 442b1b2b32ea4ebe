// The floor of a hit: a bare node:http server that answers the same status, headers and bytes, taken once from the server
// at ORIGIN, asked with the If-None-Match in ETAG if there is one. WORKERS processes take connections of one port, as ours do; one
// unless named. Prints its port once all listen.
import cluster from 'node:cluster';
import http from 'node:http';

const workers = Number(process.env.WORKERS ?? 1);
if (workers > 1 && cluster.isPrimary) supervise();
else await serve((port) => (cluster.isWorker ? undefined : console.log(`listening ${port}`)));

function supervise() {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  let listening = 0;
  cluster.on('listening', (_, { port }) => {
    if (++listening === workers) console.log(`listening ${port}`);
  });
  for (let count = 0; count < workers; count++) cluster.fork();
}

async function serve(told) {
  const { status, headers, body } = await answerOf(process.env.ORIGIN, process.env.ETAG);
  const server = http.createServer(
    body.length > 0
      ? (_request, response) => response.writeHead(status, headers).end(body)
      : (_request, response) => response.writeHead(status, headers).end(),
  );
  server.keepAliveTimeout = 65_000;
  server.listen(0, '127.0.0.1', () => told(server.address().port));
}

function answerOf(url, etag) {
  /** What Node adds by itself. */
  const own = new Set(['connection', 'date', 'keep-alive', 'transfer-encoding']);
  return new Promise((resolve, reject) => {
    const conditions = etag ? { 'If-None-Match': etag } : {};
    const request = http.get(url, { agent: false, headers: conditions }, async (response) => {
      const chunks = await response.toArray();
      const { rawHeaders } = response;
      const kept = rawHeaders.filter((_, index) => !own.has(rawHeaders[index - (index % 2)].toLowerCase()));
      resolve({ status: response.statusCode, headers: kept, body: Buffer.concat(chunks) });
    });
    request.on('error', reject);
  });
}
