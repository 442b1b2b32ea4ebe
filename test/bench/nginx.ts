// nginx as the peer of static hits: two workers, sendfile and an open file cache, in the foreground, on files of ours; or as the balancer
// before several nodes, or what speaks HTTP for a FastCGI program.
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Program, requireTool } from '../support/tools.js';
import { type Server, startServer } from './processes.js';

export interface NginxOptions {
  readonly binary: Program;
  /** File names and their bytes. */
  readonly files: Readonly<Record<string, Buffer>>;
  /** 2 unless named. */
  readonly workers?: number;
}

/** Serves files; whoever started it calls `stop`. */
export async function startNginx({ binary, files, workers = 2 }: NginxOptions): Promise<Server> {
  return startIn(binary, async (dir) => {
    await mkdir(join(dir, 'www'));
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(dir, 'www', name), bytes);
    return { http: '', location: `root ${dir}/www;`, workers };
  });
}

/** Hands requests on to a FastCGI program that listens at `address`; whoever started it calls `stop`. */
export function startGateway({
  binary,
  address,
}: {
  readonly binary: Program;
  readonly address: string;
}): Promise<Server> {
  return startIn(binary, async () => ({
    http: `upstream program { server ${address}; keepalive 8; }`,
    location:
      'location / { fastcgi_pass program; fastcgi_keep_conn on; fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method; fastcgi_param REQUEST_URI $request_uri; fastcgi_param SERVER_PROTOCOL $server_protocol; }',
    workers: 1,
  }));
}

/** Hands requests on to `origins`, in turn, over connections that are kept; whoever started it calls `stop`. */
export function startBalancer({
  binary,
  origins,
}: {
  readonly binary: Program;
  readonly origins: readonly string[];
}): Promise<Server> {
  const servers = origins.map((origin) => `server ${new URL(origin).host};`).join(' ');
  return startIn(binary, async () => ({
    http: `upstream nodes { ${servers} keepalive 64; keepalive_requests 1000000000; }`,
    location: 'location / { proxy_pass http://nodes; proxy_http_version 1.1; proxy_set_header Connection ""; }',
  }));
}

interface Purpose {
  readonly http: string;
  readonly location: string;
  /** 2 unless named. */
  readonly workers?: number;
}

async function startIn(binary: Program, prepare: (dir: string) => Promise<Purpose>): Promise<Server> {
  const dir = await mkdtemp(join(tmpdir(), 'proofsheet-bench-nginx-'));
  // Started by root, its workers are somebody else.
  await chmod(dir, 0o755);
  const port = await freePort();
  await writeFile(join(dir, 'nginx.conf'), configuration(dir, port, await prepare(dir)));
  // nginx says nothing when it is ready, so a line of our own stands for it: it listens before it forks.
  const script =
    '"$0" -p "$1" -c "$1/nginx.conf" & while ! [ -s "$1/pid" ]; do sleep 0.02; done; echo "listening $2"; wait';
  const server = await startServer({
    command: await requireTool('sh'),
    args: ['-c', `trap 'kill $(cat "$1/pid"); wait' TERM; ${script}`, binary, dir, String(port)],
    ready: /^listening (\d+)/,
  });
  return {
    ...server,
    async stop() {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function configuration(dir: string, port: number, { http, location, workers = 2 }: Purpose): string {
  return `
    daemon off;
    worker_processes ${workers};
    pid ${dir}/pid;
    error_log ${dir}/error.log;
    events { worker_connections 1024; }
    http {
      access_log off;
      sendfile on;
      tcp_nopush on;
      keepalive_requests 1000000000;
      keepalive_timeout 65;
      open_file_cache max=100 inactive=600s;
      open_file_cache_valid 600s;
      types { image/jpeg jpg; }
      client_body_temp_path ${dir}/body;
      proxy_temp_path ${dir}/proxy;
      fastcgi_temp_path ${dir}/fastcgi;
      uwsgi_temp_path ${dir}/uwsgi;
      scgi_temp_path ${dir}/scgi;
      ${http}
      server { listen 127.0.0.1:${port}; ${location} }
    }`;
}

/** A port of the loopback that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
