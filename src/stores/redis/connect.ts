// One client of the Redis library for each topology, behind one shape. Knows sockets and topologies; no keys and no rules.
import { createClient, createCluster, RESP_TYPES } from '@redis/client';
import type { RedisNode } from '../../kernel/redis-url.js';
import { type Connection, type ConnectionOptions, SAME_CLASS } from './connection.js';
import { SentinelConnection } from './sentinel-connection.js';

/** Below the socket's timeout, or idle connections would be closed; both also tell a frozen server from an idle one. */
const PING_INTERVAL_MS = 400;
/**
 * Without a byte either way for this long a connection is given up. Writing counts: whoever tries a server that does not
 * answer has to pause for longer than this, or its trials would keep a dead connection.
 */
export const SOCKET_TIMEOUT_MS = 1_500;
/** Unless it is configured. */
export const CONNECT_TIMEOUT_MS = 1_000;
const MAX_RECONNECT_MS = 500;
/** Commands that wait or are under way; beyond it calls fail at once. */
const MAX_QUEUED_COMMANDS = 50_000;
/** How long a node of a cluster may be away before the others are asked who took its place. */
const REDISCOVER_AFTER_MS = 200;

export function connect(options: ConnectionOptions): Connection {
  switch (options.address.kind) {
    case 'standalone':
      return toServer(options, options.address.nodes[0]);
    case 'sentinel':
      return new SentinelConnection(options, (master) => toServer(options, master));
    case 'cluster':
      return cluster(options);
  }
}

function reconnectStrategy(retries: number): number {
  // Jitter keeps the nodes of a deployment from coming back in step.
  return Math.min(10 * 2 ** Math.min(retries, 10), MAX_RECONNECT_MS) * (0.5 + Math.random() / 2);
}

function clientOptions({ address, caPem, tracking, connectTimeoutMs, ...options }: ConnectionOptions) {
  const { socketTimeoutMs: socketTimeout = SOCKET_TIMEOUT_MS } = options;
  const timing = { connectTimeout: connectTimeoutMs, socketTimeout, reconnectStrategy };
  return {
    ...(address.user !== undefined && { username: address.user }),
    ...(address.password !== undefined && { password: address.password }),
    ...(tracking && { clientSideCache: tracking }),
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_QUEUED_COMMANDS,
    pingInterval: PING_INTERVAL_MS,
    maintNotifications: 'disabled' as const,
    socket: address.tls ? { ...timing, tls: true as const, ...(caPem !== undefined && { ca: caPem }) } : timing,
  };
}

function commandOptions(binary: boolean) {
  // A timeout of the client's own would cost a timer more per command, and our deadline is the stricter one.
  return { timeout: 0, ...(binary && { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } }) };
}

function toServer(options: ConnectionOptions, node: RedisNode): Connection {
  const shared = clientOptions(options);
  const client = createClient({
    ...shared,
    socket: { ...shared.socket, host: node.host, port: node.port },
    database: options.address.database,
    commandOptions: commandOptions(options.binary),
    ...SAME_CLASS,
  });
  client.on('error', options.onError);
  return {
    open: async () => void (await client.connect()),
    send: (_key, args) => client.sendCommand(args),
    pingAll: async () => void (await client.sendCommand(['PING'])),
    readiness: () => (client.isReady ? 'all' : 'none'),
    forKeyv: client as unknown as Connection['forKeyv'],
    close: async () => {
      if (client.isOpen) client.destroy();
    },
  };
}

function cluster(options: ConnectionOptions): Connection {
  const { clientSideCache, ...defaults } = clientOptions(options);
  const client = createCluster({
    rootNodes: options.address.nodes.map(({ host, port }) => ({
      ...defaults,
      socket: { ...defaults.socket, host, port },
    })),
    defaults,
    ...(clientSideCache && { clientSideCache }),
    commandOptions: commandOptions(options.binary),
    topologyRefreshOnReconnectionAttemptStrategy: REDISCOVER_AFTER_MS,
    ...SAME_CLASS,
  });
  client.on('error', options.onError);
  client.on('node-error', options.onError);
  const readyMasters = () => client.masters.filter((master) => master.client?.isReady).length;
  return {
    open: async () => void (await client.connect()),
    send: (key, args) => client.sendCommand(key, false, args),
    pingAll: async () => {
      if (client.masters.length === 0) throw new Error('no master of the cluster is known');
      await Promise.all(client.masters.map(async (master) => (await client.nodeClient(master)).sendCommand(['PING'])));
    },
    readiness: () => {
      const ready = readyMasters();
      return ready === 0 ? 'none' : ready < client.masters.length ? 'some' : 'all';
    },
    forKeyv: client as unknown as Connection['forKeyv'],
    close: async () => {
      if (client.isOpen) client.destroy();
    },
  };
}
