// A connection to whichever server the sentinels call the master. The library has a client for this too; but while a master
// is away it asks the sentinels without pause, once for every waiting command, and does not tell whether it is connected.
import { setTimeout as delay } from 'node:timers/promises';
import { createClient } from '@redis/client';
import type { RedisNode } from '../../kernel/redis-url.js';
import { type Argument, type Connection, type ConnectionOptions, SAME_CLASS } from './connection.js';
import { withDeadline } from './deadline.js';

/** The sentinels are asked this often: the connection may look well while another server has become the master. */
const LOOK_MS = 1_000;
const LOOK_WHILE_AWAY_MS = 200;
const SENTINEL_DEADLINE_MS = 1_000;

export class SentinelConnection implements Connection {
  private master: { readonly node: RedisNode; readonly connection: Connection } | undefined;
  private readonly ending = new AbortController();
  private lookNow = new AbortController();
  private firstSentinel = 0;
  private readonly nowhere: Connection;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly connectTo: (node: RedisNode) => Connection,
  ) {
    // Something to point to before any master is known; it is not connected.
    this.nowhere = connectTo(options.address.nodes[0]);
  }

  async open(): Promise<void> {
    while (!this.ending.signal.aborted) {
      await this.look();
      this.lookNow = new AbortController();
      const ms = this.readiness() === 'none' ? LOOK_WHILE_AWAY_MS : LOOK_MS;
      await delay(ms, undefined, {
        signal: AbortSignal.any([this.ending.signal, this.lookNow.signal]),
        ref: false,
      }).catch(() => undefined);
    }
  }

  async send(key: string, args: Argument[]): Promise<unknown> {
    if (this.master === undefined) throw new Error('the sentinels have named no master yet');
    try {
      return await this.master.connection.send(key, args);
    } catch (error) {
      // It was the master, and is a replica now.
      if (error instanceof Error && error.message.startsWith('READONLY')) this.lookNow.abort();
      throw error;
    }
  }

  async pingAll(): Promise<void> {
    if (this.master === undefined) throw new Error('the sentinels have named no master yet');
    await this.master.connection.pingAll();
  }

  readiness(): 'all' | 'some' | 'none' {
    return this.master?.connection.readiness() ?? 'none';
  }

  get forKeyv(): Connection['forKeyv'] {
    return (this.master?.connection ?? this.nowhere).forKeyv;
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.master?.connection.close();
  }

  /** Asks the sentinels in turn until one answers, and follows what it says. */
  private async look(): Promise<void> {
    const { connectTimeoutMs, address } = this.options;
    const { nodes } = address;
    for (let n = 0; n < nodes.length && !this.ending.signal.aborted; n++) {
      const at = (this.firstSentinel + n) % nodes.length;
      try {
        const node = await withDeadline(
          Math.max(SENTINEL_DEADLINE_MS, connectTimeoutMs),
          this.ask(nodes[at] as RedisNode),
        );
        // One that answers is asked first the next time.
        this.firstSentinel = at;
        if (node && !this.ending.signal.aborted) await this.follow(node);
        return;
      } catch (error) {
        this.options.onError(error);
      }
    }
  }

  private async ask(sentinel: RedisNode): Promise<RedisNode | undefined> {
    const { address, caPem, connectTimeoutMs } = this.options;
    const socket = { ...sentinel, connectTimeout: connectTimeoutMs, socketTimeout: SENTINEL_DEADLINE_MS };
    const client = createClient({
      // Sentinels have users of their own; ours are those of the servers.
      socket: address.tls
        ? { ...socket, reconnectStrategy: false, tls: true, ...(caPem !== undefined && { ca: caPem }) }
        : { ...socket, reconnectStrategy: false },
      maintNotifications: 'disabled',
      ...SAME_CLASS,
    });
    client.on('error', this.options.onError);
    try {
      await client.connect();
      const reply: unknown = await client.sendCommand([
        'SENTINEL',
        'GET-MASTER-ADDR-BY-NAME',
        address.masterName ?? '',
      ]);
      if (!Array.isArray(reply)) return undefined;
      return { host: String(reply[0]), port: Number(reply[1]) };
    } finally {
      if (client.isOpen) client.destroy();
    }
  }

  private async follow(node: RedisNode): Promise<void> {
    const before = this.master;
    if (before && before.node.host === node.host && before.node.port === node.port) return;
    const connection = this.connectTo(node);
    this.master = { node, connection };
    await before?.connection.close();
    // What was remembered came from the old master.
    this.options.tracking?.clear();
    // It retries by itself for as long as it is the master.
    connection.open().catch(this.options.onError);
  }
}
