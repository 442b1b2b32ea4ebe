// The one shape that a connection has, whatever the topology behind it.

import type KeyvRedis from '@keyv/redis';
import type { RedisAddress } from '../../kernel/redis-url.js';
import type { Tracking } from './tracking.js';

export type Argument = string | Buffer;

export interface ConnectionOptions {
  readonly address: RedisAddress;
  /** PEM text of the authority that signed the servers' certificates; for TLS with one of one's own. */
  readonly caPem?: string;
  /** Time in which a connection must stand, in ms. */
  readonly connectTimeoutMs: number;
  /** Default `SOCKET_TIMEOUT_MS`. */
  readonly socketTimeoutMs?: number;
  /** Replies hold Buffers instead of strings. */
  readonly binary: boolean;
  readonly tracking?: Tracking;
  readonly onError: (error: unknown) => void;
}

/** A connection that keeps itself alive: it reconnects, and follows failovers and moved slots. */
export interface Connection {
  /** Opens; rejects when that failed for good, and may be called again then. */
  open(): Promise<void>;
  /** Sends one command to whoever holds `key`. Rejects at once while not connected. */
  send(key: string, args: Argument[]): Promise<unknown>;
  /** Resolves once every master answered a ping; rejects when one did not. */
  pingAll(): Promise<void>;
  /** How many of the masters can be talked to now. */
  readiness(): 'all' | 'some' | 'none';
  /** What Keyv's adapter takes now, a failover changes it; it was typed against an older client, whose methods ours still has. */
  readonly forKeyv: KeyvRedis<unknown>['client'];
  /** Ends at once; what is under way is rejected. */
  close(): Promise<void>;
}

/**
 * Part of the options of every client. The library makes a class of some hundred commands for each client, 30 ms of the processor, unless
 * the client before had the same options, by their JSON. What the class is made of (the protocol, modules, functions, scripts) is the
 * same for all of ours, so they shall have the same JSON: 0.9 ms.
 */
export const SAME_CLASS = { RESP: 3, toJSON: () => 'RESP 3, without modules, functions and scripts' } as const;
