// nginx with the configuration that the documentation shows, in front of nodes of a test: only names and ports are put in.
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startSilent } from './processes.js';
import { eventually, freePort } from './redis-servers.js';
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
  // Started by root, its workers are somebody else.
  await chmod(dir.path, 0o755);
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
    `daemon off; worker_processes 1; pid ${dir.path}/pid; error_log ${dir.path}/error.log;
     events { worker_connections 512; }
     http { access_log off; ${temporary.join(' ')} ${site} }`,
  );
  const child = startSilent(nginx, ['-p', dir.path, '-c', join(dir.path, 'nginx.conf')]);
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const origin = `http://127.0.0.1:${port}`;
  await eventually(
    'nginx in front of the nodes',
    10_000,
    async () => (await fetch(`${origin}/imageconverter/getKeyCount`)).ok,
  );
  return {
    origin,
    stop: async () => {
      child.kill('SIGQUIT');
      setTimeout(() => child.kill('SIGTERM'), 2_000).unref();
      await gone;
      await dir.remove();
    },
  };
}
