// Where connections may be made to: public addresses on the usual ports, and the exact places that settings name. It sees what
// a name was resolved to, so it holds for every hop and cannot be passed by a name.
import type { AddressPort } from '../kernel/address-port.js';
import { canonicalAddress, isPublicAddress } from './address-table.js';

export interface AddressRules {
  /** Open although private, or on another port. */
  readonly allow: readonly AddressPort[];
  /** Ports of public addresses. */
  readonly ports: readonly number[];
  /** Where this server listens itself: shut, whatever is allowed. Asked for each connection, because addresses come and go. */
  readonly own?: () => readonly AddressPort[];
}

export class AddressPolicy {
  private readonly allowed: ReadonlySet<string>;
  private readonly ports: ReadonlySet<number>;
  private readonly allowedPorts: ReadonlySet<number>;

  constructor(private readonly rules: AddressRules) {
    this.allowed = new Set(rules.allow.map(placeOf));
    this.ports = new Set(rules.ports);
    this.allowedPorts = new Set(rules.allow.map(({ port }) => port));
  }

  /** Whether some address may be asked at this port: what can be said before a name is resolved. */
  readonly permitsPort = (port: number): boolean => this.ports.has(port) || this.allowedPorts.has(port);

  permits(address: string, port: number): boolean {
    const place = placeOf({ address, port });
    if (this.rules.own?.().some((own) => placeOf(own) === place)) return false;
    if (this.allowed.has(place)) return true;
    return this.ports.has(port) && isPublicAddress(address);
  }
}

function placeOf({ address, port }: AddressPort): string {
  return `${canonicalAddress(address)} ${port}`;
}
