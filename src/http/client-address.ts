// Which client an address stands for, as far as limits care: one IPv4 address, or the /64 that one IPv6 customer has.
import { isIPv6 } from 'node:net';

const GROUPS = 8;
/** Four groups of 16 bits: the network part that is handed out to one site. */
const NETWORK_GROUPS = 4;

/** `203.0.113.7` as it is; `2001:db8:1:2:3::4` as `2001:db8:1:2::/64`; an IPv4 address mapped into IPv6 as IPv4. */
export function clientOf(address: string | undefined): string {
  const plain = (address ?? '').replace(/%.*$/, '').toLowerCase();
  const mapped = /^(?:0{0,4}:){1,5}:?ffff:([0-9.]+)$/.exec(plain)?.[1] ?? /^::ffff:([0-9.]+)$/.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, GROUPS - before.length - after.length) }, () => '0');
  const groups = [...before, ...zeros, ...after].slice(0, NETWORK_GROUPS);
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
