// What a waiting server (standby.ts) says of itself: its probes are its own, whatever ports its neighbour has. It is alive, and as ready as
// the neighbour that its clients are served by.
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The probes' names at the root; the first two ask whether this process lives. */
const PROBE = /^(?:GET|HEAD) \/+(?:(healthz|health\/liveness)|(readyz|health\/readiness)|(metrics))\/?[ ?]/;
/** An orchestrator asks on, and waits a second or a few for each answer. */
const ANSWERED_MS = 2_000;
/** A scrape takes a megabyte at most. */
const LONGEST_ANSWER_BYTES = 64 * 1_024 * 1_024;

export type ProbeName = 'alive' | 'ready' | 'metrics';

/** Which probe the first bytes of a connection ask; `undefined`: none. */
export function probeIn(first: Buffer): ProbeName | undefined {
  const asked = PROBE.exec(first.toString('latin1', 0, 64));
  if (asked === null) return undefined;
  if (asked[1] !== undefined) return 'alive';
  return asked[2] === undefined ? 'metrics' : 'ready';
}

interface Answer {
  readonly status: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

const JSON_TYPE = { 'Content-Type': 'application/json; charset=utf-8' };
const SOON = { ...JSON_TYPE, 'Retry-After': '1' };
const ALIVE: Answer = { status: '200 OK', headers: JSON_TYPE, body: JSON.stringify({ alive: true }) };
const readiness = (ready: boolean) => JSON.stringify({ ready, draining: false, dependencies: {} });
const READY: Answer = { status: '200 OK', headers: JSON_TYPE, body: readiness(true) };
const NOT_READY: Answer = { status: '503 Service Unavailable', headers: SOON, body: readiness(false) };
const NOBODY: Answer = {
  status: '503 Service Unavailable',
  headers: SOON,
  body: JSON.stringify({ code: 5030, message: 'the server is not ready; ask again in a moment' }),
};
const UNKNOWN: Answer = {
  status: '404 Not Found',
  headers: JSON_TYPE,
  body: JSON.stringify({
    code: 4041,
    message: 'expected /healthz, /readyz, /health/liveness, /health/readiness or /metrics on this port',
  }),
};

/** The whole text of an answer to who asked for something else while nobody serves. */
export const NOBODY_TEXT = textOf(NOBODY);

/** The whole text of the answer to a probe while nobody serves; `undefined` for what may wait. */
export function unservedText(probe: ProbeName): string | undefined {
  return { alive: textOf(ALIVE), ready: textOf(NOT_READY), metrics: undefined }[probe];
}

function textOf({ status, headers = {}, body }: Answer): string {
  const lines = Object.entries({ ...headers, 'Content-Length': Buffer.byteLength(body), 'Cache-Control': 'no-store' });
  const fields = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `HTTP/1.1 ${status}\r\n${fields}Connection: close\r\n\r\n${body}`;
}

/** A connection to a server of a neighbour that has taken it; `undefined` where none has such a server, or none serves. */
export type Reach = (to: 'http' | 'health', asker: Socket) => Promise<Socket | undefined>;

/**
 * A server of probes alone, one a connection, that does not listen: connections are given to it. What it does not know itself it asks
 * the neighbours, on their port for probes, and where they have none on that for everything.
 */
export function createProbeServer(reach: Reach, headersTimeoutMs: number): Server {
  const server = createServer(
    { headersTimeout: headersTimeoutMs, requestTimeout: headersTimeoutMs, connectionsCheckingInterval: 500 },
    (asked, response) => void answerProbe(asked, response, reach),
  );
  server.on('clientError', (_error, socket) => void socket.destroy());
  return server;
}

async function answerProbe(asked: IncomingMessage, response: ServerResponse, reach: Reach): Promise<void> {
  const probe = probeIn(Buffer.from(`${asked.method} ${asked.url} `, 'latin1'));
  const { status, headers, body } = probe === undefined ? UNKNOWN : await answerTo(probe, asked.socket, reach);
  const [code = '503'] = status.split(' ');
  // A body that means nothing here is not waited for.
  response.writeHead(Number(code), {
    ...headers,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    Connection: 'close',
  });
  response.end(body);
}

async function answerTo(probe: ProbeName, asker: Socket, reach: Reach): Promise<Answer> {
  if (probe === 'alive') return ALIVE;
  let serves = false;
  for (const to of ['health', 'http'] as const) {
    const socket = await reach(to, asker);
    const answer = socket && (await askOver(socket, probe === 'ready' ? '/readyz' : '/metrics'));
    if (answer === undefined) continue;
    serves = true;
    if (!answer.status.startsWith('404')) return answer;
  }
  if (probe === 'metrics') return serves ? UNKNOWN : NOBODY;
  // One that keeps its probes from everybody answers all the same.
  return serves ? READY : NOT_READY;
}

/** What is answered on `socket`; `undefined` where nothing is, or not in time. */
function askOver(socket: Socket, path: string): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), ANSWERED_MS);
    const settle = (answer?: Answer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const headers = { Host: 'localhost', Connection: 'close' };
    const asking = request({ path, headers, createConnection: () => socket }, (answer) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > LONGEST_ANSWER_BYTES) settle();
        else parts.push(part);
      });
      answer.once('error', () => settle());
      answer.once('end', () => {
        const { statusCode = 503, statusMessage = '', headers: given } = answer;
        const type = given['content-type'];
        settle({
          status: `${statusCode} ${statusMessage}`,
          ...(type !== undefined && { headers: { 'Content-Type': type } }),
          body: Buffer.concat(parts),
        });
      });
    });
    asking.once('error', () => settle());
    socket.once('close', () => settle());
    // It was paused until somebody read it.
    asking.once('socket', () => socket.resume());
    asking.end();
  });
}
