// Which Host headers are answered, where that is configured: a page whose name was pointed at this server (DNS rebinding) sends
// its own name, and would read everything as if it were ours. Free of Express.
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Whether the request names a host that is answered. */
export type HostCheck = (request: Pick<IncomingMessage, 'rawHeaders'>) => boolean;

/**
 * Answers `hosts`, names with or without a port, in any case. Beside them addresses and `localhost`, which nobody can point
 * elsewhere and which probes use. A request without Host is none of a browser, and is judged by other rules.
 */
export function createHostCheck(hosts: readonly string[]): HostCheck {
  const allowed = new Set(hosts.map((host) => host.toLowerCase()));
  const admits = (host: string): boolean => {
    const name = host.replace(/:\d*$/, '').replace(/\.$/, '');
    return (
      allowed.has(host) || allowed.has(name) || name === 'localhost' || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0
    );
  };
  return ({ rawHeaders }) => {
    for (let index = 0; index < rawHeaders.length; index += 2) {
      if (rawHeaders[index]?.toLowerCase() !== 'host') continue;
      if (!admits((rawHeaders[index + 1] ?? '').trim().toLowerCase())) return false;
    }
    return true;
  };
}
