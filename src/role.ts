// What a process of the server is among others, told to the one that composes it.
import type { DoorServers } from './door.js';
import type { Connect } from './supervisor.js';

/** What one HTTP process is among those that share the data directory. */
export interface Role {
  /** Other processes share catalog and blobs. */
  readonly shared: boolean;
  /** This one's place among them, from 0; the first looks after limits and sweeping. */
  readonly workerIndex: number;
  /** What listens in the place of its own servers (standby.ts), and hands connections on to them; absent: those listen themselves. */
  readonly fronts?: DoorServers;
  /** Asks all processes; absent when there is only this one. */
  readonly connect?: Connect;
  /** The id or name of the tenant whose jobs alone it does: for a command that works beside a server. */
  readonly onlyTenant?: string;
}

export const ALONE: Role = { shared: false, workerIndex: 0 };
