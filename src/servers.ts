// The servers that a process listens with: what speaks on each, and by which name neighbours ask for it.
import type { Server } from 'node:http';
import type { Config } from './config/schema.js';
import type { DoorServers } from './door.js';
import type { Dialect } from './http/dialects/dialect.js';
import type { Edge } from './http/edge.js';
import { TlsFiles } from './http/wire/tls-files.js';

export interface Servers {
  readonly server: Server;
  /** The same as `server` by TLS; `undefined` without a port for it. */
  readonly tlsServer: Server | undefined;
  /** The probes and metrics on their own; `undefined` without a port for them. */
  readonly healthServer: Server | undefined;
  /** The dialect imaginary on its own; `undefined` without a port for it. */
  readonly imaginaryServer: Server | undefined;
}

export function serversOf(
  edge: Edge,
  { server, imaginary }: Config,
  dialects: readonly Dialect[],
  tls: TlsFiles | undefined,
): Servers {
  const alone = imaginary.port === undefined ? undefined : dialects.find(({ name }) => name === 'imaginary');
  return {
    server: edge.createServer(),
    tlsServer: tls && edge.createServer(tls.pair),
    healthServer: server.healthPort === undefined ? undefined : edge.createHealthServer(),
    imaginaryServer: alone && edge.createDialectServer(alone),
  };
}

export function portsOfServers({ server, tlsServer, healthServer, imaginaryServer }: Servers): DoorServers {
  return { http: server, tls: tlsServer, health: healthServer, imaginary: imaginaryServer };
}

/** The certificate of the TLS port, where there is one; throws when its files cannot be used. */
export function tlsOf({ tlsPort, tlsCert, tlsKey }: Config['server']): Promise<TlsFiles> | undefined {
  if (tlsPort === undefined || tlsCert === undefined || tlsKey === undefined) return undefined;
  return TlsFiles.read({ cert: tlsCert, key: tlsKey });
}
