// Reads the address of the shared tier: one server, a Sentinel set or a Cluster. Pure; opens nothing.

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/** Where the shared tier is, and how it is reached. */
export interface RedisAddress {
  readonly kind: 'standalone' | 'sentinel' | 'cluster';
  /** The server; the sentinels; some nodes of the cluster. At least one. */
  readonly nodes: readonly [RedisNode, ...RedisNode[]];
  readonly tls: boolean;
  /** The name the sentinels know the master by; only for `sentinel`. */
  readonly masterName?: string;
  /** Number of the logical database; 0 for `cluster`. */
  readonly database: number;
  readonly user?: string;
  readonly password?: string;
}

const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26_379;

const FORMS = /^(redis|rediss)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/?#@]+)(?:\/([^?#]*))?$/;

/**
 * Parses `redis://host:port/db`, `rediss://...` (TLS), `redis+sentinel://host:port,host:port/masterName` and
 * `redis+cluster://host:port,host:port` (both also as `rediss+...`), with `user:password@` before the hosts.
 * Throws a `RangeError` that never repeats the text, since it may hold a password.
 */
export function parseRedisUrl(text: string): RedisAddress {
  const [, scheme, kind = 'standalone', credentials, hosts = '', path = ''] =
    FORMS.exec(text) ?? fail('one of its forms');
  const sentinel = kind === 'sentinel';
  const nodes = hosts.split(',').map((host) => parseNode(host, sentinel ? DEFAULT_SENTINEL_PORT : DEFAULT_PORT));
  const [first, ...others] = nodes;
  if (first === undefined) fail('at least one host');
  if (kind === 'standalone' && others.length > 0)
    fail('a single host, or redis+sentinel:// or redis+cluster:// for many');
  if (sentinel && path === '') fail('the name of the master after the hosts of the sentinels');
  if (kind === 'cluster' && path !== '') fail('no path after the hosts of a cluster');
  return {
    kind: kind as RedisAddress['kind'],
    nodes: [first, ...others],
    tls: scheme === 'rediss',
    database: kind === 'standalone' && path !== '' ? parseDatabase(path) : 0,
    ...(sentinel && { masterName: decoded(path) }),
    ...parseCredentials(credentials),
  };
}

function parseNode(text: string, defaultPort: number): RedisNode {
  const [, ipv6, name, port] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text) ?? fail('hosts as host:port');
  const number = port === undefined ? defaultPort : Number(port);
  if (number < 1 || number > 65_535) fail('ports of 1 to 65535');
  return { host: ipv6 ?? name ?? fail('hosts as host:port'), port: number };
}

function parseDatabase(path: string): number {
  if (!/^\d{1,4}$/.test(path)) fail('the number of a database after the host');
  return Number(path);
}

function parseCredentials(text: string | undefined): Pick<RedisAddress, 'user' | 'password'> {
  if (text === undefined || text === '') return {};
  const colon = text.indexOf(':');
  const user = decoded(colon < 0 ? text : text.slice(0, colon));
  return { ...(user !== '' && { user }), ...(colon >= 0 && { password: decoded(text.slice(colon + 1)) }) };
}

/** V8's own error would repeat the text. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return fail('user, password and master name percent-encoded as in a URL');
  }
}

function fail(wanted: string): never {
  throw new RangeError(
    `expected ${wanted} for the Redis URL: redis://host:port, rediss://host:port, redis+sentinel://host:port,host:port/masterName or redis+cluster://host:port,host:port`,
  );
}
