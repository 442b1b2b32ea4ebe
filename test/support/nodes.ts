// Several Proofsheet nodes over one Redis, each a process with a data directory of its own, as in production.
import { encodedPhoto } from './encoded-photo.js';
import { sourceForm } from './multipart.js';
import { freePort } from './ports.js';
import { type ServerProcess, scrape, startServerProcess } from './server-process.js';
import { type TempDir, tempDir } from './temp-dir.js';

export const ADMIN = { user: 'admin', password: 'secret' };
export const AUTHORIZATION = `Basic ${Buffer.from(`${ADMIN.user}:${ADMIN.password}`).toString('base64')}`;

export class Nodes {
  private constructor(
    readonly all: ServerProcess[],
    private readonly dirs: readonly TempDir[],
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** Starts `count` nodes over the Redis at `redisUrl`; `stop` ends them and removes their files. */
  static async start(redisUrl: string, count = 3, environment: Readonly<Record<string, string>> = {}): Promise<Nodes> {
    const dirs = await Promise.all(Array.from({ length: count }, () => tempDir()));
    const shared = {
      PROOFSHEET_REDIS_URL: redisUrl,
      PROOFSHEET_ADMIN_USER: ADMIN.user,
      PROOFSHEET_ADMIN_PASSWORD: ADMIN.password,
      ...environment,
    };
    // Ports that nobody is given while a node is away that will come back on its own.
    const ports = await Promise.all(dirs.map(() => freePort()));
    const all = await Promise.all(
      dirs.map((dir, at) =>
        startServerProcess({ PROOFSHEET_PORT: String(ports[at]), ...shared, PROOFSHEET_DATA_DIR: dir.path }),
      ),
    );
    return new Nodes(all, dirs, shared);
  }

  /** Where each keeps its own. */
  get directories(): readonly string[] {
    return this.dirs.map(({ path }) => path);
  }

  /** The node at `index`, counted round and round. */
  at(index: number): ServerProcess {
    const node = this.all[index % this.all.length];
    if (node === undefined) throw new RangeError('expected at least one node, got none');
    return node;
  }

  /** Ends a node by a signal and starts it again on its data and, unless told otherwise, another port. */
  async restart(index: number, signal: NodeJS.Signals, port = '0'): Promise<ServerProcess> {
    this.at(index).kill(signal);
    await this.at(index).gone;
    const dir = this.dirs[index]?.path ?? '';
    const node = await startServerProcess({ ...this.environment, PROOFSHEET_DATA_DIR: dir, PROOFSHEET_PORT: port });
    this.all[index] = node;
    return node;
  }

  /** The sum of a metric over all nodes. */
  async sum(name: string, labels = ''): Promise<number> {
    const values = await Promise.all(this.all.map((node) => scrape(node.origin, name, labels)));
    return values.reduce((sum, value) => sum + value, 0);
  }

  async stop(): Promise<void> {
    for (const node of this.all) node.kill('SIGKILL');
    await Promise.all(this.all.map((node) => node.gone));
    await Promise.all(this.dirs.map((dir) => dir.remove()));
  }
}

export const cache = (node: ServerProcess, key: string, source: Buffer): Promise<Response> =>
  fetch(`${node.url}/cacheImage/${key}`, { method: 'POST', body: sourceForm(source) });

export const cacheAndGet = (
  node: ServerProcess,
  key: string,
  source: Buffer,
  format = 'auto:200x150',
): Promise<Response> =>
  fetch(`${node.url}/cacheAndGetImage/${key}/${format}`, { method: 'POST', body: sourceForm(source) });

export const get = (node: ServerProcess, key: string, format = 'auto:200x150'): Promise<Response> =>
  fetch(`${node.url}/getImage/${key}/${format}`);

export const clear = (node: ServerProcess, key: string): Promise<Response> =>
  fetch(`${node.url}/clearImagesByKey/${key}`, { method: 'DELETE', headers: { Authorization: AUTHORIZATION } });

/** A JPEG that no other call gave: bytes behind the end of the image change nothing but its digest. */
export async function newSource(name: string, widthPx = 900, heightPx = 700): Promise<Buffer> {
  const photo = await encodedPhoto(widthPx, heightPx);
  return Buffer.concat([photo, Buffer.from(`${name} ${process.pid} ${Date.now()} ${Math.random()}`)]);
}
