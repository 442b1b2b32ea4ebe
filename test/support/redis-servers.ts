// Real Redis servers for tests: one alone, a Sentinel set, a Cluster of three masters with a replica each. On loopback, on
// free ports, in directories of their own, without persistence; every wait has an end.
import type { ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startDaemons } from './daemons.js';
import { eventually } from './gate.js';
import { freePort } from './ports.js';
import { run } from './processes.js';
import { redisCommand } from './redis-command.js';
import { type TempDir, tempDir } from './temp-dir.js';
import { type Program, requireTool } from './tools.js';

/** One redis-server process, which can be stopped and started again on its port. */
export class RedisServer {
  private process: ChildProcess | undefined;

  private constructor(
    private readonly program: Program,
    private readonly client: Program,
    readonly port: number,
    private readonly args: readonly string[],
    private readonly cliArgs: readonly string[],
  ) {}

  static async start(
    dir: string,
    extra: readonly string[] = [],
    cliArgs: readonly string[] = [],
  ): Promise<RedisServer> {
    const [program, client] = await Promise.all([requireTool('redis-server'), requireTool('redis-cli')]);
    const port = await freePort();
    const own = join(dir, String(port));
    await mkdir(own);
    const common = ['--bind', '127.0.0.1', '--dir', own, '--save', '', '--appendonly', 'no', '--daemonize', 'no'];
    const listen = extra.includes('--tls-port')
      ? ['--port', '0', '--tls-port', String(port)]
      : ['--port', String(port)];
    const rest = extra.filter((_, at) => extra[at] !== '--tls-port' && extra[at - 1] !== '--tls-port');
    const server = new RedisServer(program, client, port, [...listen, ...common, ...rest], cliArgs);
    await server.resume();
    return server;
  }

  /** A sentinel of `master`. */
  static async startSentinel(dir: string, master: RedisServer, downAfterMs: number): Promise<RedisServer> {
    const [program, client] = await Promise.all([requireTool('redis-sentinel'), requireTool('redis-cli')]);
    const port = await freePort();
    const own = join(dir, String(port));
    await mkdir(own);
    const config = join(own, 'sentinel.conf');
    await writeFile(
      config,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${own}`,
        `sentinel monitor main 127.0.0.1 ${master.port} 2`,
        `sentinel down-after-milliseconds main ${downAfterMs}`,
        'sentinel failover-timeout main 3000',
        'sentinel parallel-syncs main 1',
      ].join('\n'),
    );
    const server = new RedisServer(program, client, port, [config, '--sentinel'], []);
    await server.resume();
    return server;
  }

  /** Starts the process, also again after `kill`, and waits until it answers. */
  async resume(): Promise<void> {
    [this.process] = await startDaemons(
      `redis-server on ${this.port}`,
      [[this.program, ...this.args]],
      async () => (await this.cli('PING')) === 'PONG',
    );
  }

  /** Stands still, connections stay open: SIGSTOP. */
  freeze(): void {
    this.process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.process?.kill('SIGCONT');
  }

  /** Ends it at once, and waits until it is gone. */
  async kill(): Promise<void> {
    const { process } = this;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const gone = new Promise((resolve) => process.once('exit', resolve));
    process.kill('SIGKILL');
    await gone;
  }

  /** One command, or one with options of redis-cli before it (`--scan`); its reply as redis-cli prints it. Rejects for an error reply. */
  async cli(...args: string[]): Promise<string> {
    const isForProgram = this.cliArgs.length > 0 || args[0]?.startsWith('-');
    if (!isForProgram) return (await redisCommand(this.port, args)).trim();
    const { stdout } = await run(this.client, ['-e', '-p', String(this.port), ...this.cliArgs, ...args], {
      timeout: 30_000,
    });
    return stdout.trim();
  }
}

/** Servers that belong together. */
export interface RedisServers {
  /** For the store. */
  readonly url: string;
  readonly servers: readonly RedisServer[];
  /** Those that are masters now. */
  masters(): Promise<RedisServer[]>;
  flush(): Promise<void>;
  stop(): Promise<void>;
}

export async function startStandalone(
  extra: readonly string[] = [],
): Promise<RedisServers & { readonly server: RedisServer }> {
  const dir = await tempDir();
  const server = await RedisServer.start(dir.path, extra);
  return { ...group(dir, [server], `redis://127.0.0.1:${server.port}`), server };
}

/** Speaks TLS only, with a certificate of an authority of its own; `caFile` is that authority's. */
export async function startWithTls(): Promise<RedisServers & { readonly caFile: string }> {
  const dir = await tempDir();
  const at = (name: string) => join(dir.path, name);
  const program = await requireTool('openssl');
  const openssl = (...args: string[]) => run(program, args, { timeout: 60_000 });
  await openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
  );
  await openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    '/CN=localhost',
    '-keyout',
    at('server.key'),
    '-out',
    at('server.csr'),
  );
  await writeFile(at('san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  await openssl(
    'x509',
    '-req',
    '-days',
    '2',
    '-in',
    at('server.csr'),
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-extfile',
    at('san'),
    '-out',
    at('server.pem'),
  );
  const server = await RedisServer.start(
    dir.path,
    [
      '--tls-port',
      '0',
      '--tls-cert-file',
      at('server.pem'),
      '--tls-key-file',
      at('server.key'),
      '--tls-ca-cert-file',
      at('ca.pem'),
      '--tls-auth-clients',
      'no',
    ],
    ['--tls', '--cacert', at('ca.pem')],
  );
  return { ...group(dir, [server], `rediss://localhost:${server.port}`), caFile: at('ca.pem') };
}

/**
 * A master with one replica, watched by three sentinels; the replica takes over once the master was silent for `downAfterMs`
 * (on a busy machine also without need).
 */
export async function startSentinelSet(downAfterMs = 60_000): Promise<RedisServers> {
  const dir = await tempDir();
  // The master waits for more replicas before it hands over what it has: 5 seconds, unless it is told that there are none.
  const noDelay = ['--repl-diskless-sync-delay', '0'];
  const master = await RedisServer.start(dir.path, noDelay);
  const replica = await RedisServer.start(dir.path, ['--replicaof', `127.0.0.1 ${master.port}`, ...noDelay]);
  const sentinels = await Promise.all([1, 2, 3].map(() => RedisServer.startSentinel(dir.path, master, downAfterMs)));
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
  await eventually(
    async () => /master_link_status:up/.test(await replica.cli('INFO', 'replication')),
    'a replica that has what its master has',
  );
  await eventually(async () => {
    const told = await Promise.all(sentinels.map((sentinel) => sentinel.cli('SENTINEL', 'MASTER', 'main')));
    return told.every((text) => /num-slaves\n1\n/.test(text) && /num-other-sentinels\n2\n/.test(text));
  }, 'sentinels that know each other and the replica');
  return { ...group(dir, [master, replica], `redis+sentinel://${hosts}/main`, sentinels) };
}

/** Three masters, each with a replica, which takes over after `nodeTimeoutMs` (on a busy machine also without need). */
export async function startCluster(nodeTimeoutMs = 10_000): Promise<RedisServers> {
  const dir = await tempDir();
  const servers: RedisServer[] = [];
  const busPorts: number[] = [];
  for (let n = 0; n < 6; n++) {
    const busPort = await freePort();
    busPorts.push(busPort);
    servers.push(
      await RedisServer.start(dir.path, [
        '--cluster-enabled',
        'yes',
        '--cluster-port',
        String(busPort),
        '--cluster-node-timeout',
        `${nodeTimeoutMs}`,
        '--repl-diskless-sync-delay',
        '0',
        '--cluster-allow-replica-migration',
        'no',
      ]),
    );
  }
  const [first] = servers as [RedisServer];
  const ranges = [
    [0, 5460],
    [5461, 10_922],
    [10_923, 16_383],
  ] as const;
  for (const [at, [from, to]] of ranges.entries())
    await servers[at]?.cli('CLUSTER', 'ADDSLOTSRANGE', `${from}`, `${to}`);
  for (const [at, { port }] of servers.entries())
    if (at > 0) await first.cli('CLUSTER', 'MEET', '127.0.0.1', `${port}`, `${busPorts[at]}`);
  const ids = await Promise.all(servers.map((server) => server.cli('CLUSTER', 'MYID')));
  for (const [at, server] of servers.slice(3).entries())
    await eventually(
      async () => (await server.cli('CLUSTER', 'REPLICATE', `${ids[at]}`)) === 'OK',
      'a replica that knows its master',
    );
  await eventually(async () => {
    const nodes = await Promise.all(
      servers.map(async (server) => ({
        info: await server.cli('CLUSTER', 'INFO'),
        nodes: await server.cli('CLUSTER', 'NODES'),
      })),
    );
    return nodes.every(
      ({ info, nodes: text }) =>
        /cluster_state:ok/.test(info) &&
        (text.match(/ slave /g) ?? []).length + (text.match(/myself,slave/g) ?? []).length >= 3,
    );
  }, 'a whole cluster');
  await eventually(async () => {
    const told = await Promise.all(servers.slice(3).map((server) => server.cli('INFO', 'replication')));
    return told.every((text) => /master_link_status:up/.test(text));
  }, 'replicas in step');
  return group(
    dir,
    servers,
    `redis+cluster://${servers
      .slice(0, 3)
      .map(({ port }) => `127.0.0.1:${port}`)
      .join(',')}`,
  );
}

function group(
  dir: TempDir,
  servers: readonly RedisServer[],
  url: string,
  others: readonly RedisServer[] = [],
): RedisServers {
  const masters = async () => {
    const roles = await Promise.all(servers.map((server) => server.cli('ROLE').catch(() => '')));
    return servers.filter((_, at) => roles[at]?.startsWith('master'));
  };
  return {
    url,
    servers,
    masters,
    flush: async () => void (await Promise.all((await masters()).map((server) => server.cli('FLUSHALL')))),
    stop: async () => {
      await Promise.all([...servers, ...others].map((server) => server.kill()));
      await dir.remove();
    },
  };
}
