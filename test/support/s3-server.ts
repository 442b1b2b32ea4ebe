// A real S3-compatible service for tests: OpenStack Swift with its s3api, four daemons on loopback and free ports, data in
// a directory of their own. One replica on one device; every wait has an end.
import type { ChildProcess } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type Command, startDaemons } from './daemons.js';
import { eventually } from './gate.js';
import { freePort } from './ports.js';
import { run } from './processes.js';
import { type TempDir, tempDir } from './temp-dir.js';
import { requireTool } from './tools.js';

const START_MS = 90_000;
/** As the package ships it: names the storage policy and the hash paths. */
const SWIFT_CONF = '/etc/swift/swift.conf';

export const CREDENTIALS = { accessKeyId: 'test:tester', secretAccessKey: 'testing' };
export const REGION = 'us-east-1';

const KINDS = ['account', 'container', 'object'] as const;
type Kind = (typeof KINDS)[number];

/** One ring per kind, 2^4 partitions, one replica on one device: nine starts of swift-ring-builder in one. */
const BUILD_RINGS = `
import sys
from swift.common.ring import RingBuilder
folder, *ports = sys.argv[1:]
for kind, port in zip(${JSON.stringify(KINDS)}, ports):
    builder = RingBuilder(4, 1, 1)
    builder.add_dev(dict(region=1, zone=1, ip='127.0.0.1', port=int(port), device='d1', weight=1, meta='',
                         replication_ip='127.0.0.1', replication_port=int(port)))
    builder.rebalance()
    builder.get_ring().save(folder + '/' + kind + '.ring.gz')
`;

export class S3Server {
  private processes: ChildProcess[] = [];

  private constructor(
    readonly endpoint: string,
    private readonly dir: TempDir,
    private readonly commands: readonly Command[],
  ) {}

  /** Starts the service with empty `buckets`. */
  static async start(buckets: readonly string[]): Promise<S3Server> {
    const dir = await tempDir();
    const at = (...names: string[]) => join(dir.path, ...names);
    await mkdir(at('etc'));
    await mkdir(at('srv', 'd1'), { recursive: true });
    const programs = {
      account: await requireTool('swift-account-server'),
      container: await requireTool('swift-container-server'),
      object: await requireTool('swift-object-server'),
    };
    // It comes with the programs.
    await copyFile(SWIFT_CONF, at('etc', 'swift.conf'));
    const commands: Command[] = [];
    const ports: number[] = [];
    for (const kind of KINDS) {
      const port = await freePort();
      ports.push(port);
      await writeFile(at('etc', `${kind}.conf`), backendConfig(kind, port, at('srv'), at('etc')));
      commands.push([programs[kind], at('etc', `${kind}.conf`)]);
    }
    const python = await requireTool('debian-python3');
    await run(python, ['-c', BUILD_RINGS, at('etc'), ...ports.map(String)], { timeout: START_MS });
    const port = await freePort();
    await writeFile(at('etc', 'proxy.conf'), proxyConfig(port, at('etc')));
    commands.push([await requireTool('swift-proxy-server'), at('etc', 'proxy.conf')]);
    const server = new S3Server(`http://127.0.0.1:${port}`, dir, commands);
    await server.resume();
    const client = server.client();
    for (const Bucket of buckets)
      await eventually(async () => {
        await client.send(new CreateBucketCommand({ Bucket }));
        return true;
      }, `the bucket ${Bucket}`);
    client.destroy();
    return server;
  }

  /** A plain client, for what tests do behind a store's back. */
  client(): S3Client {
    return new S3Client({
      endpoint: this.endpoint,
      region: REGION,
      forcePathStyle: true,
      credentials: CREDENTIALS,
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  /** The environment of a server that keeps its blobs in `bucket`. */
  environment(bucket: string): Record<string, string> {
    return {
      PROOFSHEET_S3_ENDPOINT: this.endpoint,
      PROOFSHEET_S3_BUCKET: bucket,
      PROOFSHEET_S3_REGION: REGION,
      PROOFSHEET_S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      PROOFSHEET_S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    };
  }

  /** Starts the daemons, also again after `kill`; resolves once the service answers. */
  async resume(): Promise<void> {
    this.processes = await startDaemons('an S3 service that answers', this.commands, async () => {
      // Any answer of its own will do: without a signature it is a refusal.
      const answer = await fetch(this.endpoint, { signal: AbortSignal.timeout(2_000) });
      return answer.status < 500;
    });
  }

  /** Stands still, connections stay open: SIGSTOP. */
  freeze(): void {
    for (const child of this.processes) child.kill('SIGSTOP');
  }

  thaw(): void {
    for (const child of this.processes) child.kill('SIGCONT');
  }

  /** Ends the daemons at once, and waits until they are gone. */
  async kill(): Promise<void> {
    await Promise.all(
      this.processes.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await gone;
      }),
    );
  }

  async stop(): Promise<void> {
    await this.kill();
    await this.dir.remove();
  }

  /** The files that hold objects of exactly these bytes: for damage that the service itself does not see. */
  async filesHolding(bytes: Buffer): Promise<string[]> {
    const root = join(this.dir.path, 'srv', 'd1', 'objects');
    const names = await readdir(root, { recursive: true }).catch(() => []);
    const paths = names.filter((name) => name.endsWith('.data')).map((name) => join(root, name));
    const found = await Promise.all(paths.map(async (path) => (await readFile(path)).equals(bytes)));
    return paths.filter((_, at) => found[at]);
  }
}

function backendConfig(kind: Kind, port: number, devices: string, swiftDir: string): string {
  return `[DEFAULT]
devices = ${devices}
mount_check = false
disable_fallocate = true
${daemonConfig(port, swiftDir)}
[pipeline:main]
pipeline = ${kind}-server
[app:${kind}-server]
use = egg:swift#${kind}
fallocate_reserve = 0
replication_server = no
`;
}

function proxyConfig(port: number, swiftDir: string): string {
  const filters = ['catch_errors', 'listing_formats', 'copy', 'bulk', 'slo', 'dlo', 'versioned_writes', 'symlink'];
  return `[DEFAULT]
${daemonConfig(port, swiftDir)}
[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth copy bulk slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
# Whom the proxy cannot reach ten times it leaves alone for a minute, as it would at a start where it is the first to listen.
error_suppression_limit = 1000000
${filters.map((name) => `[filter:${name}]\nuse = egg:swift#${name}`).join('\n')}
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:9
[filter:s3api]
use = egg:swift#s3api
location = ${REGION}
s3_acl = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = ${CREDENTIALS.secretAccessKey} .admin
`;
}

function daemonConfig(port: number, swiftDir: string): string {
  return `bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
swift_dir = ${swiftDir}
user = ${userInfo().username}
log_level = WARNING`;
}
