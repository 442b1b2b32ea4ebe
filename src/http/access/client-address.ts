// Which client an address stands for, as far as limits care: one IPv4 address, or the /64 that one IPv6 customer has.
import { isIPv4, isIPv6 } from 'node:net';

/**
 * What proxies write beside an address in X-Forwarded-For: brackets around IPv6, and the client's port, which is another one
 * for every connection (`203.0.113.7:50123`, `"[2001:db8::1]:443"`; the node names of RFC 7239 section 6).
 */
const BRACKETED = /^\[([^\]]*)\](?::[\w.-]*)?$/;
/** With one colon alone, or after the dotted end of a mapped address, what follows is no part of the address. */
const WITH_PORT = /^([^:]*|.*\.\d+):[\w.-]*$/;

const GROUPS = 8;
/** Four groups of 16 bits: the network part that is handed out to one site. */
const NETWORK_GROUPS = 4;
const MAPPED_PREFIX = '0:0:0:0:0:ffff';

/** `203.0.113.7` as it is; `2001:db8:1:2:3::4` as `2001:db8:1:2::/64`; an IPv4 address mapped into IPv6 as IPv4. */
export function clientOf(address: string | undefined): string {
  const bare = bareAddress(address ?? '');
  if (!isIPv6(bare)) return bare;
  const groups = groupsOf(bare);
  if (groups.slice(0, 6).join(':') === MAPPED_PREFIX) return ipv4Of(groups);
  return `${groups.slice(0, NETWORK_GROUPS).join(':')}::/64`;
}

/** The address alone, without the port, brackets, quotes and zone that may stand around it. */
function bareAddress(text: string): string {
  const plain = text
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .toLowerCase();
  const inside = BRACKETED.exec(plain)?.[1] ?? WITH_PORT.exec(plain)?.[1] ?? plain;
  return inside.replace(/%.*$/, '');
}

/** The eight groups of an IPv6 address, each in hex without leading zeros. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = withoutDots(address).split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: Math.max(0, GROUPS - before.length - after.length) }, () => '0');
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16).toString(16));
}

/** The address with an IPv4 address at its end written as two groups. */
function withoutDots(address: string): string {
  const start = address.lastIndexOf(':') + 1;
  const end = address.slice(start);
  if (!isIPv4(end)) return address;
  const [a = 0, b = 0, c = 0, d = 0] = end.split('.').map(Number);
  return `${address.slice(0, start)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function ipv4Of(groups: readonly string[]): string {
  return groups
    .slice(6)
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}
