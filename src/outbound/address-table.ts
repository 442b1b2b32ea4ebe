// Which addresses are of the public internet. Judged by the bytes of an address, never by its text, after whatever IPv4 address
// is embedded in it has been unwrapped. Pure; knows no ports and no settings.
//
// net.BlockList matches prefixes; what it does not know is which IPv6 addresses lead to an IPv4 address. The tables follow the
// IANA registries of special purpose addresses (RFC 6890, as of August 2026), with the metadata services of clouds that stand
// outside of them. What is not 2000::/3 is not allocated, and shut.
import { BlockList, isIPv4, isIPv6 } from 'node:net';

const SHUT_IPV4 = listOf('ipv4', [
  ['0.0.0.0', 8], // this network; Linux connects 0.0.0.0 to itself
  ['10.0.0.0', 8],
  ['100.64.0.0', 10], // carrier-grade NAT; 100.100.100.200 is Alibaba's metadata
  ['127.0.0.0', 8],
  ['168.63.129.16', 32], // Azure's platform, from within a virtual machine
  ['169.254.0.0', 16], // link-local; 169.254.169.254 and 169.254.170.2 are metadata services
  ['172.16.0.0', 12],
  ['192.0.0.0', 24], // 192.0.0.192 is Oracle's metadata
  ['192.0.2.0', 24], // documentation
  ['192.31.196.0', 24], // AS112
  ['192.52.193.0', 24], // AMT relays
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16],
  ['192.175.48.0', 24], // AS112
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
]);

const ALLOCATED_IPV6 = listOf('ipv6', [['2000::', 3]]);
const SHUT_IPV6 = listOf('ipv6', [
  ['2001::', 23], // Teredo, benchmarks, ORCHID
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4
  ['2620:4f:8000::', 48], // AS112
  ['3fff::', 20], // documentation
]);

const MAPPED = '00000000000000000000ffff';
const NAT64 = '0064ff9b0000000000000000';
const LOCAL_NAT64 = '0064ff9b0001';
/** Bytes of an IPv4 address in prefixes of 48, 56, 64 and 96 bits (RFC 6052, section 2.2; byte 8 is skipped). */
const NAT64_LAYOUTS = [
  [6, 7, 9, 10],
  [7, 9, 10, 11],
  [9, 10, 11, 12],
  [12, 13, 14, 15],
] as const;

/**
 * Whether `address`, a literal without brackets, is of the public internet. Anything that is no literal is not; an IPv6 address
 * with a zone is not either.
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !SHUT_IPV4.check(address, 'ipv4');
  const bytes = bytesOfIPv6(address);
  if (bytes === undefined) return false;
  const hex = hexOf(bytes);
  if (hex.startsWith(MAPPED) || hex.startsWith(NAT64)) return isPublicAddress(ipv4At(bytes, [12, 13, 14, 15]));
  if (hex.startsWith(LOCAL_NAT64)) return isPublicByLocalNat64(bytes);
  if (!ALLOCATED_IPV6.check(address, 'ipv6') || SHUT_IPV6.check(address, 'ipv6')) return false;
  // ISATAP (RFC 5214): the interface id of any prefix may hold the IPv4 address that the packet is sent to.
  const isIsatap = /^.{16}0[02]005efe/.test(hex);
  return !isIsatap || isPublicAddress(ipv4At(bytes, [12, 13, 14, 15]));
}

/**
 * One text for each place that can be connected to, so that two spellings compare as one: an IPv4 address that is mapped into
 * IPv6 is itself. `undefined`: no address.
 */
export function canonicalAddress(address: string): string | undefined {
  if (isIPv4(address)) return address;
  const bytes = bytesOfIPv6(address);
  if (bytes === undefined) return undefined;
  const hex = hexOf(bytes);
  return hex.startsWith(MAPPED) ? ipv4At(bytes, [12, 13, 14, 15]) : hex;
}

/**
 * Within 64:ff9b:1::/48 each network chooses the length of its own prefix, which cannot be seen from here: so no layout may lead
 * anywhere shut. What a layout reads as 0.0.0.0/8 is the padding of another one; a translator has no such destination.
 */
function isPublicByLocalNat64(bytes: readonly number[]): boolean {
  const read = NAT64_LAYOUTS.map((layout) => ipv4At(bytes, layout)).filter((address) => !address.startsWith('0.'));
  return read.length > 0 && read.every(isPublicAddress);
}

function ipv4At(bytes: readonly number[], places: readonly [number, number, number, number]): string {
  return places.map((place) => bytes[place]).join('.');
}

function hexOf(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('hex');
}

/** The 16 bytes of an IPv6 address without a zone. */
function bytesOfIPv6(address: string): readonly number[] | undefined {
  if (!isIPv6(address) || address.includes('%')) return undefined;
  const dotted = /(?:\d+\.){3}\d+$/.exec(address)?.[0];
  const tail = dotted?.split('.').map(Number) ?? [];
  const hexadecimal = dotted === undefined ? address : address.slice(0, -dotted.length).replace(/(?<!:):$/, '');
  const [head = '', rest] = hexadecimal.split('::');
  const before = groupsOf(head);
  const after = [...groupsOf(rest ?? ''), ...tail];
  return [...before, ...new Array<number>(16 - before.length - after.length).fill(0), ...after];
}

function groupsOf(text: string): number[] {
  const groups = text.split(':').filter((group) => group !== '');
  return groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]);
}

function listOf(family: 'ipv4' | 'ipv6', prefixes: readonly (readonly [address: string, bits: number])[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of prefixes) list.addSubnet(address, bits, family);
  return list;
}
