// nginx with the configuration that the documentation shows, in front of nodes of a test: only names and ports are put in.
import { readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { startDaemons } from './daemons.js';
import { freePort } from './ports.js';
import { tempDir } from './temp-dir.js';
import { requireTool } from './tools.js';

const DOCUMENTED = new URL('../../docs/nginx.conf', import.meta.url);

export interface Balancer {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  stop(): Promise<void>;
}

/** Starts nginx over `nodes`, each `host:port`. */
export async function startBalancer(nodes: readonly string[]): Promise<Balancer> {
  const nginx = await requireTool('nginx');
  const port = await freePort();
  const dir = await tempDir();
  const site = (await readFile(DOCUMENTED, 'utf8'))
    .replace(/ *server node1:8005 (.*)\n *server node2:8005 .*\n/, (_, how: string) =>
      nodes.map((node) => `  server ${node} ${how}\n`).join(''),
    )
    .replace('listen 8080;', `listen 127.0.0.1:${port};`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(dir.path, kind)};`,
  );
  await writeFile(
    join(dir.path, 'nginx.conf'),
    // Its workers stay who we are: bodies that do not fit in memory go into our directory, which nobody else may enter.
    `daemon off; user ${userInfo().username}; worker_processes 1; pid ${dir.path}/pid; error_log stderr;
     events { worker_connections 512; }
     http { access_log off; ${temporary.join(' ')} ${site} }`,
  );
  const origin = `http://127.0.0.1:${port}`;
  const [child] = await startDaemons(
    'nginx in front of the nodes',
    [[nginx, '-e', 'stderr', '-p', dir.path, '-c', join(dir.path, 'nginx.conf')]],
    async () => (await fetch(`${origin}/imageconverter/getKeyCount`)).ok,
  );
  const gone = new Promise((resolve) => child?.once('exit', resolve));
  return {
    origin,
    stop: async () => {
      child?.kill('SIGQUIT');
      setTimeout(() => child?.kill('SIGTERM'), 2_000).unref();
      await gone;
      await dir.remove();
    },
  };
}
