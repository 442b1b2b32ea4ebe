// Connects to where a URL's host leads, if that is open: a literal address is checked before anything is dialled (it never meets
// the lookup), the addresses of a name are filtered by the lookup that connects, so that no second answer can be another.
import { isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import type { AddressPolicy } from './address-policy.js';
import type { Resolve } from './name-lookup.js';
import { withGate } from './socket-gate.js';

export interface ConnectorOptions {
  readonly policy: AddressPolicy;
  readonly resolve: Resolve;
  /** For name, connection and TLS together, in ms. */
  readonly connectTimeoutMs: number;
  /** Certificates that are trusted beside the system's; PEM. */
  readonly ca?: string;
}

/** The host leads nowhere that may be asked. Its message names no address: it may be told to whoever named the host. */
export class AddressForbidden extends Error {
  override readonly name = 'AddressForbidden';
  constructor() {
    super('the address of the host is not open to requests');
  }
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** For undici's agents. Ports are few (those of the policy), and each has a connector with a lookup that knows it. */
export function createConnector(options: ConnectorOptions): buildConnector.connector {
  const byPort = new Map<number, buildConnector.connector>();
  return (target, callback) => {
    const port = target.port === '' ? (DEFAULT_PORTS[target.protocol] ?? 0) : Number(target.port);
    const literal = target.hostname.replace(/^\[|\]$/g, '');
    const isShut = isIP(literal) !== 0 && !options.policy.permits(literal, port);
    if (isShut || !options.policy.permitsPort(port)) return callback(new AddressForbidden(), null);
    const connect = byPort.get(port) ?? connectorOf(port, options);
    byPort.set(port, connect);
    connect({ ...target, hostname: literal }, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      // What was filtered is what was dialled; should that ever not be so, nothing is sent.
      if (options.policy.permits(socket.remoteAddress ?? '', port)) return callback(null, withGate(socket));
      socket.destroy();
      callback(new AddressForbidden(), null);
    });
  };
}

function connectorOf(port: number, { policy, resolve, connectTimeoutMs, ca }: ConnectorOptions) {
  const lookup: LookupFunction = (hostname, { all }, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const open = addresses
          .filter((address) => policy.permits(address, port))
          .map((address) => ({ address, family: isIP(address) }));
        const [first] = open;
        if (first === undefined) callback(new AddressForbidden(), []);
        else if (all === true) callback(null, open);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    );
  };
  return buildConnector({ lookup, timeout: connectTimeoutMs, allowH2: false, ...(ca !== undefined && { ca }) });
}
